"""A shot that is ready to run, and the segments in which it is propagated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from stcn_plugin.atomic import Outputs
from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.bridge.job import WeightsUsed
from stcn_plugin.job.compressed_matte import CompressedMatte
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.plates import PlateReader
from stcn_plugin.media.window import Window
from stcn_plugin.presets.model import Preset
from stcn_plugin.propagation.plan import Plan
from stcn_plugin.shot.model import Shot


@dataclass(frozen=True, eq=False)
class Segment:
    """Frames that are propagated independently: the whole shot, or a part that an update recomputes.

    Frames are indices into the shot.

    Args:
        written: Indices whose mattes are written.
        masks: Index to object name to the given matte at the internal size, ``(h, w)`` on the CPU.
        plan: The frames that each pass visits, which may be more than are written, and the weights of their blend.
    """

    written: range
    masks: Mapping[int, Mapping[str, Tensor]]
    plan: Plan

    @cached_property
    def unreached(self) -> tuple[int, ...]:
        """Indices that no keyframe reaches; they get empty mattes."""
        return tuple(index for index in self.written if self.plan.source(index) == "neither")

    @property
    def blended(self) -> int:
        """Number of frames that are blended from both passes."""
        return sum(self.plan.source(index) == "both" for index in self.written)

    @property
    def steps(self) -> int:
        """Total number of frames that the passes visit, plus the unreached ones."""
        return len(self.plan.forward) + len(self.plan.backward) + len(self.unreached)


@dataclass(frozen=True, eq=False, kw_only=True)
class Job:
    """A shot that is ready to run.

    Args:
        shot: The shot.
        settings: The shot's settings.
        frames: All frames of the shot, ascending; an index is a position in this tuple.
        plates: Reads the plate.
        outputs: Writes files, and refuses to overwrite the plate and the keyframes.
        writer: Encodes the mattes.
        window: The window that is propagated, in plate pixels: the format with its overscan.
        display: The plate's format.
        pixel_aspect: Width of a plate pixel over its height.
        size: ``(h, w)``, the internal size.
        objects: Names of all objects, in order of appearance.
        keyframes: Index to object name to the artist's matte at plate resolution.
        covered: Index to object name to the part of the window that its keyframe covers, for partial keyframes only.
        segments: The segments to propagate, in order.
        life: Object name to the first and last index on which it may appear.
        studio: The studio's plugins.
        weights: The weights of the job.
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
        """Frames whose mattes are written, ascending."""
        return tuple(self.frames[index] for segment in self.segments for index in segment.written)

    @property
    def steps(self) -> int:
        """Total number of steps of all segments."""
        return sum(segment.steps for segment in self.segments)

    @property
    def network_pixel_aspect(self) -> float:
        """Width of a pixel at the internal size over its height: 1 unless the size is native."""
        return self.window.width * self.pixel_aspect * self.size[0] / (self.size[1] * self.window.height)
