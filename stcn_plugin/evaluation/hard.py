"""Scores of DAVIS for the shape of a matte: region overlap (J) and boundary accuracy (F).

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016. Both scores
compare masks: mattes are thresholded at 0.5. Both are in 0-1, and 1 is perfect.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

Matte = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

THRESHOLD = 0.5
TOLERANCE = 0.008
"""Tolerance of the boundary, as a fraction of the image diagonal."""


def mask_of(matte: Matte) -> Mask:
    """Threshold a matte at 0.5; 0.5 is inside.

    >>> mask_of(np.array([[0.49, 0.5, 1.0]], np.float32)).tolist()
    [[False, True, True]]
    """
    mask: Mask = matte >= np.float32(THRESHOLD)
    return mask


def region_overlap(mask: Mask, truth: Mask) -> float:
    """Return J, the intersection over union of two masks; 1 if both are empty.

    Args:
        mask: ``(H, W)`` mask to score.
        truth: ``(H, W)`` ground truth.
    """
    union = int(np.count_nonzero(mask | truth))
    return int(np.count_nonzero(mask & truth)) / union if union else 1.0


def boundary_accuracy(mask: Mask, truth: Mask) -> float:
    """Return F, the harmonic mean of boundary precision and recall; 1 if neither mask has a boundary.

    A boundary pixel is correct if the other mask has a boundary pixel within the tolerance: 0.008 of the image
    diagonal, rounded up to whole pixels. Comparing distances equals dilating a boundary with a disk of that radius, and
    takes the same time for every radius.

    Args:
        mask: ``(H, W)`` mask to score.
        truth: ``(H, W)`` ground truth.
    """
    ours, theirs = boundary(mask), boundary(truth)
    our_count, their_count = int(np.count_nonzero(ours)), int(np.count_nonzero(theirs))
    if not our_count or not their_count:
        # Only one mask has a boundary: precision or recall is 0, and so is their harmonic mean.
        return float(our_count == their_count)
    radius = tolerance_in_pixels(mask.shape)
    window = bounding_window(ours | theirs)
    ours, theirs = ours[window], theirs[window]
    precision = int(np.count_nonzero(ours & _near(theirs, radius))) / our_count
    recall = int(np.count_nonzero(theirs & _near(ours, radius))) / their_count
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary(mask: Mask) -> Mask:
    """Return the ``(H, W)`` boundary of a mask, one pixel wide.

    A pixel is on the boundary if it differs from its neighbour to the right, below, or below to the right. The edge of
    the image is not a boundary.
    """
    # The last row and column are repeated, so that pixels do not differ from neighbours outside the image.
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, below, diagonal = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    differs: Mask = (mask != right) | (mask != below) | (mask != diagonal)
    return differs


def tolerance_in_pixels(shape: tuple[int, ...]) -> int:
    """Return the tolerance in pixels for an image of ``(H, W)``.

    >>> tolerance_in_pixels((480, 854)), tolerance_in_pixels((1080, 1920))
    (8, 18)
    """
    return math.ceil(TOLERANCE * math.hypot(*shape))


def bounding_window(mask: Mask, margin: int = 0) -> tuple[slice, slice]:
    """Return the slices of the smallest window with all set pixels, with a margin inside the image.

    Args:
        mask: ``(H, W)``, with at least one set pixel.
        margin: Pixels to add on each side.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = max(0, int(rows[0]) - margin), max(0, int(columns[0]) - margin)
    return slice(top, int(rows[-1]) + 1 + margin), slice(left, int(columns[-1]) + 1 + margin)


def _near(boundary_mask: Mask, radius: int) -> Mask:
    """Return where a boundary pixel is within ``radius``; distances are roots of integers, so <= is exact."""
    near: Mask = distance_transform_edt(~boundary_mask) <= radius
    return near
