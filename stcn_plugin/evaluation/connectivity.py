"""The connectivity error of mattes: parts that are detached from the object, or should not be.

Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting", CVPR 2009.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label

from stcn_plugin.evaluation.hard import Mask, Matte, bounding_window

LEVELS = 10
"""Number of thresholds between 0 and 1."""

TOLERANCE = 0.15
"""How far a value may exceed the level at which it is connected."""


def connectivity_error(matte: Matte, truth: Matte) -> float:
    """Return the connectivity error of two ``(H, W)`` mattes, in thousands of pixels.

    The level of a pixel is the highest threshold of 0, 0.1 ... 1 at which the pixel belongs to the largest part where both mattes
    reach that threshold; parts are joined along sides. What a value exceeds its level by counts as disconnected if it is
    at least 0.15. The error is the sum of the absolute differences of what is connected.
    """
    differ = matte != truth
    if not differ.any():
        return 0.0
    # Where both are 0 nothing is connected, and the error is 0.
    window = bounding_window((matte > 0) | (truth > 0))
    matte, truth = matte[window], truth[window]
    levels = connected_levels(np.minimum(matte, truth))
    return 1e-3 * float(np.sum(np.abs(_connected(matte, levels) - _connected(truth, levels))))


def connected_levels(common: Matte) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the highest threshold at which each pixel belongs to the largest part; 0 if there is none.

    Args:
        common: ``(H, W)``, the minimum of both mattes.
    """
    levels = np.zeros(common.shape)
    is_open: Mask = np.ones(common.shape, bool)
    for step in range(1, LEVELS + 1):
        labels, count = label(common >= np.float32(step / LEVELS))
        if count:
            sizes = np.bincount(labels.ravel())
            sizes[0] = 0
            is_open &= labels == int(sizes.argmax())
        else:
            is_open[:] = False
        levels[is_open] = step / LEVELS
    return levels


def _connected(
    matte: Matte, levels: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    excess = matte - levels
    return np.where(excess >= TOLERANCE, 1 - excess, 1.0)
