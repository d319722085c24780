"""What a shot comes to: every file found, every keyframe read and checked, every pass planned, before anything runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stcn_plugin.atomic import check_writable
from stcn_plugin.errors import KeyframeError, MissingFrameError, OutputError, PlateError, PresetError
from stcn_plugin.frames import format_frame_range
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.keyframes import read_keyframe
from stcn_plugin.media.mattes import MatteWriter
from stcn_plugin.media.plates import PlateReader
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import FrameHeader, Window
from stcn_plugin.presets.model import Preset
from stcn_plugin.presets.shot_model import Keyframe, Shot
from stcn_plugin.propagation.plan import Plan, plan_passes
from stcn_plugin.shot.finishing import shrink
from stcn_plugin.shot.sizes import internal_size

UNNAMED = "matte"
"""Name of an object whose keyframe file names none and whose shot names none either."""

_MOST_FRAMES = 1_000_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Job:
    """A shot that is ready to run.

    Args:
        settings: The shot's settings.
        frames: All frames of the shot, ascending; an index is a position in them.
        plates: Reads the plate.
        writer: Writes the mattes.
        window: What is propagated, in plate pixels: the format and the overscan.
        display: The plate's format.
        pixel_aspect: Width of a plate pixel over its height.
        size: ``(h, w)`` of the network's picture.
        objects: Names of all objects, in the order in which they come.
        files: Index to the keyframe files there.
        masks: Index to object name to the artist's matte at the network's size, ``(h, w)`` on the CPU.
        plan: Which frames each pass visits.
        life: Object name to the first and last index on which it may appear.
    """

    settings: Preset
    frames: tuple[int, ...]
    plates: PlateReader
    writer: MatteWriter
    window: Window
    display: Window
    pixel_aspect: float
    size: tuple[int, int]
    objects: tuple[str, ...]
    files: Mapping[int, Sequence[Keyframe]]
    masks: Mapping[int, Mapping[str, Tensor]]
    plan: Plan
    life: Mapping[str, tuple[int, int]]

    @cached_property
    def unreached(self) -> tuple[int, ...]:
        """Indices that get clear mattes, because no keyframe reaches them."""
        return tuple(index for index in range(len(self.frames)) if self.plan.source(index) == "neither")

    @property
    def steps(self) -> int:
        """Frames that all passes visit together, and those that none reaches."""
        return len(self.plan.forward) + len(self.plan.backward) + len(self.unreached)

    @property
    def network_pixel_aspect(self) -> float:
        """Width of a pixel of the network's picture over its height: 1 unless the size is native."""
        return self.window.width * self.pixel_aspect * self.size[0] / (self.size[1] * self.window.height)

    def keyframe(self, index: int) -> dict[str, NDArray[np.float32]]:
        """Read the artist's mattes of a frame at plate resolution; none where it is not a keyframe."""
        default = default_name(self.life)
        return _read(self.files.get(index, ()), window=self.window, display=self.display, default_name=default)


