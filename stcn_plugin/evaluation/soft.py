"""Errors of a soft matte against soft ground truth, as defined in the literature on image and video matting.

``a`` is the matte and ``g`` the ground truth, both in 0-1, over all pixels of the image, or over a part of it such as
the band around the edges (`stcn_plugin.evaluation.band`):

====== ==================================================== ===== ===========================================
error  formula                                              unit  from
====== ==================================================== ===== ===========================================
MSE    mean of (a - g)^2                                    1e-3  Rhemann et al., CVPR 2009
SAD    sum of abs(a - g)                                    1e3   Rhemann et al., CVPR 2009
Grad   sum of (norm of grad a - norm of grad g)^2           1e3   Rhemann et al., CVPR 2009, sigma 1.4
dtSSD  root of the mean of ((a - a') - (g - g'))^2          1e-2  Erofeev et al., BMVC 2015; ' is the previous frame
====== ==================================================== ===== ===========================================

An MSE of 2.0 is 0.002, and a SAD of 2.0 is two thousand pixels. All are 0 for a perfect matte. SAD and Grad grow with
the size of the image, MSE and dtSSD do not.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import correlate1d

from stcn_plugin.evaluation.hard import Mask, Matte, bounding_window

SIGMA = 1.4
"""Standard deviation of the Gaussian whose first derivatives measure gradients, in pixels."""

REACH = 4
"""Radius of the kernels in pixels: where the Gaussian falls below 1 %, rounded up."""


def mean_squared_error(matte: Matte, truth: Matte, within: Mask | None = None) -> float:
    """Return the mean of the squared differences of two ``(H, W)`` mattes, x 1e3.

    Args:
        matte: ``(H, W)`` matte.
        truth: ``(H, W)`` ground truth.
        within: ``(H, W)`` pixels to compare, at least one; ``None`` for all.
    """
    return 1e3 * float(np.mean(np.square(_difference(matte, truth, within))))


def absolute_difference(matte: Matte, truth: Matte, within: Mask | None = None) -> float:
    """Return the sum of the absolute differences of two ``(H, W)`` mattes (SAD), in thousands.

    Args:
        matte: ``(H, W)`` matte.
        truth: ``(H, W)`` ground truth.
        within: ``(H, W)`` pixels to compare; ``None`` for all.
    """
    return 1e-3 * float(np.sum(np.abs(_difference(matte, truth, within))))


def gradient_error(matte: Matte, truth: Matte, within: Mask | None = None) -> float:
    """Return the sum of the squared differences of the gradient magnitudes of two ``(H, W)`` mattes, in thousands.

    Args:
        matte: ``(H, W)`` matte.
        truth: ``(H, W)`` ground truth.
        within: ``(H, W)`` pixels to compare; ``None`` for all.
    """
    differ = matte != truth
    if not differ.any():
        return 0.0
    # Gradients differ within one radius of a difference; another radius of margin makes them exact there.
    window = bounding_window(differ, margin=2 * REACH)
    matte, truth = matte[window], truth[window]
    squares = np.square(gradient_magnitude(matte) - gradient_magnitude(truth))
    return 1e-3 * float(np.sum(squares if within is None else squares[within[window]]))


def temporal_error(
    matte: Matte, truth: Matte, previous_matte: Matte, previous_truth: Matte, within: Mask | None = None
) -> float:
    """Return the difference between the changes of matte and ground truth since the previous frame (dtSSD), x 1e2.

    Args:
        matte: ``(H, W)`` matte of this frame.
        truth: ``(H, W)`` ground truth of this frame.
        previous_matte: ``(H, W)`` matte of the previous frame.
        previous_truth: ``(H, W)`` ground truth of the previous frame.
        within: ``(H, W)`` pixels to compare, at least one; ``None`` for all.
    """
    change = _difference(matte, truth, within) - _difference(previous_matte, previous_truth, within)
    return 1e2 * math.sqrt(float(np.mean(np.square(change))))


def gradient_magnitude(matte: Matte) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the ``(H, W)`` norm of the Gaussian first derivatives of a matte; border pixels are repeated.

    The 9x9 kernel of each direction is scaled to unit energy (its squares sum to 1), as in Rhemann's evaluation.
    """
    x = np.arange(-REACH, REACH + 1)
    smooth = np.exp(-np.square(x / SIGMA) / 2)
    slope = x * smooth
    smooth, slope = smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)
    wide = matte.astype(np.float64)
    across = correlate1d(correlate1d(wide, slope, axis=1, mode="nearest"), smooth, axis=0, mode="nearest")
    down = correlate1d(correlate1d(wide, slope, axis=0, mode="nearest"), smooth, axis=1, mode="nearest")
    return np.hypot(across, down)


def _difference(
    matte: Matte, truth: Matte, within: Mask | None = None
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Subtract in double precision, because a sum over a 4K image would lose digits."""
    if within is not None:
        matte, truth = matte[within], truth[within]
    return np.subtract(matte, truth, dtype=np.float64)
