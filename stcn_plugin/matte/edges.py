"""Grow, shrink and feather: operations that move or soften the edges of a matte.

A frame is processed in tiles, and tiles without an edge in reach are skipped, so the time depends on the length of the
edges rather than on the format.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.choices import FeatherSide
from stcn_plugin.matte.components import bounds_of

Pixels: TypeAlias = NDArray[np.float32]

_TILE = 128
"""Side of a tile in pixels. With its margin it fits the cache of a CPU core."""

_FEWEST_DIRECTIONS = 16
_RIM_ERROR = 0.05
"""Maximum distance in pixels between the rim of a disc and the polygon of its samples."""


def grow(matte: Pixels, pixels: float, *, pixel_aspect: float = 1.0) -> Pixels:
    """Move the edges of a matte outwards, or inwards.

    The matte becomes its maximum over a disc around each pixel (its minimum if it shrinks), with values between pixels
    interpolated linearly. A soft edge therefore moves and stays as soft as it was, also by a fraction of a pixel.
    The matte is taken to continue beyond the border of the frame.

    Args:
        matte: ``(H, W)`` in [0, 1].
        pixels: Distance in lines of the plate; negative to shrink.
        pixel_aspect: Width of a pixel over its height. The disc is round in the displayed picture.

    Returns:
        ``(H, W)``, a new array.
    """
    radius = abs(pixels)
    if not radius:
        return np.array(matte)
    if pixels > 0:
        return _in_tiles(matte, radius, pixel_aspect, lambda tile, margin: _maximum(tile, radius, pixel_aspect, margin))
    return _in_tiles(matte, radius, pixel_aspect, lambda tile, margin: -_maximum(-tile, radius, pixel_aspect, margin))


def feather(matte: Pixels, pixels: float, *, side: FeatherSide = "both", pixel_aspect: float = 1.0) -> Pixels:
    """Soften the edges of a matte.

    Args:
        matte: ``(H, W)`` in [0, 1].
        pixels: How far the soft edge reaches from where the edge is, in lines of the plate.
        side: ``both`` blurs the matte. ``outside`` adds softness around it and lowers no value; ``inside`` removes
            softly from it and raises no value.
        pixel_aspect: Width of a pixel over its height.

    Returns:
        ``(H, W)``, a new array. Pixels farther than ``pixels`` from any edge are unchanged.
    """
    if not pixels:
        return np.array(matte)
    if side == "both":
        return _blur(matte, pixels, pixel_aspect)
    # Half of the distance moves the edge, the blur reaches back to where it was.
    sign = 1 if side == "outside" else -1
    soft = _blur(grow(matte, sign * pixels / 2, pixel_aspect=pixel_aspect), pixels / 2, pixel_aspect)
    return np.maximum(matte, soft) if side == "outside" else np.minimum(matte, soft)


def _blur(matte: Pixels, radius: float, pixel_aspect: float) -> Pixels:
    from scipy.ndimage import correlate1d  # slow to import

    down, across = _hann(radius), _hann(radius / pixel_aspect)

    def blurred(tile: Pixels, margin: tuple[int, int]) -> Pixels:
        # scipy sums in double precision, so that flat areas keep exactly 0 and 1.
        found = correlate1d(correlate1d(tile, down, axis=0, mode="nearest"), across, axis=1, mode="nearest")
        return np.asarray(found[margin[0] : -margin[0], margin[1] : -margin[1]], np.float32)

    return _in_tiles(matte, radius, pixel_aspect, blurred)


def _hann(radius: float) -> NDArray[np.float64]:
    """Return the weights of a raised cosine that reaches ``radius``, integrated over each pixel."""
    reach = math.ceil(radius - 0.5) if radius > 0.5 else 0
    bounds = np.clip(np.arange(-reach, reach + 2) - 0.5, -radius, radius)
    weights = np.diff(bounds + radius / math.pi * np.sin(math.pi * bounds / radius))
    return np.asarray(weights / weights.sum(), np.float64)


def _in_tiles(
    matte: Pixels, radius: float, pixel_aspect: float, process: Callable[[Pixels, tuple[int, int]], Pixels]
) -> Pixels:
    """Apply an operation wherever there is an edge in reach.

    Args:
        matte: The matte; its border is repeated outwards.
        radius: Reach of the operation in lines.
        pixel_aspect: Width of a pixel over its height.
        process: Takes a tile with a margin of ``(down, across)`` pixels on each side; returns it without the margin.
    """
    # One pixel more, for interpolation.
    down, across = math.ceil(radius) + 1, math.ceil(radius / pixel_aspect) + 1
    found: Pixels = matte.copy()
    rows, columns = bounds_of(matte, margin=(down, across))
    for top in range(rows.start, rows.stop, _TILE):
        for left in range(columns.start, columns.stop, _TILE):
            bottom, right = min(top + _TILE, rows.stop), min(left + _TILE, columns.stop)
            inside = matte[max(top - down, 0) : bottom + down, max(left - across, 0) : right + across]
            if inside.min() == inside.max():
                continue
            lacking = (
                (max(down - top, 0), max(bottom + down - len(matte), 0)),
                (max(across - left, 0), max(right + across - matte.shape[1], 0)),
            )
            tile = np.pad(inside, lacking, mode="edge") if any(map(any, lacking)) else inside
            found[top:bottom, left:right] = process(tile, (down, across))
    return found


def _maximum(tile: Pixels, radius: float, pixel_aspect: float, margin: tuple[int, int]) -> Pixels:
    """Return the maximum over an ellipse around each pixel: all pixels in it, and interpolated samples of its rim."""
    down, across = margin
    height, width = tile.shape[0] - 2 * down, tile.shape[1] - 2 * across

    def rows_at(offset: float) -> Pixels:
        """Return the rows of the result moved by an offset, still with the margin on the left and on the right."""
        whole, fraction = _split(offset)
        first: Pixels = tile[down + whole : down + whole + height]
        if not fraction:
            return first
        following: Pixels = tile[down + whole + 1 : down + whole + 1 + height]
        return first + (following - first) * fraction

    def columns_at(rows: Pixels, offset: float) -> Pixels:
        whole, fraction = _split(offset)
        first: Pixels = rows[:, across + whole : across + whole + width]
        if not fraction:
            return first
        following: Pixels = rows[:, across + whole + 1 : across + whole + 1 + width]
        return first + (following - first) * fraction

    found: Pixels = tile[down:-down, across:-across].copy()
    for sine, cosines in _rim(max(radius, radius / pixel_aspect)):
        rows = rows_at(radius * sine)
        for cosine in cosines:
            np.maximum(found, columns_at(rows, radius / pixel_aspect * cosine), out=found)
    # The pixels of the ellipse, row by row from the shortest to the longest: each row's maximum extends the last one.
    widest, last = tile[:, across : across + width].copy(), 0
    for half_width, offset in _chords(radius, pixel_aspect):
        for step in range(last + 1, half_width + 1):
            np.maximum(widest, tile[:, across + step : across + step + width], out=widest)
            np.maximum(widest, tile[:, across - step : across - step + width], out=widest)
        last = half_width
        for signed in {offset, -offset}:
            np.maximum(found, widest[down + signed : down + signed + height], out=found)
    return found


def _rim(radius: float) -> Iterator[tuple[float, tuple[float, ...]]]:
    """Yield the sines of the directions in which the rim is sampled, each with the cosines that go with it."""
    directions = max(math.pi / math.acos(1 - min(_RIM_ERROR / radius, 1)), _FEWEST_DIRECTIONS)
    quarter = math.ceil(directions / 4)
    for step in range(-quarter, quarter + 1):
        sine, cosine = math.sin(math.pi / 2 * step / quarter), math.cos(math.pi / 2 * step / quarter)
        yield sine, (0.0,) if abs(step) == quarter else (cosine, -cosine)


def _chords(radius: float, pixel_aspect: float) -> list[tuple[int, int]]:
    """Return the whole half-width of an ellipse at each whole row, as ``(half_width, row)``, the shortest first."""
    rows = range(math.floor(radius) + 1)
    return sorted((math.floor(math.sqrt(radius**2 - row**2) / pixel_aspect), row) for row in rows)


def _split(offset: float) -> tuple[int, np.float32]:
    whole = math.floor(offset)
    return whole, np.float32(offset - whole)
