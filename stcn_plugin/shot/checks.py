"""What must hold before a shot runs: frames that are there, keyframes that fit, files that may be written."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from stcn_plugin.atomic import check_writable
from stcn_plugin.errors import KeyframeError, MissingFrameError, OutputError, PlateError, PresetError
from stcn_plugin.frames import format_frame_range
from stcn_plugin.media.matte_reading import check_mattes
from stcn_plugin.media.mattes import MatteWriter
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import Window
from stcn_plugin.presets.shot_model import Shot

_MOST_FRAMES = 1_000_000


def shot_frames(sequence: FrameSequence, shot: Shot) -> tuple[int, ...]:
    """Return the frames of the shot that will have mattes.

    Without a range it is every frame from the first to the last on disk, gaps included, so that the policy for
    missing frames has its say. Frames to skip are settled here, once, since both passes must see the same ones.
    """
    on_disk = sequence.frames_on_disk()
    if not on_disk:
        raise PlateError(
            "no frame of the plate is on disk", where=sequence.pattern, fix="Check the pattern and the folder"
        )
    if not shot.frames and on_disk[-1] - on_disk[0] > _MOST_FRAMES:
        raise PlateError(
            f"the frames on disk reach from {on_disk[0]} to {on_disk[-1]}",
            where=sequence.pattern,
            fix="Give the range of the shot, or remove the file whose number is not a frame's",
        )
    frames = shot.frames or tuple(range(on_disk[0], on_disk[-1] + 1))
    there = set(on_disk)
    missing = [frame for frame in frames if frame not in there]
    policy = shot.settings.read.missing
    if missing and policy == "stop":
        raise MissingFrameError(
            f"{len(missing)} of {len(frames)} frames have no file: {shortened(format_frame_range(missing))}",
            where=sequence.pattern,
            fix="Render them, give a range without them, or set read.missing to hold or skip",
        )
    return tuple(frame for frame in frames if frame in there) if policy == "skip" else frames


def check_keyframes(sequence: FrameSequence, frames: tuple[int, ...], shot: Shot) -> None:
    """Refuse keyframes that stand on no frame of the plate."""
    on_disk = set(sequence.frames_on_disk())
    for keyframe in shot.keyframes:
        if keyframe.frame not in on_disk and keyframe.frame in (shot.frames or frames):
            raise KeyframeError(
                f"the plate has no frame {keyframe.frame}, which this keyframe is for",
                where=str(keyframe.file),
                fix="Put keyframes on frames that are on disk",
            )
        if keyframe.frame not in frames:
            raise KeyframeError(
                f"frame {keyframe.frame} is not among the frames {shortened(format_frame_range(frames))}",
                where=str(keyframe.file),
                fix="Move the keyframe or widen the range",
            )


def check_outputs(writer: MatteWriter, sequence: FrameSequence, frames: Sequence[int], shot: Shot) -> None:
    """Refuse to write over what the shot is made of, and where nothing can be written at all."""
    sources = {os.path.realpath(sequence.path(frame)): "the plate" for frame in frames}
    sources |= {os.path.realpath(keyframe.file): "a keyframe" for keyframe in shot.keyframes}
    for frame in frames:
        for path in writer.paths(frame):
            if what := sources.get(os.path.realpath(path)):
                raise OutputError(
                    f"this file is {what} of the shot and would be overwritten",
                    where=str(path),
                    fix="Write the mattes somewhere else",
                )
    check_writable(writer.paths(frames[0])[0])
    if folder := shot.settings.overlay.folder:
        check_writable(Path(folder) / "contact_sheet.jpg")


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
    return tuple(index for index, frame in enumerate(frames) if frame in set(update))


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


def shortened(text: str) -> str:
    """Return a frame range that fits into a message."""
    return text if len(text) <= 80 else f"{text[:76]} ..."
