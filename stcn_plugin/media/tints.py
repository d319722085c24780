"""Colours that tell objects apart in previews and overlays."""

from __future__ import annotations

import colorsys

# Far apart in hue and lightness, also for most colour-blind eyes.
_FIRST = (
    (0.13, 0.65, 1.00),
    (1.00, 0.50, 0.08),
    (0.88, 0.28, 0.88),
    (1.00, 0.86, 0.10),
    (0.18, 0.80, 0.40),
    (0.95, 0.22, 0.22),
    (0.20, 0.88, 0.90),
    (0.60, 0.45, 1.00),
)
_GOLDEN_ANGLE = 0.618034  # of a turn of hue: every further colour falls into the widest gap


def object_colour(index: int) -> tuple[float, float, float]:
    """Return the colour of an object, the same in every shot for its place in the order of objects.

    Args:
        index: Place of the object, from 0.

    Returns:
        Red, green and blue in [0, 1], display-referred.
    """
    if index < len(_FIRST):
        return _FIRST[index]
    return colorsys.hsv_to_rgb(index * _GOLDEN_ANGLE % 1, 0.75, 0.7)  # darker than the first ones
