"""The figures of an object over the shot, and the confidence of each of its frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from stcn_plugin.confidence.arrivals import Arrivals
from stcn_plugin.confidence.figures import Figures
from stcn_plugin.confidence.model import Model, fitted_model

_ON_BORDER = 0.02
"""Share of the outline on the border from which an object may be leaving the frame."""


@dataclass(frozen=True)
class Closure:
    """How a pass fits the next keyframe. Frames are zero-based indices into the shot.

    Args:
        start: The keyframe that the pass starts at.
        end: The keyframe that it arrives at.
        overlap: Overlap of both, 0 to 1.
    """

    start: int
    end: int
    overlap: float


@dataclass(frozen=True, eq=False)
class Series:
    """An object over the shot. Frames are zero-based indices into the shot.

    Args:
        name: The object.
        present: The ranges on which it is present.
        keyframes: The frames on which the artist drew it, ascending.
        figures: Index to its figures, for every frame that a pass reaches and every keyframe.
        arrivals: Keyframes to how the passes that arrive there fit them.
        hazy: Frames whose edges were refined, to the fraction of the edge that is hazy.
        model: The model of the expected J.
    """

    name: str
    present: Sequence[range]
    keyframes: tuple[int, ...]
    figures: Mapping[int, Figures]
    arrivals: Mapping[int, Arrivals]
    hazy: Mapping[int, float]
    model: Model

    @classmethod
    def of(
        cls,
        name: str,
        present: Sequence[range],
        keyframes: Sequence[int],
        figures: Mapping[int, Figures],
        arrivals: Mapping[int, Arrivals] | None = None,
        hazy: Mapping[int, float] | None = None,
    ) -> Series:
        """Return the series of an object with the model of the package."""
        ordered = tuple(sorted(keyframes))
        return cls(name, present, ordered, dict(sorted(figures.items())), arrivals or {}, hazy or {}, fitted_model())

    @cached_property
    def confidence(self) -> Mapping[int, float]:
        """Index to the expected J, 0 to 1; 1 on keyframes. Frames without an object that has left the frame have none."""
        found = {}
        for index, figures in self.figures.items():
            if index in self.keyframes:
                found[index] = 1.0
            elif figures.area or not self._has_left(index):
                found[index] = self.model.expected_j(figures, keyframe=self.nearest_keyframe(index))
        return found

    @cached_property
    def vanished(self) -> tuple[range, ...]:
        """The ranges on which the matte is empty although the object is present and did not leave over the border."""
        return tuple(gone for gone in self._empty if not self._left_over_border(gone))

    @cached_property
    def closures(self) -> tuple[Closure, ...]:
        """How the passes fit the keyframes that they arrive at, both directions of each pair of neighbours."""
        found = []
        for before, after in pairwise(self.keyframes):
            forward, backward = self.arrivals.get(after, Arrivals()), self.arrivals.get(before, Arrivals())
            if forward.forward is not None:
                found.append(Closure(before, after, forward.forward))
            if backward.backward is not None:
                found.append(Closure(after, before, backward.backward))
        return tuple(found)

    def neighbours(self, index: int) -> tuple[int | None, int | None]:
        """Return the keyframes before and after a frame, in the same range of presence."""
        inside = next((present for present in self.present if index in present), range(0))
        before = [each for each in self.keyframes if each in inside and each <= index]
        after = [each for each in self.keyframes if each in inside and each >= index]
        return (before[-1] if before else None), (after[0] if after else None)

    def nearest_keyframe(self, index: int) -> Figures | None:
        """Return the figures of the nearest keyframe in the same range of presence."""
        near = [each for each in self.neighbours(index) if each is not None and each in self.figures]
        return self.figures[min(near, key=lambda each: abs(each - index))] if near else None

    @cached_property
    def _empty(self) -> tuple[range, ...]:
        """The ranges of frames whose matte is empty, without keyframes."""
        ranges: list[range] = []
        for index, figures in self.figures.items():
            if figures.area or index in self.keyframes:
                continue
            if ranges and ranges[-1].stop == index:
                ranges[-1] = range(ranges[-1].start, index + 1)
            else:
                ranges.append(range(index, index + 1))
        return tuple(ranges)

    def _has_left(self, index: int) -> bool:
        return any(index in gone and self._left_over_border(gone) for gone in self._empty)

    def _left_over_border(self, gone: range) -> bool:
        beside = [self.figures.get(index) for index in (gone.start - 1, gone.stop)]
        return any(figures is not None and figures.border > _ON_BORDER for figures in beside)
