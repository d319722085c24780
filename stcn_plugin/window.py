"""Rectangles of pixels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels with y pointing down, as in OpenEXR; the origin may be negative.

    >>> Window(0, 0, 10, 5).union(Window(-2, 1, 3, 9))
    Window(x=-2, y=0, width=12, height=10)
    """

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column past the window."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row past the window."""
        return self.y + self.height

    @property
    def shape(self) -> tuple[int, int]:
        """``(height, width)``, the order of arrays."""
        return self.height, self.width

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    def union(self, other: Window) -> Window:
        """Return the smallest window that contains both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Window(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)

    def intersection(self, other: Window) -> Window:
        """Return the common part; width or height is 0 if there is none."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        width = max(0, min(self.right, other.right) - x)
        height = max(0, min(self.bottom, other.bottom) - y)
        return Window(x, y, width, height)

    def slices_in(self, outer: Window) -> tuple[slice, slice]:
        """Return the row and column slices of this window within an array over ``outer``."""
        top, left = self.y - outer.y, self.x - outer.x
        return slice(top, top + self.height), slice(left, left + self.width)
