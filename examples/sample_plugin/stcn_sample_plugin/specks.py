"""Removes specks: islands in a matte that are too small to be part of an object."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

LARGEST = 24
"""Maximum size of a speck in pixels."""

_TOUCHING = np.ones((3, 3), bool)  # pixels that touch at a corner are connected, as in a thin hair


def without_specks(matte: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a matte without islands of at most `LARGEST` pixels.

    Args:
        matte: ``(H, W)`` in 0-1; not modified.
    """
    islands, count = ndimage.label(matte > 0, _TOUCHING)
    if not count:
        return matte
    is_kept = np.bincount(islands.ravel()) > LARGEST
    is_kept[0] = True  # the background, which is 0 already
    return np.where(is_kept[islands], matte, np.float32(0))
