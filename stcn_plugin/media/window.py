"""Pixel windows: where an image has pixels (data window), and its format (display window)."""

from __future__ import annotations

from dataclasses import dataclass

MAX_PIXELS = 1 << 28
"""Maximum number of pixels in an image or window: 16,384 by 16,384."""


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


def limit_overscan(data: Window, display: Window) -> Window:
    """Limit a data window to the format plus its own size on each side.

    >>> limit_overscan(Window(-20, 0, 1000, 10), Window(0, 0, 16, 10))
    Window(x=-16, y=0, width=48, height=10)

    Args:
        data: The data window.
        display: The display window.

    Returns:
        The limited window; the display window if nothing remains.
    """
    near = Window(display.x - display.width, display.y - display.height, 3 * display.width, 3 * display.height)
    shared = data.intersection(near)
    return shared if shared.pixels else display


@dataclass(frozen=True)
class FrameHeader:
    """Metadata of a frame, which mattes inherit from the plate.

    Args:
        display: The display window, or format.
        data: The data window, where pixels exist; may be smaller than the display window or extend beyond it.
        pixel_aspect: Width of a pixel over its height.
        timecode: The two words of an SMPTE timecode, as OpenEXR stores them.
        frame_rate: Frames per second as a fraction.
    """

    display: Window
    data: Window
    pixel_aspect: float = 1.0
    timecode: tuple[int, int] | None = None
    frame_rate: tuple[int, int] | None = None
