"""Figures of mattes on small grids, compared with shapes whose figures are known."""

import math

import numpy as np
import pytest

from stcn_plugin.cache.probabilities import encode_probabilities
from stcn_plugin.confidence.figures import Figures, blended_figures, figures_of, moved_overlap, overlap
from stcn_plugin.confidence.grids import LONG_SIDE, grid_of, grid_size, read_grids
from stcn_plugin.matte.views import View
from stcn_plugin.window import Window

SHAPE = 144, 256


def disc(x=128.0, y=72.0, radius=30.0, *, softness=1.0) -> np.ndarray:
    """Return a disc whose edge falls from 1 to 0 over this many cells."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    distance = np.hypot(columns - x, rows - y)
    return np.clip((radius - distance) / softness + 0.5, 0, 1).astype(np.float32)


EMPTY = np.zeros(SHAPE, np.float32)


def test_a_disc_has_the_figures_of_its_geometry():
    """Area, centroid and detail of a disc follow from its radius and centre."""
    found = figures_of(disc(100, 60, 30))
    assert found.area == pytest.approx(math.pi * 900 / (144 * 256), rel=0.01)
    assert (found.x, found.y) == (pytest.approx(100 / 256, abs=1e-3), pytest.approx(60 / 144, abs=1e-3))
    assert found.islands == 1
    assert found.border == 0
    # A digital outline of inner pixels is shorter than the circle: its pixels are joined across corners.
    assert found.detail == pytest.approx(0.8, abs=0.1)
    assert found.certainty == pytest.approx(1, abs=0.02)


def test_a_softer_edge_is_less_certain():
    """Softness grows in proportion to the width of the edge; certainty and solidity fall."""
    narrow, wide = figures_of(disc(softness=4)), figures_of(disc(softness=16))
    assert wide.softness / narrow.softness == pytest.approx(4, rel=0.1)
    assert wide.certainty < narrow.certainty < 1
    assert wide.solidity < narrow.solidity < 1


def test_haze_below_the_matte_levels_does_not_count():
    """Probabilities that the default levels remove change no figure."""
    matte = disc()
    assert figures_of(np.maximum(matte, np.float32(0.1))) == figures_of(matte)


def test_doubt_inside_and_outside_lowers_the_certainty():
    """A core at 0.7 and a second shape at 0.4 are both doubts, of which only the first concerns the solidity."""
    core = np.where(disc() > 0.5, np.float32(0.7), np.float32(0))
    ghost = np.maximum(disc(), np.float32(0.4) * disc(200, 72, 20))
    sure = figures_of(disc())
    assert figures_of(core).solidity == pytest.approx((0.7 - 0.15) / 0.7, abs=1e-3)
    assert figures_of(ghost).solidity == pytest.approx(sure.solidity, abs=1e-3)
    assert figures_of(ghost).certainty < sure.certainty - 0.05


def test_islands_and_contact_with_the_border():
    """Separate parts are counted, specks are not; half of a disc on the border has a third of its outline there."""
    two = np.maximum(disc(60), disc(190))
    two[3, 3] = 1
    assert figures_of(two).islands == 2
    half = figures_of(disc(0, 72, 30))
    assert half.border == pytest.approx(2 / (2 + math.pi), abs=0.1)


def test_an_empty_matte_has_no_place_and_no_certainty():
    found = figures_of(EMPTY)
    assert found == Figures(0.0, None, None, 0, 0.0, None, 0.0, 0.0, 0.0)


def test_overlaps():
    """The overlap of two discs is 1 in place, 0 apart, and 1 again after moving one onto the other."""
    assert overlap(disc(), disc()) == 1
    assert overlap(disc(40), disc(200)) == 0
    assert overlap(EMPTY, EMPTY) == 1
    assert moved_overlap(disc(90, 50), disc(140, 80)) == 1


def test_both_passes_are_blended_by_their_weights():
    """An object that both passes reach has an agreement; one that a single pass reaches has none."""
    forward = {"a": disc(100), "b": disc(60, radius=20)}
    backward = {"a": disc(104)}
    found = blended_figures(forward, backward, {"a": 0.5, "b": 1.0})
    assert found["a"].x == pytest.approx(102 / 256, abs=2e-3)
    assert found["a"].agreement == pytest.approx(overlap(disc(100), disc(104)), abs=0.02)
    assert found["b"].agreement is None


def test_the_weight_of_a_pass_that_contributes_nothing_is_ignored():
    """With the weight 1, the backward pass does not change the figures."""
    assert blended_figures({"a": disc()}, {"a": EMPTY}, {"a": 1.0})["a"] == figures_of(disc())


def test_objects_that_are_swapped_in_one_pass():
    """If one pass has each object where the other pass has the other one, both are swapped."""
    left, right = disc(60), disc(190)
    swapped = blended_figures({"a": left, "b": right}, {"a": right, "b": left}, {"a": 0.5, "b": 0.5})
    assert (swapped["a"].swapped_with, swapped["b"].swapped_with) == ("b", "a")
    near = blended_figures({"a": disc(80), "b": disc(120)}, {"a": disc(112), "b": disc(90)}, {"a": 0.5, "b": 0.5})
    assert (near["a"].swapped_with, near["b"].swapped_with) == ("b", "a")  # though each overlaps with itself, too
    lost = blended_figures({"a": left, "b": right}, {"a": EMPTY, "b": right}, {"a": 0.5, "b": 0.5})
    assert (lost["a"].swapped_with, lost["b"].swapped_with) == (None, None)


@pytest.mark.parametrize("shape", [(480, 853), (1080, 480), (100, 120)])
def test_grids_keep_area_and_aspect(shape):
    """A grid has at most 256 cells on its long side, and the mean of the plane."""
    plane = np.zeros(shape, np.float32)
    plane[: shape[0] // 2] = 1
    grid = grid_of(plane, grid_size(shape))
    assert max(grid.shape) == min(max(shape), LONG_SIDE)
    assert grid.shape[0] / grid.shape[1] == pytest.approx(shape[0] / shape[1], rel=0.01)
    assert grid.mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("shape", [(96, 144), (540, 960), (1080, 1998), (300, 200)])
@pytest.mark.parametrize("size", [(64, 96), (540, 1920), (480, 853)])
def test_keyframes_and_probabilities_have_the_same_grid(tmp_path, shape, size):
    """Whatever the internal size and the pixel aspect; it depends on the plate alone."""
    plane = np.zeros(size, np.float16)
    plane[: size[0] // 2] = 1
    path = tmp_path / "forward.1001.exr"
    path.write_bytes(encode_probabilities([View(Window(0, 0, shape[1], shape[0]), {"a": plane})], made_from="x"))
    found = read_grids(path, made_from="x")["a"]
    keyframe = grid_of(plane.astype(np.float32), grid_size(shape))
    np.testing.assert_array_equal(found, keyframe)
    assert keyframe.shape[0] / keyframe.shape[1] == pytest.approx(shape[0] / shape[1], rel=0.01)
    assert max(keyframe.shape) == min(256, max(shape))
    assert float(keyframe.mean()) == pytest.approx(0.5, abs=0.01)
