"""Specks and holes: small connected parts of a matte, or of its background, with their soft borders."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.float32]
Slices: TypeAlias = tuple[slice, slice]

_HALF = 0.5

_REACH = 16
"""Maximum width of a soft border in pixels."""


def bounds_of(matte: Pixels, *, margin: tuple[int, int] = (1, 1)) -> Slices:
    """Return the rows and columns where a matte is not 0, with a margin; empty slices for an empty matte.

    Args:
        matte: ``(H, W)``.
        margin: ``(down, across)`` in pixels, cut off at the border of the frame.
    """
    rows = np.flatnonzero(matte.any(axis=1))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    columns = np.flatnonzero(matte[rows[0] : rows[-1] + 1].any(axis=0))
    return tuple(  # type: ignore[return-value] # two of them
        slice(max(int(used[0]) - more, 0), min(int(used[-1]) + 1 + more, length))
        for used, more, length in zip((rows, columns), margin, matte.shape, strict=True)
    )


def remove_specks(matte: Pixels, area: float) -> Pixels:
    """Remove small parts of a matte.

    A speck is a connected part above 0.5, joined also across corners, of at most ``area`` pixels. It is removed with
    its soft border: an isolated one becomes 0, one in haze becomes haze. Isolated parts that nowhere exceed 0.5 count as
    the sum of their values.

    Args:
        matte: ``(H, W)`` in [0, 1].
        area: Largest area in pixels; 0 removes nothing.

    Returns:
        ``(H, W)``, a new array.
    """
    found: Pixels = matte.copy()
    if area:
        inside = found[bounds_of(matte)]
        np.copyto(inside, _lowered(inside, area, np.ones((3, 3), bool), np.zeros(inside.shape, bool)))
    return found


def fill_holes(matte: Pixels, area: float) -> Pixels:
    """Fill small holes of a matte: as `remove_specks`, for the background.

    Background is not joined across corners. A hole at the border of the frame counts with what is visible of it.

    Args:
        matte: ``(H, W)`` in [0, 1].
        area: Largest area in pixels; 0 fills nothing.

    Returns:
        ``(H, W)``, a new array.
    """
    found: Pixels = matte.copy()
    if area:
        bounds = bounds_of(matte)
        inside = found[bounds]
        # Where the bounds end within the frame, the background continues.
        around = np.zeros(inside.shape, bool)
        around[:1], around[-1:] = bounds[0].start > 0, bounds[0].stop < len(matte)
        around[:, :1] |= bounds[1].start > 0
        around[:, -1:] |= bounds[1].stop < matte.shape[1]
        background = 1 - inside
        lowered = _lowered(background, area, np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool), around)
        np.copyto(inside, 1 - lowered, where=lowered < background)
    return found


def _lowered(values: Pixels, area: float, joined: NDArray[np.bool_], around: NDArray[np.bool_]) -> Pixels:
    """Return values with all small parts lowered.

    Args:
        values: ``(h, w)`` in [0, 1].
        area: Largest area of a small part.
        joined: ``(3, 3)``: which neighbours of a pixel it is connected with.
        around: ``(h, w)``: pixels that continue outside. Parts with one of them are never small.
    """
    from scipy.ndimage import find_objects, label  # slow to import

    def parts(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the parts of a mask as labels, and by label whether the part can be small."""
        labels: Any
        labels, count = label(mask, structure=joined)
        can_be_small = np.ones(count + 1, bool)
        can_be_small[0] = False
        can_be_small[labels[around]] = False
        return labels, can_be_small

    labels, is_small = parts(values > _HALF)
    is_small &= np.bincount(labels.ravel(), minlength=len(is_small)) <= area
    lowered = values
    if is_small.any():
        small = np.zeros(values.shape, bool)
        for number, place in enumerate(find_objects(labels), 1):
            if is_small[number]:
                near = tuple(slice(max(each.start - _REACH, 0), each.stop + _REACH) for each in place)
                small[near] |= _with_border(values[near], labels[near] == number)
        lowered = np.minimum(values, _bridged(values, small))
    labels, is_small = parts(lowered > 0)
    sums = np.bincount(labels.ravel(), weights=lowered.ravel(), minlength=len(is_small))
    is_small &= sums <= area
    is_small[labels[lowered > _HALF]] = False
    return np.where(is_small[labels], np.float32(0), lowered) if is_small.any() else lowered


def _with_border(values: Pixels, part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a part with its soft border: as far as values fall away from it."""
    from scipy.ndimage import maximum_filter

    for _ in range(_REACH):
        highest = maximum_filter(np.where(part, values, 0), 3)
        border = ~part & (values > 0) & (values <= _HALF) & (values < highest)
        if not border.any():
            break
        part = part | border
    return part


def _bridged(values: Pixels, gaps: NDArray[np.bool_]) -> Pixels:
    """Interpolate linearly across gaps, along rows and along columns, and return the lower of both, at most 0.5.

    A part between haze becomes haze; a part beside an edge becomes what it would be without the part, nearly 0.
    """
    found: Pixels = values.copy()
    found[gaps] = np.minimum(_bridged_rows(values, gaps)[gaps], _bridged_rows(values.T, gaps.T).T[gaps])
    found[gaps] = np.minimum(found[gaps], _HALF)
    return found


def _bridged_rows(values: Pixels, gaps: NDArray[np.bool_]) -> Pixels:
    """Interpolate along rows, which end with 0 on both sides."""
    padded = np.pad(values, ((0, 0), (1, 1)))
    is_gap = np.pad(gaps, ((0, 0), (1, 1))).ravel()
    flat, places = padded.ravel(), np.arange(padded.size)
    flat[is_gap] = np.interp(places[is_gap], places[~is_gap], flat[~is_gap])
    return flat.reshape(padded.shape)[:, 1:-1]
