"""A shot that is ready to run."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from stcn_plugin.atomic import Outputs
from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.bridge.report import Report, WeightsUsed
from stcn_plugin.job.compressed_matte import CompressedMatte
from stcn_plugin.job.presence import Presence
from stcn_plugin.matte.finishing import finish
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.overlays import overlay_file
from stcn_plugin.media.plates import PlateReader
from stcn_plugin.media.window import Window
from stcn_plugin.presets.matte import Matte
from stcn_plugin.presets.model import Preset
from stcn_plugin.propagation.placement import Frame
from stcn_plugin.propagation.plan import PASS_DIRECTIONS, PassDirection, Segment
from stcn_plugin.shot.model import Shot


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
        masks: Index to object name to the artist's matte at the internal size, ``(h, w)`` on the CPU.
        empty: Index to the objects whose keyframe is empty there, which makes them absent.
        segments: All segments of the shot, in order.
        presence: Object name to the ranges of indices on which it is present.
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
    masks: Mapping[int, Mapping[str, Tensor]]
    empty: Mapping[int, frozenset[str]]
    segments: tuple[Segment, ...]
    presence: Presence
    studio: Hooks
    weights: WeightsUsed | None = None

    @cached_property
    def matte_settings(self) -> tuple[Matte, ...]:
        """The matte settings of each object."""
        return tuple(self.shot.matte_settings(name) for name in self.objects)

    def finished(self, own: Tensor) -> Tensor:
        """Return the mattes of a frame from the probabilities of all objects, ``(O, H, W)``; changes them in place."""
        return finish(own, settings=self.matte_settings, pixel_aspect=self.pixel_aspect)

    @property
    def is_windowed(self) -> bool:
        """Whether the network looks at windows where they pay off.

        It does not if a keyframe covers only part of the plate, because the rest is filled in at the internal size.
        """
        return self.settings.window == "object" and not any(self.covered.values())

    def placement_frame(self, object_size: int) -> Frame:
        """Return the frame that windows are placed in.

        Args:
            object_size: That of the weights.
        """
        return Frame(self.window.shape, self.size, object_size)

    def index_of(self, frame: int) -> int:
        """Return the index of a frame."""
        return bisect_left(self.frames, frame)

    def absent(self, index: int) -> frozenset[str]:
        """Return the objects that are not in the shot on a frame."""
        return frozenset(
            name for name, spans in self.presence.items() if not any(index in present for present in spans)
        )

    def uses(self, segment: Segment, direction: PassDirection, index: int) -> bool:
        """Whether the mattes of a frame depend on a pass. They do not if the artist gave all of them."""
        return segment.uses(direction, index) and not self._is_given(index)

    def neighbours(self, segment: Segment, index: int) -> tuple[int, ...]:
        """Return the frames before and after a frame that its mattes are stabilised with.

        Of other segments, these are only keyframes: what passes find there makes no difference to the segment.
        """
        is_propagated = any(self.uses(segment, direction, index) for direction in PASS_DIRECTIONS)
        if not is_propagated or all(each.stabilise in ("off", 0) for each in self.matte_settings):
            return ()
        last = len(self.frames) - 1
        both = [each for each in (index - 1, index + 1) if 0 <= each <= last]
        return tuple(each for each in both if each in segment.frames or each in self.keyframes)

    def _is_given(self, index: int) -> bool:
        """Whether the artist gave all mattes of a frame."""
        given = self.keyframes.get(index, {}).keys()
        return not self.covered.get(index) and self.presence.keys() - self.absent(index) <= given

    def empty_report(self) -> Report:
        """Return a report with the objects and files of the mattes, of which none is written."""
        writer = self.writer
        return Report(
            objects=self.objects,
            layers=writer.layers,
            patterns=writer.patterns,
            layout=writer.layout,
            device="none",
            precision="none",
            first=self.frames[0],
            last=self.frames[-1],
            shot_file=str(self.shot.path) if self.shot.path else None,
            weights=self.weights,
        )

    def files(self, frame: int) -> tuple[Path, ...]:
        """Return all files of a frame: its mattes, and its overlay if overlays are written."""
        folder = self.settings.overlay.folder
        return (*self.writer.paths(frame), *([overlay_file(Path(folder), frame)] if folder else ()))

    @property
    def network_pixel_aspect(self) -> float:
        """Width of a pixel at the internal size over its height: 1 unless the size is native."""
        return self.window.width * self.pixel_aspect * self.size[0] / (self.size[1] * self.window.height)
