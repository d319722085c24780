"""What the values of a picture mean: coverage from 0 to 1, or the numbers of objects.

A matte is soft at its edges and mostly 0 or full; a label picture holds a few flat areas of small numbers. Where a picture
could be either, nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

Kind = Literal["nothing", "coverage", "numbers", "unclear"]

_FAINTEST = 0.02  # of the strongest pixel of a matte; labels of up to five objects in 8 bits lie below
_FAINT = 0.1  # below this share of white, flat areas are numbers
_FULL = 0.95  # from this share of white on, a value is full coverage
_MAX_NUMBERS = 64
_STEPS = 4  # values that, where each only lies beside the next, are a gradient
_BANDS = 12  # values that a gradient has at least where its steps are small
_SPARKLES = 16  # pixels that a render may leave far above 1
_SMALL_STEP = 2 / 255  # between neighbours of a gradient


@dataclass(frozen=True)
class PixelValues:
    """The values of an integer picture.

    Args:
        kind: What they mean.
        present: Values above 0 that occur, ascending.
        white: The largest value that the number format holds.
    """

    kind: Kind
    present: tuple[int, ...]
    white: int


def classify_values(values: NDArray[Any]) -> PixelValues:
    """Tell coverage from numbers in a picture of integers.

    Args:
        values: ``(H, W)`` integers as they are stored; negative ones count as 0.
    """
    white = int(np.iinfo(values.dtype).max)
    present = _occurring(values)
    if not present.size:
        return PixelValues("nothing", (), white)
    if present[-1] < _FAINT * white:
        kind: Kind = "numbers" if _are_areas(values, present) else "unclear"
    else:
        between = present[present < _FULL * white]
        kind = "coverage" if _is_soft(values, between, white) else "unclear"
    return PixelValues(kind, tuple(present.tolist()), white)


def is_inside(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which pixels have the value of their four neighbours; beyond the border all is as at the border.

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
    """Whether a matte is too faint to be one: labels that were taken for coverage are.

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
    """Whether floats are whole numbers up to 2 or more, as labels are."""
    finite = values[np.isfinite(values)]
    return bool(finite.size and finite.max() >= 2 and (finite == np.rint(finite)).all())


def is_far_above(values: NDArray[np.float32], limit: float) -> bool:
    """Whether a matte is on another scale than 0 to 1: more of it is above a limit than sparkles of a render are.

    Args:
        values: ``(H, W)``.
        limit: What filters do not exceed.
    """
    above = int(np.count_nonzero((values > limit) & np.isfinite(values)))
    return above >= _SPARKLES and above > int(np.count_nonzero(values > 0.5)) / 100


def _occurring(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return the values above 0 that occur, ascending."""
    if values.dtype in (np.uint8, np.uint16):
        present = np.flatnonzero(np.bincount(values.ravel()))
        return present[present > 0]
    return np.unique(values[values > 0]).astype(np.int64)


def _are_areas(values: NDArray[Any], present: NDArray[np.int64]) -> bool:
    """Whether dark values are areas of their own, and not the steps of a faint gradient."""
    if len(present) > _MAX_NUMBERS:
        return False
    shown = values > 0
    if np.count_nonzero(_is_between_neighbours(values) & shown) > np.count_nonzero(shown) / 2:
        return False
    if len(present) < _STEPS:
        return True
    level = np.searchsorted(present, values, side="right").astype(np.int16)
    steps = np.concatenate([np.abs(np.diff(level, axis=axis)).ravel() for axis in (0, 1)])
    return bool(np.count_nonzero(steps == 1) < 0.9 * np.count_nonzero(steps))


def _is_soft(values: NDArray[Any], between: NDArray[np.int64], white: int) -> bool:
    """Whether the values between 0 and white are soft edges or gradients, and not areas of their own."""
    if not between.size:
        return True
    chosen = (values >= between[0]) & (values <= between[-1])
    level = np.searchsorted(between, values[chosen])
    total, of_inside, of_edge = (
        np.bincount(level[which[chosen]], minlength=len(between))
        for which in (chosen, is_inside(values), _is_between_neighbours(values))
    )
    areas = int(np.count_nonzero((of_inside > 0) | (of_edge < total / 2)))
    edges = len(between) - areas
    return areas == 0 or (edges >= 3 and edges > areas) or (len(between) >= _BANDS and _is_gradient(values, white))


def _is_between_neighbours(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which pixels lie strictly between the smallest and the largest value around them, as at a soft edge."""
    padded = np.pad(values, 1, mode="edge")
    low, high = (
        ufunc.reduce([padded[row : row + padded.shape[0] - 2] for row in range(3)])
        for ufunc in (np.minimum, np.maximum)
    )
    low = np.minimum.reduce([low[:, column : column + values.shape[1]] for column in range(3)])
    high = np.maximum.reduce([high[:, column : column + values.shape[1]] for column in range(3)])
    return cast("NDArray[np.bool_]", (low < values) & (values < high))


def _is_gradient(values: NDArray[Any], white: int) -> bool:
    """Whether most neighbours that differ do so by little."""
    small = different = 0
    for axis in (0, 1):
        steps = np.abs(np.diff(values.astype(np.int64), axis=axis))
        different += int(np.count_nonzero(steps))
        small += int(np.count_nonzero((steps > 0) & (steps <= _SMALL_STEP * white)))
    return small > different / 2
