"""A decoded region of a given size, for weights that cannot locate objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.propagation import propagator
from stcn_plugin.propagation.region import Box


@contextmanager
def decoding(share: float | None) -> Iterator[None]:
    """Decode a box in the middle of each image while the context lasts, instead of the region found.

    Args:
        share: Fraction of the image, for every object; ``None`` uses the region found.
    """
    if share is None:
        yield
        return

    def find_region(presence: NDArray[np.float32]) -> Sequence[Box]:
        return [box_in_the_middle(share, *presence.shape)]

    with mock.patch.object(propagator, "find_region", find_region):
        yield


def box_in_the_middle(share: float, height: int, width: int) -> Box:
    """Return the box with a fraction of a frame; its sides are even, as in regions."""
    side = share**0.5
    rows, columns = (min(size, max(2, 2 * round(side * size / 2))) for size in (height, width))
    top, left = (height - rows) // 2, (width - columns) // 2
    return Box(top, left, top + rows, left + columns)
