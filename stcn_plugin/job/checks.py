"""Checks before a shot runs: its frames exist, its keyframes fit, and its files can be written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stcn_plugin.atomic import Outputs
from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.errors import KeyframeError, MissingFrameError, PlateError
from stcn_plugin.frames import MAX_FRAMES, format_frame_range, shortened
from stcn_plugin.media.listing import as_pattern
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.overlays import overlay_files
from stcn_plugin.media.sequences import FilesOnDisk, FrameSequence
from stcn_plugin.shot.model import Shot


def shot_frames(sequence: FrameSequence, on_disk: FilesOnDisk, shot: Shot) -> tuple[int, ...]:
    """Return the frames of the shot that get mattes.

    Without a frame range, these are all frames from the first to the last on disk, including gaps, which
    ``read.missing`` then applies to. Skipped frames are removed.

    Args:
        sequence: The plate.
        on_disk: Its files.
        shot: The shot.

    Raises:
        PlateError: No file of the plate exists, or they span too many frames.
        MissingFrameError: A frame has no file, and ``read.missing`` is ``stop``.
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
            fix="Give the range of the shot, or remove the file whose number is not a frame number",
        )
    frames = asked or tuple(range(found[0], found[-1] + 1))
    missing = [frame for frame in frames if frame not in on_disk.names]
    policy = shot.settings.read.missing
    if missing and policy == "stop":
        raise _missing(sequence, on_disk, missing, len(frames))
    return tuple(frame for frame in frames if frame in on_disk.names) if policy == "skip" else frames


def _missing(sequence: FrameSequence, on_disk: FilesOnDisk, missing: Sequence[int], asked: int) -> MissingFrameError:
    """Return the error for frames without a file; broken links have a separate message."""
    setting = "set read.missing to hold or skip"
    if broken := [frame for frame in missing if frame in on_disk.broken]:
        more = f", as are those of {len(broken) - 1} other frames" if len(broken) > 1 else ""
        return MissingFrameError(
            f"this is a link to a file that no longer exists{more}",
            where=f"frame {broken[0]} ({on_disk.folder / on_disk.broken[broken[0]]})",
            fix=f"Bring the file back, give a range without it, or {setting}",
        )
    return MissingFrameError(
        f"{len(missing)} of {asked} frames have no file: {shortened(format_frame_range(missing))}",
        where=sequence.pattern,
        fix=f"Render them, give a range without them, or {setting}",
    )


def padding_warning(sequence: FrameSequence, on_disk: FilesOnDisk, shot: Shot) -> str | None:
    """Return a warning if frames are left out because the padding in their file names differs from the pattern's."""
    asked = set(shot.frames or on_disk.others)
    left_out = [frame for frame in on_disk.others if frame in asked]
    if not left_out:
        return None
    name = on_disk.others[left_out[0]]
    fix = f"; the pattern of {name} is {pattern}" if (pattern := as_pattern(name)) else ""
    return (
        f"{sequence.pattern}: the frames {shortened(format_frame_range(left_out))} are left out, because their files have "
        f"a different number of digits{fix}"
    )


def check_keyframes(on_disk: FilesOnDisk, frames: Sequence[int], shot: Shot) -> None:
    """Check that every keyframe is on a frame of the shot.

    Raises:
        KeyframeError: A keyframe is on a frame that the plate or the frame range does not have.
    """
    inside = set(frames)
    asked = set(shot.frames or frames)
    for keyframe in shot.keyframes:
        if keyframe.frame not in on_disk.names and keyframe.frame in asked:
            raise KeyframeError(
                f"the plate has no frame {keyframe.frame}",
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
    """Return the writer of a shot's files, which refuses to overwrite the plate and the keyframes.

    Args:
        shot: The shot.
        frames: Its frames if they are known; all plate files on disk are protected in any case.
    """
    sequence = FrameSequence.parse(shot.plate)
    on_disk = sequence.on_disk()
    paths = {on_disk.path(frame) or sequence.path(frame) for frame in {*frames, *on_disk.frames}}
    plate = dict.fromkeys(paths, "a frame of the plate")
    return Outputs(plate | {Path(keyframe.file): "a keyframe of the shot" for keyframe in shot.keyframes})


def check_outputs(outputs: Outputs, writer: MatteWriter, frames: Sequence[int], shot: Shot) -> None:
    """Check that mattes and overlays can be written, and that none would overwrite the plate or a keyframe.

    Raises:
        OutputError: A file cannot be written, or would overwrite a source.
    """
    mattes = [path for frame in frames for path in writer.paths(frame)]
    folder = shot.settings.overlay.folder
    cache = CacheFolder.of(shot.out, shot.settings.cache)
    outputs.prepare([*mattes, *(overlay_files(Path(folder), frames) if folder else ()), cache.manifest])


def stale_mattes_warning(writer: MatteWriter, out: FrameSequence, frames: Sequence[int]) -> str | None:
    """Return a warning if mattes of an earlier run with one object could be mistaken for those of this run.

    With one file per object, files of a single object have the given name, and those of several objects add their names.

    Args:
        writer: The writer of the mattes.
        out: The given frame pattern.
        frames: Frames of the shot.
    """
    patterns = set(writer.patterns.values())
    if out.has_object or out.pattern in patterns or writer.layout != "per_object":
        return None
    if not any(out.path(frame).exists() for frame in frames):
        return None
    names = ", ".join(sorted(Path(pattern).name for pattern in patterns))
    return (
        f"{out}: these mattes are from an earlier run with one object and are not replaced. The mattes of the objects "
        f"in this run are {names}"
    )
