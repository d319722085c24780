"""What a shot comes to: every file found, every keyframe read and checked, every pass planned, before anything runs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stcn_plugin.atomic import Outputs
from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.bridge.job import WeightsUsed
from stcn_plugin.errors import KeyframeError, PlateError, PresetError
from stcn_plugin.frames import format_frame_range, shortened
from stcn_plugin.job.activities import Activities
from stcn_plugin.job.checks import (
    check_keyframes,
    check_life,
    check_outputs,
    check_untouched,
    check_update,
    shot_frames,
    shot_outputs,
    stale_mattes,
)
from stcn_plugin.job.compressed_matte import CompressedMatte
from stcn_plugin.job.finishing import shrink
from stcn_plugin.job.keyframes import read_keyframes
from stcn_plugin.job.licence import licence_warning, weights_metadata
from stcn_plugin.job.segment import Segment
from stcn_plugin.job.sizes import internal_size
from stcn_plugin.job.update import Part, Recall, affected, plan_parts
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.plates import PlateReader
from stcn_plugin.media.portable_names import check_portable
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import MAX_PIXELS, FrameHeader, Window
from stcn_plugin.media.written_mattes import read_mattes
from stcn_plugin.presets.model import Preset
from stcn_plugin.propagation.plan import plan_passes
from stcn_plugin.shot.model import Keyframe, Shot
from stcn_plugin.studio.plates import plate_files
from stcn_plugin.studio.plugins import builtin_hooks


@dataclass(frozen=True, eq=False, kw_only=True)
class Job:
    """A shot that is ready to run.

    Args:
        shot: What it was made of.
        settings: The shot's settings.
        frames: All frames of the shot, ascending; an index is a position in them.
        plates: Reads the plate.
        outputs: Writes files, and none over the plate or a keyframe.
        writer: Makes the mattes' files.
        window: What is propagated, in plate pixels: the format and the overscan.
        display: The plate's format.
        pixel_aspect: Width of a plate pixel over its height.
        size: ``(h, w)`` of the network's picture.
        objects: Names of all objects, in the order in which they come.
        keyframes: Index to object name to the artist's matte at plate resolution, as it was when the job was prepared.
        covered: Index to the objects whose keyframe does not tell of the whole window, each with the part of it that the
            keyframe tells of.
        segments: What is propagated, one after another: the whole shot as one, or the parts that an update asks for.
        life: Object name to the first and last index on which it may appear.
        studio: The studio's plugins.
        weights: The weights that the job will use.
    """

    shot: Shot
    settings: Preset
    frames: tuple[int, ...]
    plates: PlateReader
    outputs: Outputs
    writer: MatteWriter
    window: Window
    display: Window
    pixel_aspect: float
    size: tuple[int, int]
    objects: tuple[str, ...]
    keyframes: Mapping[int, Mapping[str, CompressedMatte]]
    covered: Mapping[int, Mapping[str, Window]]
    segments: tuple[Segment, ...]
    life: Mapping[str, tuple[int, int]]
    studio: Hooks
    weights: WeightsUsed | None = None

    @property
    def written(self) -> tuple[int, ...]:
        """Frames whose mattes will be written, ascending."""
        return tuple(self.frames[index] for segment in self.segments for index in segment.written)

    @property
    def steps(self) -> int:
        """Frames that all passes visit together, and those that none reaches."""
        return sum(segment.steps for segment in self.segments)

    @property
    def network_pixel_aspect(self) -> float:
        """Width of a pixel of the network's picture over its height: 1 unless the size is native."""
        return self.window.width * self.pixel_aspect * self.size[0] / (self.size[1] * self.window.height)


