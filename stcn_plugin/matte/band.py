"""The band around the edge of a matte, in which it is refined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Cells = NDArray[np.bool_]
Slices = tuple[slice, slice]

CELL = 8
"""Side in pixels of the cells that a band consists of."""

_UNCERTAIN = (0.06, 0.94)
_OUTWARDS = 3.0
_INWARDS = 2.0
"""Reach in network pixels."""

_OUTWARDS_BY_WIDTH = 0.5
_LONGEST_REACH = 96.0


def edge_width(matte: Pixels) -> float:
    """Return the mean width of the soft edge of a matte, from 0 to 1, in pixels.

    For a linear ramp, the sum of ``a (1 - a)`` over its width is a sixth of the width, and the sum of the slope is 1.

    Args:
        matte: ``(H, W)`` in [0, 1].

    Returns:
        The width; 1 for a hard edge and for a matte without an edge.
    """
    area = float((matte * (1 - matte)).sum(dtype=np.float64))
    across, down = np.diff(matte, axis=1)[:-1], np.diff(matte, axis=0)[:, :-1]
    length = float(np.sqrt(across**2 + down**2).sum(dtype=np.float64))
    return max(6 * area / length, 1.0) if length > 1 else 1.0


@dataclass(frozen=True)
class Reach:
    """How far a band reaches beyond uncertain pixels, in pixels.

    Args:
        outwards: Into clear background, where there may be hair.
        inwards: Into the solid core.
    """

    outwards: float
    inwards: float


def reach_of(enlargement: float, width: float) -> Reach:
    """Return the reach of the band of an object.

    Args:
        enlargement: Plate pixels per network pixel.
        width: Width of the object's edge in plate pixels, from `edge_width`.
    """
    outwards = _OUTWARDS * enlargement + _OUTWARDS_BY_WIDTH * (width - 1)
    return Reach(min(outwards, _LONGEST_REACH), min(_INWARDS * enlargement, _LONGEST_REACH))


def find_band(probability: Pixels, reach: Reach) -> Cells:
    """Return the cells of the band: those with an edge or an uncertain probability, and those in reach of one.

    Args:
        probability: ``(H, W)`` in [0, 1].
        reach: From `reach_of`.

    Returns:
        ``(ceil(H / CELL), ceil(W / CELL))``.
    """
    from scipy.ndimage import binary_dilation, distance_transform_edt

    low, high = _UNCERTAIN
    lowest, highest = _reduced(probability, np.minimum), _reduced(probability, np.maximum)
    clear, solid = highest <= low, lowest >= high
    # A hard edge may lie exactly between two cells.
    uncertain = ~clear & (~solid | binary_dilation(clear, np.ones((3, 3), bool)))
    if not uncertain.any():
        return uncertain
    limits = np.where(solid, reach.inwards, reach.outwards)
    return np.asarray(distance_transform_edt(~uncertain) * CELL <= limits)


def band_weights(cells: Cells, part: Slices) -> Pixels:
    """Return the weight of the refined matte in part of a frame: 1 well inside the band, falling to 0 at its border.

    Args:
        cells: From `find_band`.
        part: Rows and columns in pixels; the starts are multiples of `CELL`.
    """
    rows, columns = (slice(each.start // CELL, -(-each.stop // CELL)) for each in part)
    padded = np.pad(cells, 1)  # beyond the frame there is nothing to refine
    around = padded[rows.start : rows.stop + 2, columns.start : columns.stop + 2].astype(np.float32)
    # The frame ends: the band goes on there.
    if rows.start == 0:
        around[0] = around[1]
    if rows.stop >= len(cells):
        around[-1] = around[-2]
    if columns.start == 0:
        around[:, 0] = around[:, 1]
    if columns.stop >= cells.shape[1]:
        around[:, -1] = around[:, -2]
    # Corners of the cells: 1 only where all four cells that meet belong to the band.
    corners = np.minimum(np.minimum(around[:-1, :-1], around[1:, :-1]), np.minimum(around[:-1, 1:], around[1:, 1:]))
    ramp = (np.arange(CELL, dtype=np.float32) + np.float32(0.5)) / CELL
    down = corners[:-1, None] * (1 - ramp)[None, :, None] + corners[1:, None] * ramp[None, :, None]
    down = down.reshape(-1, corners.shape[1])
    across = down[:, :-1, None] * (1 - ramp) + down[:, 1:, None] * ramp
    height, width = (each.stop - each.start for each in part)
    return np.ascontiguousarray(across.reshape(len(down), -1)[:height, :width])


def _reduced(values: Pixels, function: np.ufunc) -> Pixels:
    """Reduce cells with a function; the last cells may be smaller."""
    lacking = [(0, -length % CELL) for length in values.shape]
    padded = np.pad(values, lacking, mode="edge") if any(after for _, after in lacking) else values
    rows = function.reduce(padded.reshape(-1, CELL, padded.shape[1]), axis=1)
    return np.asarray(function.reduce(rows.reshape(len(rows), -1, CELL), axis=2))
