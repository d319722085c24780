"""The band in which edges are refined, and the tiles that hold it."""

from __future__ import annotations

import numpy as np
import pytest

from stcn_plugin.matte.band import CELL, Reach, band_weights, find_band, reach_of
from stcn_plugin.matte.tiles import Tile, around, side_of_few, tiles, whole_side
from stcn_plugin.network.edges import STRIDE


def test_band_reaches_as_far_as_asked():
    """In cells: those with the edge, and those of which the distance is at most the reach."""
    probability = np.zeros((160, 240), np.float32)
    probability[:, 120:] = 1
    cells = find_band(probability, Reach(outwards=24, inwards=16))
    columns = np.flatnonzero(cells.all(0)) * CELL
    assert cells.any(0).tolist() == cells.all(0).tolist()
    assert columns.tolist() == list(
        range(120 - 24, 120 + 16 + 1, CELL)
    )  # the solid cell beside the edge, and 3 and 2 more
    assert not find_band(np.full((160, 240), 0.01, np.float32), Reach(24, 16)).any()


def test_reach_grows_with_enlargement_and_softness_up_to_a_limit():
    assert reach_of(2.0, 1.0) == Reach(6.0, 4.0)
    assert reach_of(2.0, 11.0) == Reach(11.0, 4.0)
    assert reach_of(50.0, 300.0) == Reach(96.0, 96.0)


def test_weights_are_1_in_the_band_and_0_outside():
    """They fall to 0 at its border; the border of the frame is none."""
    cells = np.zeros((20, 30), bool)
    cells[:, 10:20] = True
    weights = band_weights(cells, (slice(0, 160), slice(0, 236)))
    assert weights.shape == (160, 236)
    assert (weights[:, 88:152] == 1).all()
    assert (weights[:, :80] == 0).all() and (weights[:, 160:] == 0).all()
    np.testing.assert_allclose(weights[5, 80:88], (np.arange(8) + 0.5) / 8)
    part = band_weights(cells, (slice(32, 96), slice(64, 128)))
    np.testing.assert_array_equal(part, weights[32:96, 64:128])


def drawn(cells, shape):
    """Return the pixels of a frame that belong to cells."""
    return np.kron(cells, np.ones((CELL, CELL), bool))[: shape[0], : shape[1]]


def covered(parts, shape):
    """Return how many tiles each pixel is in."""
    count = np.zeros(shape, int)
    for tile in parts:
        count[tile.inside] += 1
    return count


@pytest.mark.parametrize("density", [0.0005, 0.02, 0.5, 1.0])
def test_tiles_hold_every_cell_once(density):
    """Also at the border of a frame that is no multiple of a cell, with context wherever the band goes on."""
    shape = (403, 661)
    cells = np.random.default_rng(1).random((51, 83)) < density
    parts = list(tiles(cells, shape))
    count = covered(parts, shape)
    assert count.max() == 1
    assert (count[drawn(cells, shape)] == 1).all()
    band = drawn(cells, shape)
    for tile in parts:
        assert all(each.start % 16 == 0 for each in (*tile.inside, *tile.read))
        around = np.zeros(shape, bool)
        around[tuple(slice(max(each.start - 1, 0), each.stop + 1) for each in tile.inside)] = True
        around[tile.inside] = False
        rows, columns = np.nonzero(around & band)
        beside = (rows >= tile.inside[0].start) & (rows < tile.inside[0].stop)
        beside |= (columns >= tile.inside[1].start) & (columns < tile.inside[1].stop)
        read = np.zeros(shape, bool)
        read[tile.read] = True
        assert read[rows[beside], columns[beside]].all()


def test_tiles_follow_a_band():
    """Around a large circle, they have less than half the area of the square that holds it."""
    shape = (1600, 1600)
    rows, columns = np.mgrid[:200, :200]
    cells = np.abs(np.hypot(rows - 100, columns - 100) - 90) < 1.5
    parts = list(tiles(cells, shape))
    assert (covered(parts, shape)[drawn(cells, shape)] == 1).all()
    assert covered(parts, shape).sum() < 0.45 * (181 * CELL) ** 2
    assert len(parts) < 40


def test_a_small_band_is_one_tile_and_a_large_one_is_not():
    """Two parts close to each other cost less as one; no tile is larger than the cache."""
    cells = np.zeros((200, 200), bool)
    cells[100, 100] = cells[104, 108] = True
    assert [tile.inside for tile in tiles(cells, (1600, 1600))] == [(slice(800, 848), slice(800, 880))]
    parts = list(tiles(np.ones((200, 200), bool), (1600, 1600)))
    sides = [each.stop - each.start for tile in parts for each in tile.inside]
    assert len(parts) == 32 and min(sides) >= 192 and max(sides) <= 400


def test_without_a_band_there_is_no_tile():
    assert list(tiles(np.zeros((20, 30), bool), (160, 240))) == []


def test_tiles_fade_into_each_other():
    """Wherever the band is cut, by one tile beside another or by several that meet, what they have is blended without a step."""
    shape = (1600, 1600)
    parts = list(tiles(np.ones((200, 200), bool), shape))
    values, weights = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for number, tile in enumerate(parts):
        values[tile.read] += tile.weights() * (number % 7)
        weights[tile.read] += tile.weights()
    assert weights.min() > 0.4
    blended = values / weights
    assert max(np.abs(np.diff(blended, axis=axis)).max() for axis in (0, 1)) < 0.4
    middle = parts[0].inside[0].stop // 2, parts[0].inside[1].stop // 2
    assert blended[middle] == 0.0 and blended.max() == 6.0


def test_a_tile_that_is_cut_on_both_sides_has_weight_in_its_middle():
    """Also if it is narrower than two ramps; at the border of the frame nothing fades."""
    tile = Tile((slice(16, 32), slice(0, 160)), (slice(0, 48), slice(0, 160)))
    weights = tile.weights()
    assert weights.shape == (48, 160)
    assert weights.min() > 0 and weights[16:32].min() > 0.5
    assert (np.diff(weights, axis=1) == 0).all()
    np.testing.assert_array_equal(weights, weights[::-1])


def test_there_are_few_sizes():
    """A side is at most a third longer than needed, from 48 pixels on."""
    sides = {side_of_few(length) for length in range(1, 1025)}
    assert len(sides) == 13
    assert all(side % STRIDE == 0 for side in sides)
    assert all(length <= side_of_few(length) <= length + length / 3 + STRIDE for length in range(48, 1025))


@pytest.mark.parametrize("shape", [(403, 661), (90, 2000), (16, 30)])
def test_what_is_read_in_few_sizes_holds_the_part(shape):
    """It starts at the stride, ends in the frame, and has the whole side unless the frame is too short."""
    height, width = shape
    for top in range(0, height, 5 * STRIDE):
        for bottom in range(top + 1, height + 1, 41):
            part = slice(top, bottom), slice(0, width)
            rows, columns = around(part, shape, side_of_few)
            side = side_of_few(bottom - top)
            assert rows.start % STRIDE == 0
            assert 0 <= rows.start <= top and bottom <= rows.stop <= height
            assert side - STRIDE < rows.stop - rows.start <= side or rows == slice(0, height)
            assert columns == slice(0, width)
            assert around(part, shape, whole_side)[0] == slice(top, min(top + whole_side(bottom - top), height))
