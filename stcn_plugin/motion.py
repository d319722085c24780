"""Motion between two frames: where small patches of one are in the other.

Patches of 8x8 pixels every 4 pixels are searched coarse to fine. Patches overlap, so a pixel has several motions, of which the one
that fits its colours best is right also where two motions meet, beside the edge of a moving object. A dense flow is
smooth there, and wrong on one side.
"""

from __future__ import annotations

import math
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
"""Distance between two patches."""

_SMALLEST = SIZE + 2
"""Smallest side of an image: a patch, and a pixel around it to move it by."""

_COARSEST = 48
"""Fewest lines of the smallest images, in which every motion is tried."""

_RADIUS = 4
"""Largest motion in the smallest images. It is at least a 24th of the height of the frame, and 32 pixels at 480 lines."""


@dataclass(frozen=True, eq=False)
class PatchMotion:
    """Patches and where they are in the other frame.

    Args:
        rows: ``(N,)`` top row of each patch.
        columns: ``(N,)`` leftmost column of each patch.
        motion: ``(N, 2)`` whole pixels ``(down, across)`` from the patch to where it is in the other frame, which is inside it.
    """

    rows: Integers
    columns: Integers
    motion: Integers


def match_patches(image: Floats, other: Floats, where: Mask) -> PatchMotion:
    """Find patches of an image in another one.

    Args:
        image: ``(C, h, w)``, such as display-referred RGB.
        other: ``(C, h, w)``, the other frame.
        where: ``(h, w)``: patches that touch it are searched.

    Returns:
        Their motion; without any patch if the images are smaller than 10 pixels, or ``where`` is empty.
    """
    height, width = where.shape
    if min(height, width) < _SMALLEST or not where.any():
        nothing = np.zeros(0, np.int64)
        return PatchMotion(nothing, nothing, np.zeros((0, 2), np.int64))
    levels = max(0, math.floor(math.log2(min(height, width) / _COARSEST)))
    images, others, masks = _halved(image, levels), _halved(other, levels), [where]
    for smaller in images[1:]:
        masks.append(_halved_mask(masks[-1], smaller.shape[-2:]))
    field, spacing = _search_everything(images[-1], others[-1]), 1.0
    for level in range(levels, -1, -1):
        found = _refine(images[level], others[level], masks[level], field, spacing, scale=1 if level == levels else 2)
        field, spacing = _as_field(found, images[level].shape[-2:]), STEP
    return found


