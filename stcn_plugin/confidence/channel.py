"""The confidence of every pixel of a frame, for the channel of the matte files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.confidence.figures import levelled


def pixel_confidence(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how sure the least certain object is of each pixel: 1 where all levelled probabilities are 0 or 1, 0 at 0.5.

    Where the two passes disagree, their blend is between 0 and 1, so that this is low, too.

    Args:
        probabilities: ``(O, h, w)`` of the objects that the artist has not drawn on this frame.

    Returns:
        ``(h, w)`` in [0, 1]; 1 without objects.
    """
    if not len(probabilities):
        return np.ones(probabilities.shape[1:], np.float32)
    return np.asarray(np.abs(2 * levelled(probabilities) - 1).min(axis=0), np.float32)
