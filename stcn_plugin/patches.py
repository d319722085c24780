"""Patches of an image: squares of 8x8 pixels that overlap.

Legend: ``C`` channels; ``P`` pixels of a patch, row by row; ``N`` patches. Patches come last, because arrays whose last axis
is long are processed several times faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

SIZE = 8
"""Side of a patch in pixels."""

STEP = 4
"""Distance between two patches, unless another is asked for: most pixels are in four of them."""


@dataclass(frozen=True, eq=False)
class Patches:
    """Where patches are in images of a size.

    Args:
        shape: ``(h, w)`` of the images.
        corners: ``(N, 2)`` top row and leftmost column of each patch.
    """

    shape: tuple[int, int]
    corners: Integers

    def __len__(self) -> int:
        return len(self.corners)

    def moved(self, motion: Integers) -> Patches:
        """Return the patches moved by ``(N, 2)`` pixels."""
        return Patches(self.shape, self.corners + motion)

    def of(self, image: Floats, size: int = SIZE) -> Floats:
        """Return what an image has there.

        Args:
            image: ``(C, h, w)``.
            size: Side of the patches. All must be inside.

        Returns:
            ``(C, P, N)``.
        """
        return np.take(image.reshape(len(image), -1), self._pixels(size), axis=1)

    def sum(self, values: Floats) -> Floats:
        """Return the sum of what all patches have for a pixel.

        Args:
            values: ``(P, N)``.

        Returns:
            ``(h, w)``, 0 where there is no patch.
        """
        total = np.bincount(self._pixels(SIZE).ravel(), values.ravel(), self.shape[0] * self.shape[1])
        return total.reshape(self.shape).astype(np.float32)

    def _pixels(self, size: int) -> Integers:
        """Return the positions of pixels in images that are flattened, ``(P, N)``."""
        width = self.shape[1]
        offsets = np.arange(size)[:, None] * width + np.arange(size)
        pixels: Integers = offsets.reshape(-1, 1) + (self.corners[:, 0] * width + self.corners[:, 1])
        return pixels


def planes_of(image: Floats) -> Floats:
    """Return an image ``(h, w, C)`` as ``(C, h, w)``."""
    return np.ascontiguousarray(np.moveaxis(image, -1, 0), np.float32)


def grid(shape: tuple[int, int], step: int) -> tuple[Integers, Integers]:
    """Return the rows and the columns at which patches start, so that they cover an image of a size."""
    rows, columns = (_starts(length, step) for length in shape)
    return rows, columns


def patches_that_touch(where: Mask, step: int) -> Patches:
    """Return the patches of the grid that touch a mask ``(h, w)``; the image must be as large as a patch."""
    height, width = where.shape
    rows, columns = grid((height, width), step)
    sums = np.zeros((height + 1, width + 1), np.int32)
    np.cumsum(where.cumsum(0, dtype=np.int32), 1, out=sums[1:, 1:])
    bottom, right = rows + SIZE, columns + SIZE
    below, above = sums[bottom], sums[rows]
    inside = below[:, right] - above[:, right] - below[:, columns] + above[:, columns]
    down, across = np.nonzero(inside)
    return Patches((height, width), np.stack([rows[down], columns[across]], -1))


def _starts(length: int, step: int) -> Integers:
    regular = np.arange(0, length - SIZE + 1, step)
    return regular if regular[-1] == length - SIZE else np.append(regular, length - SIZE)
