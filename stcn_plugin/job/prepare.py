"""Preparation of a job: finds all files, reads and checks the keyframes, and plans the passes, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.bridge.report import WeightsUsed
from stcn_plugin.errors import PlateError
from stcn_plugin.job.activities import Activities
from stcn_plugin.job.checks import (
    check_keyframes,
    check_outputs,
    padding_warning,
    shot_frames,
    shot_outputs,
    stale_mattes_warning,
)
from stcn_plugin.job.job import Job
from stcn_plugin.job.keyframes import read_keyframes
from stcn_plugin.job.presence import check_object_ranges, object_presence, object_ranges
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.plates import PlateReader
from stcn_plugin.media.portable_names import check_portable
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import MAX_PIXELS, FrameHeader, Window
from stcn_plugin.propagation.images import internal_size
from stcn_plugin.propagation.plan import plan_segments
from stcn_plugin.shot.model import Keyframe, Shot
from stcn_plugin.studio.plates import plate_files
from stcn_plugin.studio.plugins import builtin_hooks
from stcn_plugin.weights.store import STARTER_FREE


def prepare(
    shot: Shot,
    *,
    studio: Hooks | None = None,
    watcher: Watcher = Watcher(),
    weights: WeightsUsed | None = None,
    needs_outputs: bool = True,
) -> Job:
    """Find, read and check everything that a shot needs.

    Args:
        shot: The shot.
        studio: The studio's plugins; ``None`` for the built-in plugin alone.
        watcher: Callbacks for activities, warnings and cancelling.
        weights: The weights of the job, which the mattes and the report name.
        needs_outputs: Whether the output folders are created, and checked for being writable. Not needed to look at mattes
            that are on disk.

    Raises:
        CancelledError: The job was cancelled.
        STCNError: The shot has a problem. Nothing has been written.
    """
    settings, studio = shot.settings, studio or builtin_hooks()
    if weights and (warning := _licence_warning(weights)):
        watcher.on_warning(warning)
    activities = Activities(watcher.on_activity, watcher.is_cancelled)
    with activities.during("listing the frames of the plate", shot.plate):
        sequence = FrameSequence.parse(shot.plate)
        on_disk = sequence.on_disk()
        frames = shot_frames(sequence, on_disk, shot)
    if warning := padding_warning(sequence, on_disk, shot):
        watcher.on_warning(warning)
    plates = PlateReader(
        sequence,
        files=plate_files(studio, sequence.pattern, part=settings.read.part, layer=settings.read.layer),
        colour=ColourTransform(
            config=settings.colour.config, input=settings.colour.input, highlights=settings.colour.highlights
        ),
        missing="hold" if settings.read.missing == "hold" else "stop",
        on_disk=on_disk,
        warn=watcher.on_warning,
    )
    with activities.during("reading the header of the plate", shot.plate):
        check_keyframes(on_disk, frames, shot)
        header = plates.header(shot.keyframes[0].frame)
    window = _working_window(plates, frames, header, activities)
    size = internal_size(window.shape, pixel_aspect=header.pixel_aspect, size=settings.size)
    index_of = {frame: index for index, frame in enumerate(frames)}
    files: dict[int, list[Keyframe]] = {}
    for keyframe in shot.keyframes:
        files.setdefault(index_of[keyframe.frame], []).append(keyframe)
    ranges = object_ranges(shot, frames)
    artist = read_keyframes(
        files, window=window, display=header.display, size=size, only_name=only_name(ranges), activities=activities
    )
    for warning in artist.warnings:
        watcher.on_warning(warning)
    objects = tuple(dict.fromkeys(name for masks in artist.masks.values() for name in masks))
    check_object_ranges(ranges, artist.masks, shot, frames)
    presence = object_presence(objects, ranges, artist.absent, length=len(frames))
    outputs = shot_outputs(shot, frames)
    out = FrameSequence.parse(shot.out)
    check_portable(out, warn=watcher.on_warning)
    writer = MatteWriter(
        out,
        objects=objects,
        layout=settings.output.layout,
        depth=settings.output.depth,
        compression=settings.output.compression,
        software="stcn_plugin",
        metadata=_weights_metadata(weights) if weights else {},
        outputs=outputs,
        has_confidence=settings.output.confidence,
    )
    with activities.during("checking the output files", shot.out):
        if needs_outputs:
            check_outputs(outputs, writer, frames, shot)
        if stale := stale_mattes_warning(writer, out, frames):
            watcher.on_warning(stale)
    keyframes = {index: tuple(artist.masks.get(index, ())) for index in files}
    segments = plan_segments(
        length=len(frames), objects=objects, keyframes=keyframes, presence=presence, direction=settings.direction
    )
    return Job(
        shot=shot,
        settings=settings,
        frames=frames,
        plates=plates,
        outputs=outputs,
        writer=writer,
        window=window,
        display=header.display,
        pixel_aspect=header.pixel_aspect,
        size=size,
        objects=objects,
        keyframes=artist.mattes,
        covered=artist.covered,
        masks=artist.masks,
        empty=artist.absent,
        segments=segments,
        presence=presence,
        studio=studio,
        weights=weights,
    )


def only_name(listed: Mapping[str, object]) -> str | None:
    """Return the name of the shot's object if it lists exactly one; ``None`` otherwise."""
    return next(iter(listed)) if len(listed) == 1 else None


def _working_window(plates: PlateReader, frames: Sequence[int], header: FrameHeader, activities: Activities) -> Window:
    """Return the union of the format and the data windows of all frames, which may differ."""
    window = header.display.union(header.data)
    if plates.data_windows_may_differ:
        for frame in plates.distinct(frames):
            activities.checkpoint()
            with activities.during(f"reading the header of frame {frame}", plates.sequence.path(frame)):
                window = window.union(plates.header(frame).data)
    if window.pixels > MAX_PIXELS:
        raise PlateError(
            f"the format with the overscan of all frames is {window.width}x{window.height}, more than "
            f"{MAX_PIXELS:,} pixels",
            where=plates.sequence.pattern,
            fix="Crop the data windows of the plate",
        )
    return window


def _licence_warning(weights: WeightsUsed) -> str | None:
    """Return a warning for weights that may not be used in commercial work; ``None`` for others."""
    if not weights.is_noncommercial:
        return None
    return (
        f"the weights '{weights.name}' are for non-commercial work only; for commercial work, choose others, such as "
        f"{STARTER_FREE}"
    )


def _weights_metadata(weights: WeightsUsed) -> Mapping[str, str]:
    """Return the metadata of mattes; formats without custom attributes keep only the description."""
    return {
        "stcn/weights": weights.name,
        "stcn/weightsSha256": weights.sha256,
        "stcn/weightsLicense": weights.licence,
        "ImageDescription": f"Matte by stcn_plugin with the weights {weights.text}",
    }
