"""Motion between two frames: where small patches of one are in the other.

Patches are searched coarse to fine. They overlap, so a pixel has several motions, of which the one that fits its colours
best is right also where two motions meet, beside the edge of a moving object. A dense flow is smooth there, and wrong on
one side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from stcn_plugin.patches import SIZE, STEP, Floats, Integers, Mask, Patches, grid, patches_that_touch

Images: TypeAlias = list[Floats]

_SMALLEST = SIZE + 2
"""Smallest side of an image: a patch, and a pixel around it to move it by."""

_COARSEST = 48
"""Fewest lines of the smallest images, in which every motion is tried."""

_RADIUS = 4
"""Largest motion in the smallest images. It is at least a 24th of the height of the frame, and 32 pixels at 480 lines."""

_AT_ONCE = 1024
"""Patches that are compared at once, so that they fit the cache of a CPU core."""


@dataclass(frozen=True, eq=False)
class _Level:
    """An image at one size.

    Args:
        image: ``(C, h, w)``.
        patches: Those that are searched.
    """

    image: Floats
    patches: Patches


class MotionSearch:
    """Searches patches of an image in other images of its size.

    Example::

        search = MotionSearch(image, where)
        motion = search.find(other)
        moved = search.patches.moved(motion).of(other)

    Args:
        image: ``(C, h, w)``, such as display-referred RGB.
        where: ``(h, w)``: patches that touch it are searched. There is none if the image is smaller than 10 pixels.
        step: Distance between two patches, at most `SIZE`.
    """

    def __init__(self, image: Floats, where: Mask, step: int = STEP) -> None:
        height, width = where.shape
        self._step = step
        self._levels: list[_Level] = []
        self.patches = Patches((height, width), np.zeros((0, 2), np.int64))
        if min(height, width) < _SMALLEST or not where.any():
            return
        for each in _halved(image, max(0, math.floor(math.log2(min(height, width) / _COARSEST)))):
            if self._levels:
                where = _halved_mask(where, each.shape[-2:])
            self._levels.append(_Level(each, patches_that_touch(where, step)))
        self.patches = self._levels[0].patches

    def find(self, other: Floats) -> Integers:
        """Return where the patches are in another image.

        Args:
            other: ``(C, h, w)``.

        Returns:
            ``(N, 2)`` whole pixels ``(down, across)`` from each patch to where it is in the other image, which is inside it.
        """
        if not self._levels:
            return np.zeros((0, 2), np.int64)
        others = _halved(other, len(self._levels) - 1)
        field, spacing, scale = _search_everything(self._levels[-1].image, others[-1]), 1, 1
        for level, moved in zip(reversed(self._levels), reversed(others), strict=True):
            found = np.empty_like(level.patches.corners)
            for part in _parts(len(found)):
                patches = Patches(level.patches.shape, level.patches.corners[part])
                found[part] = _refine(patches, level.image, moved, field, spacing * scale, scale)
            field, spacing, scale = _as_field(level.patches, found, self._step), self._step, 2
        return found


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + _AT_ONCE) for start in range(0, count, _AT_ONCE))


def _halved(image: Floats, levels: int) -> Images:
    """Return an image at full size, half, a quarter and so on."""
    found = [image]
    for _ in range(levels):
        last = found[-1]
        even = last[:, : last.shape[1] // 2 * 2, : last.shape[2] // 2 * 2]
        rows = even[:, ::2] + even[:, 1::2]
        found.append((rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25))
    return found


def _halved_mask(mask: Mask, size: tuple[int, ...]) -> Mask:
    """Return a mask at half the size, two patches wider, so that finer patches have neighbours to start from."""
    from scipy.ndimage import maximum_filter  # slow to import

    even = mask[: 2 * size[0], : 2 * size[1]]
    rows = even[::2] | even[1::2]
    wider: Mask = maximum_filter(rows[:, ::2] | rows[:, 1::2], 2 * SIZE + 1)
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


def _refine(patches: Patches, image: Floats, other: Floats, field: Integers, spacing: int, scale: int) -> Integers:
    """Find patches near the motions that smaller images have there.

    Args:
        patches: The patches.
        image: ``(C, h, w)``.
        other: ``(C, h, w)``.
        field: ``(a, b, 2)`` motions in the smaller images.
        spacing: Pixels of these images between two entries of ``field``.
        scale: Size of these images over that of the smaller ones.

    Returns:
        ``(N, 2)``.
    """
    reference = patches.of(image)
    highest = np.array(patches.shape) - SIZE
    entry = np.rint(patches.corners / spacing).astype(np.int64)
    best, motion = np.full(len(patches), np.inf, np.float32), np.zeros_like(patches.corners)
    tried: list[Integers] = []
    for offset in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1), None):
        if offset is None:
            candidate = np.zeros_like(motion)  # a background that does not move
        else:
            near = np.clip(entry + offset, 0, np.array(field.shape[:2]) - 1)
            candidate = scale * field[near[:, 0], near[:, 1]]
        candidate = np.clip(patches.corners + candidate, 0, highest) - patches.corners
        new = np.arange(len(patches))
        for earlier in tried:
            new = new[(candidate[new] != earlier[new]).any(1)]
        tried.append(candidate)
        if not len(new):
            continue
        there = Patches(patches.shape, patches.corners[new] + candidate[new])
        cost = _cost(reference[..., new] if tried[1:] else reference, there.of(other))
        better = new[cost < best[new]]
        best[better], motion[better] = cost[cost < best[new]], candidate[better]
    return _stepped(patches, reference, other, motion, best)


def _stepped(patches: Patches, reference: Floats, other: Floats, motion: Integers, best: Floats) -> Integers:
    """Return motions moved by up to a pixel, to where they fit best.

    A motion stays as it is where no other fits better, as on a plain surface.

    Args:
        patches: The patches.
        reference: ``(C, P, N)`` what they show.
        other: ``(C, h, w)``.
        motion: ``(N, 2)``.
        best: ``(N,)`` the cost of these motions; changed in place.
    """
    # The corner of a window that holds all nine neighbours of a patch.
    corner = np.clip(patches.corners + motion - 1, 0, np.array(patches.shape) - _SMALLEST)
    around = Patches(patches.shape, corner).of(other, _SMALLEST).reshape(len(other), _SMALLEST, _SMALLEST, -1)
    square = reference.reshape(len(other), SIZE, SIZE, -1)
    found: Integers = motion.copy()
    for down in range(3):
        for across in range(3):
            cost = _cost(square, around[:, down : down + SIZE, across : across + SIZE])
            better = cost < best
            best[better] = cost[better]
            found[better] = corner[better] - patches.corners[better] + np.array([down, across])
    return found


def _cost(reference: Floats, candidate: Floats) -> Floats:
    """Return the sum of the absolute differences of patches, whose number is the last axis."""
    difference = reference - candidate
    np.abs(difference, out=difference)
    total: Floats = difference.reshape(-1, difference.shape[-1]).sum(0)
    return total


def _as_field(patches: Patches, motion: Integers, step: int) -> Integers:
    """Return motions on the grid of all patches, 0 where none was searched."""
    rows, columns = grid(patches.shape, step)
    field = np.zeros((len(rows), len(columns), 2), np.int64)
    down, across = (-(-patches.corners // step)).T
    field[down, across] = motion
    return field
