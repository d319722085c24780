"""What a shot comes to: every file found, every keyframe read and checked, every pass planned, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stcn_plugin.errors import KeyframeError, MissingFrameError, PlateError, PresetError
from stcn_plugin.frames import format_frame_range
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.keyframes import read_keyframe
from stcn_plugin.media.mattes import MatteWriter
from stcn_plugin.media.plates import PlateReader
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import Window
from stcn_plugin.presets.model import Preset
from stcn_plugin.presets.shot_model import Keyframe, Shot
from stcn_plugin.propagation.plan import Plan, plan_passes
from stcn_plugin.shot.finishing import shrink
from stcn_plugin.shot.sizes import internal_size

UNNAMED = "matte"
"""Name of an object whose keyframe file names none and whose shot names none either."""


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
    def steps(self) -> int:
        """Frames that all passes visit together, and frames that none visits."""
        unvisited = set(range(len(self.frames))) - set(self.plan.forward) - set(self.plan.backward)
        return len(self.plan.forward) + len(self.plan.backward) + len(unvisited)

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
    frames = shot.frames or _frames_of(sequence)
    plates = PlateReader(
        sequence,
        colour=ColourTransform(
            config=settings.colour.config, input=settings.colour.input, highlights=settings.colour.highlights
        ),
        missing=settings.read.missing,
        part=settings.read.part,
        layer=settings.read.layer,
    )
    _check_frames(sequence, frames, shot)
    header = plates.header(shot.keyframes[0].frame)
    window = header.display.union(header.data)
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
    return Job(
        settings=settings,
        frames=frames,
        plates=plates,
        writer=MatteWriter(
            FrameSequence.parse(shot.out),
            objects=objects,
            layout=settings.output.layout,
            depth=settings.output.depth,
            compression=settings.output.compression,
            software="stcn_plugin",
        ),
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


def _frames_of(sequence: FrameSequence) -> tuple[int, ...]:
    """Return every frame from the first to the last on disk, gaps included: the policy for missing ones decides."""
    found = sequence.frames_on_disk()
    if not found:
        raise PlateError(
            "no frame of the plate is on disk", where=sequence.pattern, fix="Check the pattern and the folder"
        )
    return tuple(range(found[0], found[-1] + 1))


def _check_frames(sequence: FrameSequence, frames: tuple[int, ...], shot: Shot) -> None:
    """Refuse what would fail hours later: frames that are not on disk, keyframes that are not in the range."""
    on_disk = set(sequence.frames_on_disk())
    missing = [frame for frame in frames if frame not in on_disk]
    if missing and shot.settings.read.missing == "stop":
        raise MissingFrameError(
            f"{len(missing)} of {len(frames)} frames have no file: {_shortened(format_frame_range(missing))}",
            where=sequence.pattern,
            fix="Render them, give a range without them, or set read.missing to hold or skip",
        )
    for keyframe in shot.keyframes:
        if keyframe.frame not in frames:
            raise KeyframeError(
                f"frame {keyframe.frame} is not among the frames {_shortened(format_frame_range(frames))}",
                where=str(keyframe.file),
                fix="Move the keyframe or widen the range",
            )
        if keyframe.frame not in on_disk:
            raise KeyframeError(
                f"the plate has no frame {keyframe.frame}, which this keyframe is for",
                where=str(keyframe.file),
                fix="Put keyframes on frames that are on disk",
            )


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
