"""Scores of a matte's shape, as DAVIS defines them: region overlap (J) and boundary accuracy (F).

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016. Both scores
look at masks: a matte is cut at 0.5 first. Both are between 0 and 1, and 1 is perfect.
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
"""How far a boundary may be off, as a fraction of the picture's diagonal."""


def mask_of(matte: Matte) -> Mask:
    """Cut a matte at 0.5; 0.5 itself is inside.

    >>> mask_of(np.array([[0.49, 0.5, 1.0]], np.float32)).tolist()
    [[False, True, True]]
    """
    mask: Mask = matte >= np.float32(THRESHOLD)
    return mask


def region_overlap(mask: Mask, truth: Mask) -> float:
    """Return J, the pixels that both masks share over the pixels of either; 1 where both are empty.

    Args:
        mask: ``(H, W)`` mask to score.
        truth: ``(H, W)`` mask it should be.
    """
    union = int(np.count_nonzero(mask | truth))
    return int(np.count_nonzero(mask & truth)) / union if union else 1.0


def boundary_accuracy(mask: Mask, truth: Mask) -> float:
    """Return F, the harmonic mean of boundary precision and recall; 1 where neither mask has a boundary.

    A boundary pixel counts as right where the other mask has a boundary pixel within the tolerance: 0.008 of the
    picture's diagonal, rounded up to whole pixels. Measuring distances between pixels is the same as dilating one
    boundary with a disk of that radius, and takes no longer for a wide disk than for a small one.

    Args:
        mask: ``(H, W)`` mask to score.
        truth: ``(H, W)`` mask it should be.
    """
    ours, theirs = boundary(mask), boundary(truth)
    our_count, their_count = int(np.count_nonzero(ours)), int(np.count_nonzero(theirs))
    if not our_count or not their_count:
        # One side alone has a boundary: precision or recall is 0, and so is their mean.
        return float(our_count == their_count)
    radius = tolerance_in_pixels(mask.shape)
    window = bounding_window(ours | theirs)
    ours, theirs = ours[window], theirs[window]
    precision = int(np.count_nonzero(ours & _near(theirs, radius))) / our_count
    recall = int(np.count_nonzero(theirs & _near(ours, radius))) / their_count
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary(mask: Mask) -> Mask:
    """Return the ``(H, W)`` boundary of a mask, one pixel wide.

    A pixel is boundary where it differs from its neighbour to the right, below, or below to the right. The picture's
    frame is no boundary: a mask that fills the picture has none.
    """
    # Repeating the last row and column makes the neighbours beyond the frame equal to the pixel they continue.
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, below, diagonal = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    differs: Mask = (mask != right) | (mask != below) | (mask != diagonal)
    return differs


def tolerance_in_pixels(shape: tuple[int, ...]) -> int:
    """Return how many pixels a boundary may be off in a picture of ``(H, W)``.

    >>> tolerance_in_pixels((480, 854)), tolerance_in_pixels((1080, 1920))
    (8, 18)
    """
    return math.ceil(TOLERANCE * math.hypot(*shape))


def bounding_window(mask: Mask, margin: int = 0) -> tuple[slice, slice]:
    """Return the slices of the smallest window with every set pixel, and ``margin`` more where the picture goes on.

    Args:
        mask: ``(H, W)``, with one set pixel at least.
        margin: Pixels to add on each side.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = max(0, int(rows[0]) - margin), max(0, int(columns[0]) - margin)
    return slice(top, int(rows[-1]) + 1 + margin), slice(left, int(columns[-1]) + 1 + margin)


def _near(boundary_mask: Mask, radius: int) -> Mask:
    """Return where a boundary pixel lies within ``radius``: distances are roots of whole numbers, so <= is exact."""
    near: Mask = distance_transform_edt(~boundary_mask) <= radius
    return near