def patches_at(image: Floats, rows: Integers, columns: Integers, size: int = SIZE) -> Floats:
    """Return patches of an image ``(C, h, w)`` as ``(C, N, size, size)``; all must be inside."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size), axis=(-2, -1))
    return windows[:, rows, columns]


def _halved(image: Floats, levels: int) -> list[Floats]:
    """Return an image at full size, half, a quarter and so on."""
    found = [image]
    for _ in range(levels):
        last = found[-1]
        even = last[:, : last.shape[1] // 2 * 2, : last.shape[2] // 2 * 2]
        rows = even[:, ::2] + even[:, 1::2]
        found.append((rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25))
    return found


def _halved_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """Return a mask at half the size, two patches wider, so that finer patches have neighbours to start from."""
    from scipy.ndimage import maximum_filter  # slow to import

    blocks = mask[: 2 * size[0], : 2 * size[1]].reshape(size[0], 2, size[1], 2)
    wider: Mask = maximum_filter(blocks.any((1, 3)), 2 * SIZE + 1)
    return wider


def _search_everything(image: Floats, other: Floats) -> Integers:
    """Return ``(h, w, 2)``: the motion of every pixel with its surroundings, of all up to a radius."""
    from scipy.ndimage import uniform_filter

    height, width = image.shape[-2:]
    padded = np.pad(other, ((0, 0), (_RADIUS, _RADIUS), (_RADIUS, _RADIUS)), mode="edge")
    best = np.full((height, width), np.inf, np.float32)
    motion = np.zeros((height, width, 2), np.int64)
    steps = range(-_RADIUS, _RADIUS + 1)
    for down, across in sorted(
        ((down, across) for down in steps for across in steps), key=lambda step: math.hypot(*step)
    ):
        moved = padded[:, _RADIUS + down : _RADIUS + down + height, _RADIUS + across : _RADIUS + across + width]
        cost = uniform_filter(np.abs(image - moved).sum(0), 5, mode="nearest")
        better = cost < best - 1e-6
        best[better] = cost[better]
        motion[better] = down, across
    return motion


def _refine(image: Floats, other: Floats, where: Mask, field: Integers, spacing: float, *, scale: int) -> PatchMotion:
    """Find patches near the motions that smaller images have there.

    Args:
        image: ``(C, h, w)``.
        other: ``(C, h, w)``.
        where: ``(h, w)``: patches that touch it are searched.
        field: ``(a, b, 2)`` motions in the smaller images, whose patches are ``spacing`` pixels apart.
        spacing: Pixels between two entries of ``field``.
        scale: Size of these images over that of the smaller ones.
    """
    rows, columns = _grid(where)
    reference = patches_at(image, rows, columns)
    highest = np.array(where.shape) - SIZE
    place = np.stack([rows, columns], -1)
    entry = np.rint(place / scale / spacing).astype(np.int64)
    best, motion = np.full(len(rows), np.inf, np.float32), np.zeros_like(place)
    for offset in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1), None):
        if offset is None:
            candidate = np.zeros_like(place)  # a background that does not move
        else:
            near = np.clip(entry + offset, 0, np.array(field.shape[:2]) - 1)
            candidate = scale * field[near[:, 0], near[:, 1]]
        candidate = np.clip(place + candidate, 0, highest) - place
        cost = _cost(reference, patches_at(other, *(place + candidate).T))
        better = cost < best
        best[better], motion[better] = cost[better], candidate[better]
    return PatchMotion(rows, columns, _stepped(other, reference, place, motion, best, highest))


def _stepped(
    other: Floats, reference: Floats, place: Integers, motion: Integers, best: Floats, highest: Integers
) -> Integers:
    """Return motions moved by up to a pixel, to where they fit best.

    A motion stays as it is where no other fits better, as on a plain surface.

    Args:
        other: ``(C, h, w)``.
        reference: ``(C, N, size, size)`` patches.
        place: ``(N, 2)`` their corners.
        motion: ``(N, 2)``.
        best: ``(N,)`` the cost of these motions; changed in place.
        highest: ``(2,)`` the last corner of a patch.
    """
    # The corner of a window that holds all nine neighbours of a patch.
    corner = np.clip(place + motion - 1, 0, highest - 2)
    around = patches_at(other, corner[:, 0], corner[:, 1], _SMALLEST)
    found: Integers = motion.copy()
    for down in range(3):
        for across in range(3):
            cost = _cost(reference, around[..., down : down + SIZE, across : across + SIZE])
            better = cost < best
            best[better] = cost[better]
            found[better] = corner[better] - place[better] + np.array([down, across])
    return found


def _cost(reference: Floats, candidate: Floats) -> Floats:
    """Return the sum of the absolute differences of patches, ``(C, N, size, size)``."""
    difference = reference - candidate
    np.abs(difference, out=difference)
    total: Floats = difference.reshape(*difference.shape[:2], -1).sum(-1).sum(0)
    return total


def _grid(where: Mask) -> tuple[Integers, Integers]:
    """Return the corners of the patches that touch a mask."""
    height, width = where.shape
    rows, columns = _corners(height), _corners(width)
    sums = np.pad(where.cumsum(0, dtype=np.int32).cumsum(1), ((1, 0), (1, 0)))
    bottom, right = rows + SIZE, columns + SIZE
    inside = (
        sums[np.ix_(bottom, right)]
        - sums[np.ix_(rows, right)]
        - sums[np.ix_(bottom, columns)]
        + sums[np.ix_(rows, columns)]
    )
    down, across = np.nonzero(inside)
    return rows[down], columns[across]


def _corners(length: int) -> Integers:
    """Return where patches start, so that they cover a length."""
    regular = np.arange(0, length - SIZE + 1, STEP)
    return regular if regular[-1] == length - SIZE else np.append(regular, length - SIZE)


def _as_field(found: PatchMotion, size: tuple[int, int]) -> Integers:
    """Return motions on the grid of all patches, 0 where none was searched."""
    field = np.zeros((len(_corners(size[0])), len(_corners(size[1])), 2), np.int64)
    field[-(-found.rows // STEP), -(-found.columns // STEP)] = found.motion
    return field
