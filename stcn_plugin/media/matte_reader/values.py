"""Classifies the pixel values of an image as coverage or as object numbers.

A matte has soft edges and is mostly 0 or fully covered; a label image has a few flat areas of small numbers. An image
that could be either is classified as unclear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

Kind = Literal["nothing", "coverage", "numbers", "unclear"]

# Shares of white, the largest value of the number format.
_FAINTEST = 0.02  # least maximum of a matte; 8-bit labels of up to five objects are below
_FAINT = 0.1  # flat areas below this are numbers
_FULL = 0.95  # values from here on are full coverage
_SMALL_STEP = 2 / 255  # maximum difference between neighbours in a gradient

_MAX_NUMBERS = 64
_FEWER_BITS = (255, 1023, 4095)  # white of 8, 10 and 12 bits in 16-bit files
_MIN_STEPS = 4  # values in a faint gradient, each adjacent only to the next
_MIN_BANDS = 12  # values in a gradient of small steps
_MAX_FIREFLIES = 16  # pixels far above 1 that a render may have


@dataclass(frozen=True)
class PixelValues:
    """The values of an integer image.

    Args:
        kind: Their classification.
        present: Distinct values above 0, ascending.
        white: The largest value of the number format.
    """

    kind: Kind
    present: tuple[int, ...]
    white: int


def classify_values(values: NDArray[Any]) -> PixelValues:
    """Classify the values of an integer image.

    Args:
        values: ``(H, W)`` integers as stored; negative ones count as 0.
    """
    white = int(np.iinfo(values.dtype).max)
    present = _distinct_values(values)
    if not present.size:
        return PixelValues("nothing", (), white)
    if present[-1] < _FAINT * white:
        kind: Kind = "numbers" if _are_areas(values, present) and not _has_fewer_bits(present) else "unclear"
    else:
        between = present[present < _FULL * white]
        kind = "coverage" if _is_soft(values, between, white) else "unclear"
    return PixelValues(kind, tuple(present.tolist()), white)


def is_inside(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return a mask of the pixels whose four neighbours have the same value; the border is replicated.

    Args:
        values: ``(H, W)``.
    """
    inside = np.ones(values.shape, bool)
    same = values[1:] == values[:-1]
    inside[1:] &= same
    inside[:-1] &= same
    same = values[:, 1:] == values[:, :-1]
    inside[:, 1:] &= same
    inside[:, :-1] &= same
    return inside


def is_faint(coverage: NDArray[np.float32]) -> bool:
    """Whether a matte is so faint that it is more likely a label image.

    Args:
        coverage: ``(H, W)`` in [0, 1], with a value above 0.
    """
    top = float(coverage.max())
    if top >= _FAINT:
        return False
    if top < _FAINTEST:
        return True
    present = coverage > 0
    return bool(np.count_nonzero(is_inside(coverage) & present) >= np.count_nonzero(present) / 2)


def is_whole(values: NDArray[np.float32]) -> bool:
    """Whether floats are whole numbers with a maximum of at least 2, as in label images."""
    finite = values[np.isfinite(values)]
    return bool(finite.size and finite.max() >= 2 and (finite == np.rint(finite)).all())


def is_far_above(values: NDArray[np.float32], limit: float) -> bool:
    """Whether a matte is on a scale other than 0 to 1: more values exceed a limit than render fireflies explain.

    Args:
        values: ``(H, W)``.
        limit: Maximum overshoot of filters.
    """
    above = int(np.count_nonzero((values > limit) & np.isfinite(values)))
    return above >= _MAX_FIREFLIES and above > int(np.count_nonzero(values > 0.5)) / 100


def _distinct_values(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return the distinct values above 0, ascending."""
    if values.dtype in (np.uint8, np.uint16):
        present = np.flatnonzero(np.bincount(values.ravel()))
        return present[present > 0]
    return np.unique(values[values > 0]).astype(np.int64)


def _are_areas(values: NDArray[Any], present: NDArray[np.int64]) -> bool:
    """Whether dark values form separate areas instead of soft edges or a faint gradient."""
    if len(present) > _MAX_NUMBERS or _are_edges(values, present).any():
        return False
    foreground = values > 0
    if np.count_nonzero(_is_between_neighbours(values) & foreground) > np.count_nonzero(foreground) / 2:
        return False
    if len(present) < _MIN_STEPS:
        return True
    level = np.searchsorted(present, values, side="right").astype(np.int16)
    steps = np.concatenate([np.abs(np.diff(level, axis=axis)).ravel() for axis in (0, 1)])
    return bool(np.count_nonzero(steps == 1) < 0.9 * np.count_nonzero(steps))


def _has_fewer_bits(present: NDArray[np.int64]) -> bool:
    """Whether dark values may be coverage with white at 8, 10 or 12 bits in a file with more bits."""
    return bool(present[-1] in _FEWER_BITS and (present[:-1] >= _FAINT * present[-1]).any())


def _are_edges(values: NDArray[Any], chosen: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which of the chosen values, a contiguous part of the distinct values, occur at soft edges but in no area."""
    partial = (values >= chosen[0]) & (values <= chosen[-1])
    level = np.searchsorted(chosen, values[partial])
    total, inside, edge = (
        np.bincount(level[mask[partial]], minlength=len(chosen))
        for mask in (partial, is_inside(values), _is_between_neighbours(values))
    )
    return cast("NDArray[np.bool_]", (inside == 0) & (edge >= total / 2))


def _is_soft(values: NDArray[Any], between: NDArray[np.int64], white: int) -> bool:
    """Whether the values between 0 and white are soft edges or gradients instead of separate areas."""
    if not between.size:
        return True
    edges = int(np.count_nonzero(_are_edges(values, between)))
    areas = len(between) - edges
    return areas == 0 or (edges >= 3 and edges > areas) or (len(between) >= _MIN_BANDS and _is_gradient(values, white))


def _is_between_neighbours(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return a mask of the pixels strictly between the minimum and maximum of their neighbourhood, as at a soft edge."""
    padded = np.pad(values, 1, mode="edge")
    low, high = (
        ufunc.reduce([padded[row : row + padded.shape[0] - 2] for row in range(3)])
        for ufunc in (np.minimum, np.maximum)
    )
    low = np.minimum.reduce([low[:, column : column + values.shape[1]] for column in range(3)])
    high = np.maximum.reduce([high[:, column : column + values.shape[1]] for column in range(3)])
    return cast("NDArray[np.bool_]", (low < values) & (values < high))


def _is_gradient(values: NDArray[Any], white: int) -> bool:
    """Whether most differences between neighbours are small."""
    small = different = 0
    for axis in (0, 1):
        steps = np.abs(np.diff(values.astype(np.int64), axis=axis))
        different += int(np.count_nonzero(steps))
        small += int(np.count_nonzero((steps > 0) & (steps <= _SMALL_STEP * white)))
    return small > different / 2
