"""Tiles of a band: rectangles that hold it with little else, because the time to refine them grows with their area."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.matte.band import CELL, Cells, Slices
from stcn_plugin.network.edges import STRIDE

_OVERHEAD = 60
"""What a tile costs in addition to its area, in units of ``STRIDE**2`` pixels."""

_LARGEST = 600
"""Area in these units above which a tile is split, so that what is computed from it fits the cache of a CPU core."""


_SIDES = (4, 6, 8, 10, 12, 16, 20, 24)
_STEP = 8
"""The sides of `side_of_few` in units of `STRIDE`; longer ones are multiples of the step."""


@dataclass(frozen=True)
class Tile:
    """Part of a frame to refine.

    Args:
        inside: Its rows and columns.
        read: The rows and columns to read: with `STRIDE` pixels of context on the sides where the band goes on.
    """

    inside: Slices
    read: Slices

    def weights(self) -> NDArray[np.float32]:
        """Return the weights of what was read, which fade to 0 over the context, and as far inside.

        What two tiles have for the same pixels is blended with them, so that no seam is left.
        """
        rows, columns = (_fading(inside, read) for inside, read in zip(self.inside, self.read, strict=True))
        return np.minimum(rows[:, None], columns)


def tiles(cells: Cells, shape: tuple[int, int]) -> Iterator[Tile]:
    """Yield tiles that together hold all cells of a band. They do not overlap.

    They start at multiples of `STRIDE`, so that every tile sees the same blocks of pixels.

    Args:
        cells: From `find_band`.
        shape: ``(H, W)`` of the frame.
    """
    height, width = cells.shape
    side = STRIDE // CELL
    padded = np.pad(cells, ((0, -height % side), (0, -width % side)))
    units: Cells = np.asarray(padded.reshape(len(padded) // side, side, -1, side).any((1, 3)))
    for rows, columns in _rectangles(units):
        goes_on = (
            units[max(rows.start - 1, 0) : rows.start, columns].any(),
            units[rows.stop : rows.stop + 1, columns].any(),
            units[rows, max(columns.start - 1, 0) : columns.start].any(),
            units[rows, columns.stop : columns.stop + 1].any(),
        )
        above, below, left, right = map(int, goes_on)
        read = slice(rows.start - above, rows.stop + below), slice(columns.start - left, columns.stop + right)
        yield Tile(_in_pixels((rows, columns), shape), _in_pixels(read, shape))


def whole_side(length: int) -> int:
    """Return the side of a tile in pixels: a multiple of `STRIDE`, at least a length."""
    return -(-length // STRIDE) * STRIDE


def side_of_few(length: int) -> int:
    """Return the side of a tile in pixels: one of few, at least a length."""
    units = -(-length // STRIDE)
    return STRIDE * next((side for side in _SIDES if side >= units), -(-units // _STEP) * _STEP)


def around(part: Slices, shape: tuple[int, int], side_of: Callable[[int], int]) -> Slices:
    """Return rows and columns around a part, whose sides are those of a tile, or less if the frame is too short.

    Args:
        part: Rows and columns that start at multiples of `STRIDE`. So do those returned.
        shape: ``(H, W)`` of the frame.
        side_of: `whole_side` or `side_of_few`.
    """
    rows, columns = (
        _around(each, length, side_of(each.stop - each.start)) for each, length in zip(part, shape, strict=True)
    )
    return rows, columns


def _around(part: slice, length: int, side: int) -> slice:
    last = max(whole_side(length - side), 0)
    start = min(part.start, last)
    return slice(start, min(start + side, length))


def _rectangles(units: Cells) -> Iterator[Slices]:
    """Yield rectangles that hold all units, from top to bottom: they are split in two while that costs less."""
    pending: list[Slices] = [(slice(0, units.shape[0]), slice(0, units.shape[1]))]
    while pending:
        rows, columns = pending.pop()
        part = units[rows, columns]
        down, across = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
        if not len(down):
            continue
        rows = slice(rows.start + int(down[0]), rows.start + int(down[-1]) + 1)
        columns = slice(columns.start + int(across[0]), columns.start + int(across[-1]) + 1)
        part = units[rows, columns]
        if (split := _best_split(part)) is None:
            yield rows, columns
            continue
        axis, first = split
        if axis == 0:
            middle = rows.start + first
            pending += [(slice(middle, rows.stop), columns), (slice(rows.start, middle), columns)]
        else:
            middle = columns.start + first
            pending += [(rows, slice(middle, columns.stop)), (rows, slice(columns.start, middle))]


def _best_split(part: Cells) -> tuple[int, int] | None:
    """Return the axis to split, and what belongs to the first part; ``None`` if one tile costs less than two."""
    splits = [(cost, axis, first) for axis in (0, 1) for first, cost in _costs_of_splits(part, axis)]
    cost, axis, first = min(splits, default=(math.inf, 0, 0))
    if cost < part.size + _OVERHEAD:
        return axis, first
    if part.size <= _LARGEST:
        return None
    longer = int(part.shape[1] > part.shape[0])
    return longer, part.shape[longer] // 2


def _costs_of_splits(part: Cells, axis: int) -> list[tuple[int, int]]:
    """Return the length of the first part, and what both cost, for every split along an axis."""
    part = part if axis == 0 else part.T
    costs = _costs(part)[:-1] + _costs(part[::-1])[::-1][1:]
    return list(enumerate(costs.tolist(), 1))


def _costs(part: Cells) -> NDArray[np.int64]:
    """Return the cost of the smallest rectangle that holds what the first rows have, for every number of rows."""
    rows = np.arange(len(part))
    filled = part.any(1)
    height = np.maximum.accumulate(np.where(filled, rows, -1)) - filled.argmax() + 1
    so_far = np.logical_or.accumulate(part, 0)
    width = part.shape[1] - so_far[:, ::-1].argmax(1) - so_far.argmax(1)
    return np.where(so_far.any(1), height * width + _OVERHEAD, 0)


def _fading(inside: slice, read: slice) -> NDArray[np.float32]:
    weights = np.ones(read.stop - read.start, np.float32)
    ramp = (np.arange(2 * STRIDE, dtype=np.float32) + np.float32(0.5)) / (2 * STRIDE)
    ramp = ramp[: len(weights)]
    if read.start < inside.start:
        weights[: len(ramp)] = ramp
    if read.stop > inside.stop:
        weights[-len(ramp) :] = np.minimum(weights[-len(ramp) :], ramp[::-1])
    return weights


def _in_pixels(units: Slices, shape: tuple[int, int]) -> Slices:
    rows, columns = (
        slice(each.start * STRIDE, min(each.stop * STRIDE, length)) for each, length in zip(units, shape, strict=True)
    )
    return rows, columns
