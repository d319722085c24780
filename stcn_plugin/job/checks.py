"""What must hold before a shot runs: frames that are there, keyframes that fit, files that may be written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from stcn_plugin.atomic import Outputs
from stcn_plugin.errors import KeyframeError, MissingFrameError, OutputError, PlateError, PresetError
from stcn_plugin.frames import MAX_FRAMES, format_frame_range, shortened
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.overlays import overlay_files
from stcn_plugin.media.sequences import FilesOnDisk, FrameSequence
from stcn_plugin.media.window import Window
from stcn_plugin.media.written_mattes import check_mattes
from stcn_plugin.shot.model import Shot


def shot_frames(sequence: FrameSequence, on_disk: FilesOnDisk, shot: Shot) -> tuple[int, ...]:
    """Return the frames of the shot that will have mattes.

    Without a range it is every frame from the first to the last on disk, gaps included, so that the policy for
    missing frames has its say. Frames to skip are settled here, once, since both passes must see the same ones.
    """
    found = sorted({*on_disk.names, *on_disk.broken})
    if not found:
        raise PlateError(
            "no frame of the plate is on disk",
            where=sequence.pattern,
            fix=sequence.suggestion() or "Check the pattern and the folder",
        )
    asked = shot.frames
    if not asked and found[-1] - found[0] >= MAX_FRAMES:
        raise PlateError(
            f"the frames on disk reach from {found[0]} to {found[-1]}, more than {MAX_FRAMES:,} frames",
            where=sequence.pattern,
            fix="Give the range of the shot, or remove the file whose number is not a frame's",
        )
    frames = asked or tuple(range(found[0], found[-1] + 1))
    missing = [frame for frame in frames if frame not in on_disk.names]
    policy = shot.settings.read.missing
    if missing and policy == "stop":
        raise _missing(sequence, on_disk, missing, len(frames))
    return tuple(frame for frame in frames if frame in on_disk.names) if policy == "skip" else frames


def _missing(sequence: FrameSequence, on_disk: FilesOnDisk, missing: Sequence[int], asked: int) -> MissingFrameError:
    """Return the error of frames without a file; links to nothing are told apart."""
    setting = "set read.missing to hold or skip"
    if broken := [frame for frame in missing if frame in on_disk.broken]:
        more = f", as are those of {len(broken) - 1} other frames" if len(broken) > 1 else ""
        return MissingFrameError(
            f"this is a link to a file that is gone{more}",
            where=f"frame {broken[0]} ({on_disk.folder / on_disk.broken[broken[0]]})",
            fix=f"Bring the file back, give a range without it, or {setting}",
        )
    return MissingFrameError(
        f"{len(missing)} of {asked} frames have no file: {shortened(format_frame_range(missing))}",
        where=sequence.pattern,
        fix=f"Render them, give a range without them, or {setting}",
    )


def check_keyframes(on_disk: FilesOnDisk, frames: Sequence[int], shot: Shot) -> None:
    """Refuse keyframes that stand on no frame of the plate."""
    inside = set(frames)
    asked = set(shot.frames or frames)
    for keyframe in shot.keyframes:
        if keyframe.frame not in on_disk.names and keyframe.frame in asked:
            raise KeyframeError(
                f"the plate has no frame {keyframe.frame}, which this keyframe is for",
                where=str(keyframe.file),
                fix="Put keyframes on frames that are on disk",
            )
        if keyframe.frame not in inside:
            raise KeyframeError(
                f"frame {keyframe.frame} is not among the frames {shortened(format_frame_range(frames))}",
                where=str(keyframe.file),
                fix="Move the keyframe or widen the range",
            )


def shot_outputs(shot: Shot, frames: Sequence[int] = ()) -> Outputs:
    """Return what writes the files of a shot, and never over a frame of its plate or a keyframe.

    Args:
        shot: The shot.
        frames: Its frames, where they are known; files of the plate that are on disk count in any case.
    """
    sequence = FrameSequence.parse(shot.plate)
    on_disk = sequence.on_disk()
    paths = {on_disk.path(frame) or sequence.path(frame) for frame in {*frames, *on_disk.frames}}
    plate = dict.fromkeys(paths, "a frame of the plate")
    return Outputs(plate | {Path(keyframe.file): "a keyframe of the shot" for keyframe in shot.keyframes})


def check_outputs(outputs: Outputs, writer: MatteWriter, frames: Sequence[int], shot: Shot) -> None:
    """Refuse to write over what the shot is made of, and where nothing can be written at all."""
    mattes = [path for frame in frames for path in writer.paths(frame)]
    folder = shot.settings.overlay.folder
    outputs.prepare([*mattes, *(overlay_files(Path(folder), frames) if folder else ())])


def stale_mattes(writer: MatteWriter, out: FrameSequence, frames: Sequence[int]) -> str | None:
    """Return what to warn of where mattes of an earlier run with one object would be taken for those of this run.

    Files that hold one matte each are called as asked where there is one object, and by object where there are several.

    Args:
        writer: What will write the mattes.
        out: The frame pattern that was asked for.
        frames: Frames of the shot.
    """
    patterns = set(writer.patterns.values())
    if out.has_object or out.pattern in patterns or writer.layout != "per_object":
        return None
    if not any(out.path(frame).exists() for frame in frames):
        return None
    names = ", ".join(sorted(Path(pattern).name for pattern in patterns))
    return (
        f"{out}: the mattes there are of an earlier run with one object and stay as they are. Now there are several "
        f"objects, and their mattes are {names}"
    )


def check_life(
    life: Mapping[str, tuple[int, int]],
    objects: Sequence[str],
    masks: Mapping[int, Mapping[str, Tensor]],
    shot: Shot,
    frames: tuple[int, ...],
) -> None:
    """Refuse objects that no keyframe shows, and keyframes of objects that are not there yet or no longer."""
    where = str(shot.path) if shot.path else None
    for name in life:
        if name not in objects:
            raise PresetError(
                f"no keyframe shows the object '{name}'; they show: {', '.join(objects)}",
                where=where,
                fix="Add a keyframe of it, or remove it from objects",
            )
    for index, mattes in masks.items():
        for name in mattes:
            first, last = life.get(name, (index, index))
            if not first <= index <= last:
                raise PresetError(
                    f"the keyframe of '{name}' on frame {frames[index]} is outside its range "
                    f"{frames[first]}-{frames[last]}",
                    where=where,
                    fix="Move the keyframe or widen the object's range",
                )


def check_update(update: Collection[int], frames: Sequence[int]) -> tuple[int, ...]:
    """Return the indices of the frames to update; refuse those that the shot does not have."""
    if strangers := sorted(set(update) - set(frames)):
        raise KeyframeError(
            f"there is no frame {format_frame_range(strangers)} to update among "
            f"{shortened(format_frame_range(frames))}",
            fix="Name the frames whose keyframes are new, changed or gone",
        )
    changed = set(update)
    return tuple(index for index, frame in enumerate(frames) if frame in changed)


def check_untouched(writer: MatteWriter, frames: Sequence[int], written: Sequence[range], *, display: Window) -> None:
    """Refuse an update of mattes that are not there, or that were written for other objects or in another layout."""
    touched = {index for part in written for index in part}
    kept = [frame for index, frame in enumerate(frames) if index not in touched]
    if missing := [frame for frame in kept if not all(path.is_file() for path in writer.paths(frame))]:
        raise OutputError(
            f"{len(missing)} frames outside of the update have no mattes of {', '.join(writer.layers)}: "
            f"{shortened(format_frame_range(missing))}",
            where=next(iter(writer.patterns.values())),
            fix="Run the whole shot first, without an update",
        )
    for index in {end for part in written for end in (part.start - 1, part.stop)} & set(range(len(frames))):
        check_mattes(writer, frames[index], display=display)
