"""Specks: little islands in a matte that no artist would leave in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

LARGEST = 24
"""Pixels of the largest speck."""

_TOUCHING = np.ones((3, 3), bool)  # corner to corner counts, else a hair would fall apart into specks


def without_specks(matte: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a matte without the islands of at most `LARGEST` pixels; everything else is untouched.

    Args:
        matte: ``(H, W)`` in 0-1; not changed, since others may look at it too.
    """
    islands, count = ndimage.label(matte > 0, _TOUCHING)
    if not count:
        return matte
    is_kept = np.bincount(islands.ravel()) > LARGEST
    is_kept[0] = True  # what is no island is 0 already
    return np.where(is_kept[islands], matte, np.float32(0))
