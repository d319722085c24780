"""Scene values made safe: what renders and cameras leave in float files that is no colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PLATE_CEILING = 8.0
"""Three stops above white. A higher value shows as white all the same, and one bright pixel must not light the pixels
that it is averaged with."""

HALF_CEILING = 65504.0
"""The largest finite half float."""

CODE_CEILING = 1.5
"""Just above the largest half float in the log encodings (1.468 in ACEScct); far beyond it their curves overflow."""


def tame(pixels: NDArray[np.float32], ceiling: float = HALF_CEILING) -> NDArray[np.float32]:
    """Replace, in place, what is no colour.

    NaN (a broken sample) becomes black. Negative values and -Inf (ringing of a filter, colours outside the gamut) become
    0. Values above the ceiling and +Inf become the ceiling.

    Args:
        pixels: float32 of any shape; written to.
        ceiling: Largest value kept.

    Returns:
        The same array.
    """
    np.fmax(pixels, np.float32(0), out=pixels)  # fmax and fmin prefer a number to NaN
    np.fmin(pixels, np.float32(ceiling), out=pixels)
    return pixels
