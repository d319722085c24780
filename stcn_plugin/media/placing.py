"""Pixels of one window laid into another, and made coverage."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.media.window import Window

Scalar = TypeVar("Scalar", bound=np.generic)


def placed(pixels: NDArray[Scalar], source: Window, target: Window) -> NDArray[Scalar]:
    """Return the pixels over another window; 0 where there were none.

    Args:
        pixels: ``(H, W)`` or ``(H, W, C)`` over ``source``.
        source: Where the pixels are.
        target: Where they are wanted.

    Returns:
        ``target.shape`` pixels; a view of the ones given where these reach that far.
    """
    shared = source.intersection(target)
    if shared == target:
        return pixels[target.slices_in(source)]
    result = np.zeros((*target.shape, *pixels.shape[2:]), pixels.dtype)
    result[shared.slices_in(target)] = pixels[shared.slices_in(source)]
    return result


def as_coverage(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return pixels as coverage, all of them in [0, 1]; NaN becomes 0 and infinity 1."""
    coverage: NDArray[np.float32] = np.fmax(pixels, np.float32(0))  # fmax takes the number where the other is NaN
    np.minimum(coverage, np.float32(1), out=coverage)
    return coverage
