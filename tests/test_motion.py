"""Motion of patches compared with motions that are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from stcn_plugin.motion import MotionSearch
from stcn_plugin.patches import SIZE, Patches


def texture(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Return ``(3, h, w)`` smooth noise."""
    noise = np.random.default_rng(seed).normal(0, 1, (3, *shape))
    return np.clip(0.5 + 0.9 * gaussian_filter(noise, (0, 1.5, 1.5)), 0, 1).astype(np.float32)


def frames(shape: tuple[int, int], motion: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return two frames of a texture, of which the second is moved."""
    margin = 40
    wide = texture((shape[0] + 2 * margin, shape[1] + 2 * margin))
    down, across = motion
    first = wide[:, margin : margin + shape[0], margin : margin + shape[1]]
    second = wide[:, margin - down :, margin - across :][:, : shape[0], : shape[1]]
    return np.ascontiguousarray(first), np.ascontiguousarray(second)


@dataclass(frozen=True, eq=False)
class Found:
    rows: np.ndarray
    columns: np.ndarray
    motion: np.ndarray


def search(image: np.ndarray, other: np.ndarray, where: np.ndarray, **step: int) -> Found:
    """Return all patches that touch a mask, and their motion."""
    found = MotionSearch(image, where, **step)
    return Found(*found.patches.corners.T, found.find(other))


def inner(found: Found, shape: tuple[int, int], margin: int) -> np.ndarray:
    """Return which patches are at least a margin away from the border."""
    rows = (found.rows >= margin) & (found.rows + SIZE <= shape[0] - margin)
    return rows & (found.columns >= margin) & (found.columns + SIZE <= shape[1] - margin)


@pytest.mark.parametrize("motion", [(0, 0), (1, 0), (-3, 2), (0, -13), (20, 31), (-32, -17)])
@pytest.mark.parametrize(("shape", "step"), [((480, 853), 4), ((487, 641), 4), ((480, 853), 6), ((487, 641), 8)])
def test_a_translation_is_found_everywhere(shape: tuple[int, int], step: int, motion: tuple[int, int]) -> None:
    """Up to 32 pixels at 480 lines, wherever the patch is still in the frame."""
    first, second = frames(shape, motion)
    found = search(first, second, np.ones(shape, bool), step=step)
    inside = inner(found, shape, 40)
    assert np.count_nonzero(inside) > 160_000 / step**2
    assert (found.motion[inside] == motion).all(axis=1).mean() > 0.995


def test_both_sides_of_a_moving_edge_have_their_own_motion() -> None:
    """A textured square moves over a background that does not; patches on either side of its edge are right."""
    shape = (240, 320)
    background, square = texture(shape, 1), texture((80, 80), 2)
    first, second = background.copy(), background.copy()
    first[:, 80:160, 100:180], second[:, 83:163, 111:191] = square, square
    found = search(first, second, np.ones(shape, bool))
    rows, columns = found.rows, found.columns
    on_square = (rows >= 80) & (rows + SIZE <= 160) & (columns >= 100) & (columns + SIZE <= 180)
    beside = (columns + SIZE <= 100) & (columns > 80) & (rows > 80) & (rows < 150)
    assert (found.motion[on_square] == (3, 11)).all(axis=1).mean() > 0.99
    assert (found.motion[beside] == 0).all(axis=1).mean() > 0.9


def test_only_patches_that_touch_the_mask_are_searched() -> None:
    """They cover all of it, also at the far borders of a frame whose size is no multiple of the step."""
    shape = (101, 131)
    first, second = frames(shape, (1, 1))
    where = np.zeros(shape, bool)
    where[97:, 120:] = where[50, 60] = True
    found = search(first, second, where)
    covered = np.zeros(shape, bool)
    for row, column in zip(found.rows, found.columns, strict=True):
        patch = np.s_[row : row + SIZE, column : column + SIZE]
        assert where[patch].any()
        covered[patch] = True
    assert covered[where].all()


def test_patches_stay_inside_the_other_frame() -> None:
    """Also if what they show has left it."""
    first, second = frames((120, 160), (-8, -8))
    found = search(first, second, np.ones((120, 160), bool))
    place = np.stack([found.rows, found.columns], -1) + found.motion
    assert place.min() >= 0 and (place.max(0) <= (120 - SIZE, 160 - SIZE)).all()


@pytest.mark.parametrize("shape", [(10, 10), (11, 30), (15, 10), (47, 48), (96, 97)])
def test_small_images(shape: tuple[int, int]) -> None:
    """Images without room for smaller ones, down to a single patch."""
    image = texture(shape)
    found = search(image, image, np.ones(shape, bool))
    assert len(found.rows) and not found.motion.any()


def test_a_plain_surface_does_not_move() -> None:
    """Every motion fits equally; the one that is reported is none. A textured square on it has its own."""
    first, second = np.full((3, 240, 320), 0.2, np.float32), np.full((3, 240, 320), 0.2, np.float32)
    first[:, 80:160, 100:180] = second[:, 83:163, 111:191] = texture((80, 80), 2)
    found = search(first, second, np.ones((240, 320), bool))
    away = (found.columns > 240) | (found.columns < 40)
    assert np.count_nonzero(away) > 1000 and not found.motion[away].any()


@pytest.mark.parametrize(("shape", "is_asked"), [((9, 30), True), ((30, 9), True), ((60, 60), False)])
def test_there_may_be_nothing_to_search(shape: tuple[int, int], is_asked: bool) -> None:
    """An image hardly larger than a patch, or an empty mask."""
    image = texture(shape)
    assert not len(search(image, image, np.full(shape, is_asked)).rows)


def test_patches_are_cut_out() -> None:
    """With their channels, in the order of the corners."""
    image = np.arange(2 * 20 * 30, dtype=np.float32).reshape(2, 20, 30)
    patches = Patches((20, 30), np.array([[0, 5], [12, 22]]))
    found = patches.of(image).reshape(2, 8, 8, 2)
    assert np.array_equal(found[..., 0], image[:, 0:8, 5:13]) and np.array_equal(found[..., 1], image[:, 12:20, 22:30])
    moved = patches.moved(np.array([[1, 2], [0, -3]])).of(image).reshape(2, 8, 8, 2)
    assert np.array_equal(moved[..., 0], image[:, 1:9, 7:15]) and np.array_equal(moved[..., 1], image[:, 12:20, 19:27])


def test_values_of_patches_that_overlap_are_added() -> None:
    patches = Patches((20, 30), np.array([[2, 3], [4, 7]]))
    values = np.stack([np.arange(64), np.full(64, 100)], -1).astype(np.float32)
    expected = np.zeros((20, 30), np.float32)
    expected[2:10, 3:11] += np.arange(64).reshape(8, 8)
    expected[4:12, 7:15] += 100
    assert np.array_equal(patches.sum(values), expected)
