"""The internal size: what the network sees of a plate, whatever the plate's own size."""

from __future__ import annotations

import math

from stcn_plugin.media.window import Window


def internal_size(window: Window, *, pixel_aspect: float, size: str) -> tuple[int, int]:
    """Return ``(height, width)`` of the network's picture.

    Squeezed pixels are stretched to square ones, because the network has seen no others. The picture is never larger
    than the plate: enlarging adds cost and no detail.

    Args:
        window: What is propagated, in plate pixels.
        pixel_aspect: Width of a pixel over its height.
        size: ``native``, a short side such as ``480``, or a maximum such as ``0.5MP``.
    """
    if size == "native":
        return window.shape
    height, width = window.height, window.width * pixel_aspect
    if size.endswith("MP"):
        scale = math.sqrt(float(size.removesuffix("MP")) * 1e6 / (height * width))
    else:
        scale = int(size) / min(height, width)
    largest = min(1.0, window.width / width) if pixel_aspect > 1 else 1.0
    scale = min(scale, largest)
    return max(1, round(height * scale)), max(1, round(width * scale))
