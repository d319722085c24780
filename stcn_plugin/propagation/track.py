"""Tracks: where the objects are from frame to frame, as the coarse and the close views find them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from stcn_plugin.propagation.placement import Mask, box_of, touch, union, widened
from stcn_plugin.window import Window

_REACH = 0.5
"""Distance that objects move within a frame, as a fraction of their larger dimension; farther parts are elsewhere."""
_LOST = 0.05
"""Fraction of its last area below which a group is lost."""
_RETURNED = 0.1
"""Fraction of its last area from which on a part of the coarse view is a lost group that has returned."""
_JUMPED = (0.4, 2.5)
"""The same for a group that has moved out of reach."""


@dataclass(frozen=True)
class Track:
    """Where an object is.

    Args:
        box: Its bounding box on the last frame; ``None`` if it is lost.
        area: Pixels of the plate that it covered when last found.
        is_seen: Whether the coarse view found it on the last frame.
    """

    box: Window | None = None
    area: float = 0.0
    is_seen: bool = True

    def followed(self, parts: Sequence[tuple[Window, float]]) -> tuple[Track, Window | None]:
        """Return the track, and the box that the window has to hold, after the coarse view of the next frame.

        Args:
            parts: Box and area of each part that the coarse view found.
        """
        if self.box is None:
            return self, _largest(parts, at_least=_RETURNED * self.area)
        reach = math.ceil(_REACH * max(self.box.width, self.box.height))
        if near := [box for box, _ in parts if touch(box, widened(self.box, reach))]:
            return replace(self, is_seen=True), union([self.box, *near])
        # Only if the coarse view found it until now, or else any other thing that looks like it would take over.
        low, high = (factor * self.area for factor in _JUMPED)
        jumped = _largest(parts, at_least=low, at_most=high) if self.is_seen else None
        return replace(self, is_seen=jumped is not None), jumped or self.box

    def found(self, mask: Mask, window: Window) -> Track:
        """Return the track after the close view.

        Args:
            mask: ``(h, w)``, where the object is.
            window: The window that the mask covers.
        """
        box, area = box_of(mask, window), float(mask.sum()) * window.pixels / mask.size
        is_found = box is not None and area >= _LOST * self.area
        return replace(self, box=box, area=area) if is_found else replace(self, box=None)


def _largest(parts: Sequence[tuple[Window, float]], *, at_least: float, at_most: float = math.inf) -> Window | None:
    likely = [part for part in parts if at_least <= part[1] <= at_most]
    return max(likely, key=lambda part: part[1])[0] if likely else None