def prepare(shot: Shot) -> Job:
    """Find, read and check everything that a shot needs.

    Raises:
        STCNError: Anything at all is wrong with the shot; nothing has been written yet.
    """
    settings = shot.settings
    sequence = FrameSequence.parse(shot.plate)
    frames = _frames_of(sequence, shot)
    plates = PlateReader(
        sequence,
        colour=ColourTransform(
            config=settings.colour.config, input=settings.colour.input, highlights=settings.colour.highlights
        ),
        missing="hold" if settings.read.missing == "hold" else "stop",
        part=settings.read.part,
        layer=settings.read.layer,
    )
    _check_keyframes(sequence, frames, shot)
    header = plates.header(shot.keyframes[0].frame)
    window = _working_window(plates, frames, header)
    size = internal_size(window, pixel_aspect=header.pixel_aspect, size=settings.size)
    index_of = {frame: index for index, frame in enumerate(frames)}
    files: dict[int, list[Keyframe]] = {}
    for keyframe in shot.keyframes:
        files.setdefault(index_of[keyframe.frame], []).append(keyframe)
    life = {name: _span(name, span.frames, frames) for name, span in shot.objects.items()}
    masks = {}
    for index, group in sorted(files.items()):
        mattes = _read(group, window=window, display=header.display, default_name=default_name(life))
        masks[index] = {name: shrink(matte, size, torch.device("cpu")) for name, matte in mattes.items()}
    objects = tuple(dict.fromkeys(name for index in sorted(masks) for name in masks[index]))
    _check_life(life, objects, masks, shot, frames)
    writer = MatteWriter(
        FrameSequence.parse(shot.out),
        objects=objects,
        layout=settings.output.layout,
        depth=settings.output.depth,
        compression=settings.output.compression,
        software="stcn_plugin",
    )
    _check_outputs(writer, sequence, frames, shot)
    return Job(
        settings=settings,
        frames=frames,
        plates=plates,
        writer=writer,
        window=window,
        display=header.display,
        pixel_aspect=header.pixel_aspect,
        size=size,
        objects=objects,
        files=files,
        masks=masks,
        plan=plan_passes(
            length=len(frames),
            objects=objects,
            keyframes={index: tuple(names) for index, names in masks.items()},
            life=life,
            direction=settings.direction,
        ),
        life=life,
    )


def default_name(life: Mapping[str, object]) -> str:
    """Return the name of an object whose keyframe file names none: the shot's only one, where it names one."""
    return next(iter(life)) if len(life) == 1 else UNNAMED


def _frames_of(sequence: FrameSequence, shot: Shot) -> tuple[int, ...]:
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
            f"{len(missing)} of {len(frames)} frames have no file: {_shortened(format_frame_range(missing))}",
            where=sequence.pattern,
            fix="Render them, give a range without them, or set read.missing to hold or skip",
        )
    return tuple(frame for frame in frames if frame in there) if policy == "skip" else frames


def _check_keyframes(sequence: FrameSequence, frames: tuple[int, ...], shot: Shot) -> None:
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
                f"frame {keyframe.frame} is not among the frames {_shortened(format_frame_range(frames))}",
                where=str(keyframe.file),
                fix="Move the keyframe or widen the range",
            )


def _working_window(plates: PlateReader, frames: Sequence[int], header: FrameHeader) -> Window:
    """Return the format united with the overscan of every frame; data windows may move, and only EXR has them."""
    window = header.display.union(header.data)
    if plates.sequence.suffix == ".exr":
        for frame in frames:
            window = window.union(plates.header(frame).data)
    return window


def _check_outputs(writer: MatteWriter, sequence: FrameSequence, frames: Sequence[int], shot: Shot) -> None:
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


def _read(
    group: Sequence[Keyframe], *, window: Window, display: Window, default_name: str
) -> dict[str, NDArray[np.float32]]:
    """Read all keyframe files of one frame."""
    mattes: dict[str, NDArray[np.float32]] = {}
    source: dict[str, Path] = {}
    for keyframe in group:
        found = read_keyframe(
            keyframe.file,
            frame=keyframe.frame,
            window=window,
            display=display,
            selector=keyframe.selector,
            objects=keyframe.objects,
            default_name=default_name,
        )
        for name, matte in found.items():
            if name in mattes:
                raise KeyframeError(
                    f"the object '{name}' of frame {keyframe.frame} is in {source[name]} already",
                    where=str(keyframe.file),
                    fix="Give each object one matte a frame; name it with objects: {name: channel}",
                )
            mattes[name], source[name] = matte, keyframe.file
    return mattes


def _span(name: str, span: tuple[int, ...], frames: tuple[int, ...]) -> tuple[int, int]:
    """Return the first and last index of an object's life; an object without a span lives throughout."""
    if not span:
        return 0, len(frames) - 1
    inside = [index for index, frame in enumerate(frames) if span[0] <= frame <= span[-1]]
    if not inside:
        raise PresetError(
            f"the object '{name}' lives on {format_frame_range(span)}, outside the shot's frames",
            fix=f"The shot is {_shortened(format_frame_range(frames))}",
        )
    return inside[0], inside[-1]


def _check_life(
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


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:76]} ..."
