"""Pixel windows: where an image has pixels (data window), and its format (display window)."""

from __future__ import annotations

from dataclasses import dataclass

from stcn_plugin.window import Window

__all__ = ["MAX_PIXELS", "FrameHeader", "Window", "limit_overscan"]

MAX_PIXELS = 1 << 28
"""Maximum number of pixels in an image or window: 16,384 by 16,384."""


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
