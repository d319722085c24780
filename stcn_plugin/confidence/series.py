"""The figures of an object over the shot, and the confidence of each of its frames."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from stcn_plugin.confidence.figures import Figures
from stcn_plugin.confidence.model import Model, fitted_model

_ON_BORDER = 0.02
"""Share of the outline on the border from which an object may be leaving the frame."""


@dataclass(frozen=True, eq=False)
class Series:
    """An object over the shot. Frames are zero-based indices into the shot.

    Args:
        name: The object.
        present: The ranges on which it is present.
        keyframes: The frames on which the artist drew it, ascending.
        figures: Index to its figures, for every frame that a pass reaches and every keyframe.
        outliers: Keyframes to their overlap with the passes that come from both neighbouring keyframes, if these agree
            with each other and not with the keyframe.
        model: The model of the expected J.
    """

    name: str
    present: Sequence[range]
    keyframes: tuple[int, ...]
    figures: Mapping[int, Figures]
    outliers: Mapping[int, float]
    model: Model

    @classmethod
    def of(
        cls,
        name: str,
        present: Sequence[range],
        keyframes: Sequence[int],
        figures: Mapping[int, Figures],
        outliers: Mapping[int, float] | None = None,
    ) -> Series:
        """Return the series of an object with the model of the package."""
        return cls(
            name, present, tuple(sorted(keyframes)), dict(sorted(figures.items())), outliers or {}, fitted_model()
        )

    @cached_property
    def confidence(self) -> Mapping[int, float]:
        """Index to the expected J, 0 to 1; 1 on keyframes. Frames without an object that has left the frame have none."""
        found = {}
        for index, figures in self.figures.items():
            if index in self.keyframes:
                found[index] = 1.0
            elif figures.area or not self._has_left(index):
                found[index] = self.model.expected_j(figures)
        return found

    @cached_property
    def vanished(self) -> tuple[range, ...]:
        """The ranges on which the matte is empty although the object is present and did not leave over the border."""
        return tuple(gone for gone in self._empty if not self._left_over_border(gone))

    def neighbours(self, index: int) -> tuple[int | None, int | None]:
        """Return the keyframes before and after a frame, in the same range of presence."""
        inside = next((present for present in self.present if index in present), range(0))
        before = [each for each in self.keyframes if each in inside and each <= index]
        after = [each for each in self.keyframes if each in inside and each >= index]
        return (before[-1] if before else None), (after[0] if after else None)

    def change(self, index: int) -> float:
        """Return the change since the frame before: of the area in octaves, or of the place in object sizes."""
        now, before = self.figures.get(index), self.figures.get(index - 1)
        if now is None or before is None or now.x is None or before.x is None or now.y is None or before.y is None:
            return 0.0
        size = math.sqrt(max(now.area, before.area))
        moved = math.hypot(now.x - before.x, now.y - before.y) / size
        return max(abs(math.log2(now.area / before.area)), moved)

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
