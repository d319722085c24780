"""Specks and holes, against shapes with known areas and scipy's binary morphology."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from stcn_plugin.matte.components import bounds_of, fill_holes, remove_specks

CORNERS = np.ones((3, 3))


def frame(*squares, shape=(60, 80)):
    """Return a frame with squares ``(top, left, side)`` of 1."""
    found = np.zeros(shape, np.float32)
    for top, left, side in squares:
        found[top : top + side, left : left + side] = 1
    return found


def soft(matte):
    """Return a matte whose edges have values on both sides."""
    return np.clip(ndimage.gaussian_filter(matte, 1, truncate=2), 0, 1)


def test_specks_up_to_the_area_are_removed():
    """Three squares of 4, 9 and 400 pixels."""
    small, medium, large = (5, 5, 2), (5, 20, 3), (30, 40, 20)
    matte = frame(small, medium, large)
    for area, left in ((3, (small, medium, large)), (4, (medium, large)), (9, (large,)), (399, (large,)), (400, ())):
        np.testing.assert_array_equal(remove_specks(matte, area), frame(*left))


def test_holes_up_to_the_area_are_filled():
    """Two holes, of 4 and 25 pixels."""
    small, large = frame((15, 25, 2)), frame((30, 35, 5))
    solid = frame((10, 20, 40))
    matte = solid - small - large
    for area, holes in ((3, small + large), (4, large), (24, large), (25, 0 * large)):
        np.testing.assert_array_equal(fill_holes(matte, area), solid - holes)


def test_soft_borders_go_too():
    """Isolated specks and holes leave nothing; the large object is unchanged to the bit."""
    object_alone = soft(frame((20, 30, 30)))
    with_speck = np.maximum(object_alone, soft(frame((4, 5, 4))))
    np.testing.assert_array_equal(remove_specks(with_speck, 20), object_alone)
    with_hole = object_alone - soft(frame((32, 42, 4)))
    np.testing.assert_allclose(fill_holes(with_hole, 20), object_alone, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(fill_holes(with_speck, 20), with_speck)
    np.testing.assert_array_equal(remove_specks(with_hole, 20), with_hole)


def test_faint_parts_count_with_their_values():
    """A part that never exceeds 0.5 has the area of its sum."""
    matte = frame((20, 20, 30))
    matte[2:6, 2:6] = 0.25
    np.testing.assert_array_equal(remove_specks(matte, 3.9), matte)
    np.testing.assert_array_equal(remove_specks(matte, 4), frame((20, 20, 30)))


def test_a_speck_in_haze_becomes_haze():
    """What connects it to the object stays, without a step at its border."""
    matte = frame((20, 20, 30))
    matte[30:40, 50:75] = 0.3
    clean = matte.copy()
    matte[34:36, 66:68] = 1
    np.testing.assert_allclose(remove_specks(matte, 4), clean, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(remove_specks(matte, 3), matte)


@pytest.mark.parametrize("gap", [2, 3, 4])
def test_a_speck_beside_the_object(gap):
    """Soft borders that touch: the object's edge stays as it would be without the speck, to a tenth, and so with holes."""
    object_alone = soft(frame((10, 20, 40)))
    matte = np.clip(object_alone + soft(frame((30, 60 + gap, 5))), 0, 1)
    assert np.abs(matte - object_alone).max() > 0.99
    found = remove_specks(matte, 30)
    np.testing.assert_allclose(found, object_alone, rtol=0, atol=0.1)
    np.testing.assert_array_equal(found[:, :60], matte[:, :60])
    np.testing.assert_allclose(fill_holes(1 - matte, 30), 1 - object_alone, rtol=0, atol=0.1)


def test_diagonal_neighbours_are_joined_in_the_matte_alone():
    """A diagonal line of one pixel is one part, and separates the background."""
    line = np.eye(20, dtype=np.float32)
    np.testing.assert_array_equal(remove_specks(line, 19), line)
    ring = np.zeros((9, 9), np.float32)
    ring[[2, 3, 3, 4, 4, 5, 5, 6], [4, 3, 5, 2, 6, 3, 5, 4]] = 1
    assert fill_holes(ring, 5).sum() == ring.sum() + 5


@pytest.mark.parametrize("matte", [frame((0, 0, 60)), 1 - frame((0, 0, 2)), frame((58, 78, 2), (10, 10, 30))])
def test_the_frame_cuts_specks_and_holes(matte):
    """They count with what is visible; background around the object is never a hole, however small its bounds are."""
    large = fill_holes(matte, 100_000)
    small = fill_holes(matte, 4)
    if matte[0, 0] == 0 and matte[1, 79] == 1:  # a corner of 4 pixels
        assert (small == 1).all()
    else:
        np.testing.assert_array_equal(small, matte)
        np.testing.assert_array_equal(large[:10, 60:], matte[:10, 60:])
    assert remove_specks(matte, 4)[59, 79] in (0, matte[59, 79] if matte[50, 70] else 0)


@pytest.mark.parametrize("area", [1, 5, 40])
@pytest.mark.parametrize("seed", range(4))
def test_binary_mattes_agree_with_scipy(area, seed):
    """Parts are kept by their number of pixels."""
    values = ndimage.gaussian_filter(np.random.default_rng(seed).random((70, 90)), 1.2)
    matte = (values > np.quantile(values, 0.6)).astype(np.float32)
    labels, count = ndimage.label(matte, CORNERS)
    sizes = ndimage.sum_labels(matte, labels, range(count + 1))
    np.testing.assert_array_equal(remove_specks(matte, area), (sizes > area)[labels] * matte)
    labels, count = ndimage.label(1 - matte)
    sizes = ndimage.sum_labels(1 - matte, labels, range(count + 1))
    np.testing.assert_array_equal(fill_holes(matte, area), 1 - (sizes > area)[labels] * (1 - matte))


@pytest.mark.parametrize("change", [remove_specks, fill_holes])
@pytest.mark.parametrize("area", [3, 30, 300])
def test_twice_is_once(change, area):
    """On a soft, noisy matte; and the values only go one way."""
    values = ndimage.gaussian_filter(np.random.default_rng(area).random((90, 110)), 2)
    matte = np.clip((values - 0.5) * 8 + 0.5, 0, 1).astype(np.float32)
    before = matte.copy()
    once = change(matte, area)
    np.testing.assert_array_equal(matte, before)
    np.testing.assert_allclose(change(once, area), once, rtol=0, atol=1e-6)
    assert (once <= matte).all() if change is remove_specks else (once >= matte).all()
    assert (once != matte).any()


def test_an_empty_and_a_solid_matte_stay():
    """Also with the largest area."""
    for value in (0, 1):
        matte = np.full((20, 30), value, np.float32)
        np.testing.assert_array_equal(fill_holes(matte, 1e6), matte)
    np.testing.assert_array_equal(remove_specks(np.zeros((20, 30), np.float32), 1e6), np.zeros((20, 30)))


def test_bounds():
    """With a margin, cut off at the border of the frame."""
    assert bounds_of(frame((10, 20, 5)), margin=(2, 30)) == (slice(8, 17), slice(0, 55))
    assert bounds_of(frame()) == (slice(0, 0), slice(0, 0))