def prepare(
    shot: Shot,
    *,
    update: Collection[int] = (),
    studio: Hooks | None = None,
    watcher: Watcher = Watcher(),
    weights: WeightsUsed | None = None,
) -> Job:
    """Find, read and check everything that a shot needs.

    Args:
        shot: The shot.
        update: Frames whose keyframes are new or changed, or gone for all objects; only what they reach is propagated, into mattes that
            are there. Empty propagates the whole shot.
        studio: The studio's plugins; ``None`` has no other than the built-in.
        watcher: Told what is being read and what is odd about it, and asked whether to go on.
        weights: The weights that the job will use; the mattes and the report name them.

    Raises:
        CancelledError: The watcher said so.
        STCNError: Anything at all is wrong with the shot; nothing has been written yet.
    """
    settings, studio = shot.settings, studio or builtin_hooks()
    if weights and (warning := licence_warning(weights)):
        watcher.on_warning(warning)
    activities = Activities(watcher.on_activity, watcher.is_cancelled)
    with activities.during("listing the frames of the plate", shot.plate):
        sequence = FrameSequence.parse(shot.plate)
        on_disk = sequence.on_disk()
        frames = shot_frames(sequence, on_disk, shot)
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
    size = internal_size(window, pixel_aspect=header.pixel_aspect, size=settings.size)
    index_of = {frame: index for index, frame in enumerate(frames)}
    files: dict[int, list[Keyframe]] = {}
    for keyframe in shot.keyframes:
        files.setdefault(index_of[keyframe.frame], []).append(keyframe)
    life = {name: _span(name, span.frames, frames) for name, span in shot.objects.items()}
    artist = read_keyframes(
        files, window=window, display=header.display, size=size, only_name=only_name(life), activities=activities
    )
    for warning in artist.warnings:
        watcher.on_warning(warning)
    objects = tuple(dict.fromkeys(name for masks in artist.masks.values() for name in masks))
    check_life(life, objects, artist.masks, shot, frames)
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
        metadata=weights_metadata(weights) if weights else {},
        outputs=outputs,
    )
    with activities.during("checking where the mattes go", shot.out):
        check_outputs(outputs, writer, frames, shot)
        if stale := stale_mattes(writer, out, frames):
            watcher.on_warning(stale)
    plan = plan_passes(
        length=len(frames),
        objects=objects,
        keyframes={index: tuple(names) for index, names in artist.masks.items()},
        life=life,
        direction=settings.direction,
    )
    whole = Segment(range(len(frames)), artist.masks, plan)
    job = Job(
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
        segments=(whole,),
        life=life,
        studio=studio,
        weights=weights,
    )
    if not update:
        return job
    with activities.during("reading the mattes on disk around the update", shot.out):
        return _narrowed(job, whole, check_update(update, frames))


def _narrowed(job: Job, whole: Segment, changed: Collection[int]) -> Job:
    """Return a job that propagates only what changed keyframes reach."""
    keyframes = {index: tuple(names) for index, names in whole.masks.items()}
    found = affected(
        changed,
        length=len(job.frames),
        objects=job.objects,
        keyframes=keyframes,
        life=job.life,
        direction=job.settings.direction,
    )
    if not found:
        frames = format_frame_range([job.frames[index] for index in changed])
        raise KeyframeError(
            f"no object lives on frame {frames}, so nothing changes",
            where=str(job.shot.path) if job.shot.path else None,
            fix="Check the frames to update and the ranges of the objects",
        )
    check_untouched(job.writer, job.frames, found, display=job.display)
    memory = job.settings.memory
    recall = Recall(memory.interval, memory.schedule)
    parts = plan_parts(whole.plan, found, objects=job.objects, keyframes=keyframes, recall=recall)
    return replace(job, segments=tuple(_segment(job, part, whole.masks) for part in parts))


def _segment(job: Job, part: Part, masks: Mapping[int, Mapping[str, Tensor]]) -> Segment:
    """Give a part the mattes on disk that it starts from, beside those of the artist."""
    given = dict(masks)
    for index, names in part.on_disk.items():
        mattes = read_mattes(job.writer, job.frames[index], window=job.window, display=job.display)
        small = {name: shrink(mattes[name], job.size, torch.device("cpu")) for name in names}
        given[index] = {**masks.get(index, {}), **small}
    return Segment(part.written, given, part.plan)


def only_name(life: Mapping[str, object]) -> str | None:
    """Return the name of the shot's one object, where it names one and no more."""
    return next(iter(life)) if len(life) == 1 else None


def _working_window(plates: PlateReader, frames: Sequence[int], header: FrameHeader, activities: Activities) -> Window:
    """Return the format united with the overscan of every frame; data windows may move."""
    window = header.display.union(header.data)
    if plates.data_windows_may_differ:
        for frame in plates.distinct(frames):
            activities.go_on()
            with activities.during(f"reading the header of frame {frame}", plates.sequence.path(frame)):
                window = window.union(plates.header(frame).data)
    if window.pixels > MAX_PIXELS:
        raise PlateError(
            f"the format with the overscan of all frames is {window.width}x{window.height}, and at most "
            f"{MAX_PIXELS:,} pixels are worked on",
            where=plates.sequence.pattern,
            fix="Crop the data windows of the plate",
        )
    return window


def _span(name: str, span: Sequence[int], frames: tuple[int, ...]) -> tuple[int, int]:
    """Return the first and last index of an object's life; an object without a span lives throughout."""
    if not span:
        return 0, len(frames) - 1
    first, last = bisect_left(frames, span[0]), bisect_right(frames, span[-1]) - 1
    if first > last:
        raise PresetError(
            f"the object '{name}' lives on {span[0]}-{span[-1]}, outside the shot's frames",
            fix=f"The shot is {shortened(format_frame_range(frames))}",
        )
    return first, last
