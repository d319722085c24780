"""The band around the edges of ground truth, in which mattes are also scored apart from the rest of the image."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt

from stcn_plugin.evaluation.hard import Mask, Matte, boundary, bounding_window, mask_of

REACH = 8
"""How far the band reaches from the edge, in pixels of an image that is 2048 wide."""

SOFT = 0.01
"""Values from here to 1 less this are soft. Smaller values may be errors of 8 bits or of compression."""


def edge_band(truth: Matte) -> Mask:
    """Return the band around the edges of a matte.

    It has the soft pixels of the matte and its boundary at 0.5, and everything within 8 pixels of them; that distance
    is for an image that is 2048 wide, and grows with the width.

    Args:
        truth: ``(H, W)`` ground truth.

    Returns:
        ``(H, W)``; empty if the matte has no edge.
    """
    band: Mask = np.zeros(truth.shape, bool)
    edge = (truth >= SOFT) & (truth <= 1 - SOFT) | boundary(mask_of(truth))
    if edge.any():
        reach = reach_in_pixels(truth.shape[1])
        window = bounding_window(edge, margin=int(reach))
        band[window] = distance_transform_edt(~edge[window]) <= reach
    return band


def reach_in_pixels(width: int) -> float:
    """Return how far the band reaches in an image of a width.

    >>> reach_in_pixels(2048), reach_in_pixels(3840)
    (8.0, 15.0)
    """
    return REACH * width / 2048
