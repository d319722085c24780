"""The band around edges, and scores within it."""

from __future__ import annotations

import numpy as np
import pytest

from stcn_plugin.evaluation.band import edge_band
from stcn_plugin.evaluation.soft import absolute_difference, gradient_error, mean_squared_error, temporal_error


def ramp(width: int = 2048, *, start: int, stop: int, height: int = 3) -> np.ndarray:
    """Return a matte that rises linearly between two columns."""
    return np.tile(np.interp(np.arange(width), [start, stop], [0, 1]).astype(np.float32), (height, 1))


@pytest.mark.parametrize(("width", "reach"), [(2048, 8), (3840, 15), (1024, 4)])
def test_the_band_reaches_as_far_as_the_image_is_wide(width: int, reach: int) -> None:
    """A ramp over columns 301-399 has a band from 8 pixels of 2K before it to 8 after it."""
    band = edge_band(ramp(width, start=300, stop=400))
    assert np.flatnonzero(band[1]).tolist() == list(range(301 - reach, 399 + reach + 1))


def test_a_hard_edge_has_a_band() -> None:
    """A step between columns 99 and 100 has the band of column 99, the boundary."""
    matte = np.zeros((3, 2048), np.float32)
    matte[:, 100:] = 1
    assert np.flatnonzero(edge_band(matte)[0]).tolist() == list(range(91, 108))


def test_the_band_is_round() -> None:
    """Around one soft pixel it is a disc of 8 pixels."""
    matte = np.zeros((40, 2048), np.float32)
    matte[20, 500] = 0.3
    y, x = np.mgrid[:40, :2048]
    assert np.array_equal(edge_band(matte), np.hypot(y - 20, x - 500) <= 8)


@pytest.mark.parametrize("value", [0.0, 0.005, 0.996, 1.0])
def test_a_matte_without_an_edge_has_no_band(value: float) -> None:
    """Nor have values that are rounding errors of 8 bits."""
    assert not edge_band(np.full((20, 30), value, np.float32)).any()


def test_scores_in_the_band_ignore_everything_else() -> None:
    """An error of 0.5 on 10 of 40 pixels of the band, and large ones outside."""
    truth, matte = np.zeros((10, 20), np.float32), np.ones((10, 20), np.float32)
    band = np.zeros((10, 20), bool)
    band[3:7, 5:15] = True
    matte[band] = 0
    matte[3, 5:15] = 0.5
    assert mean_squared_error(matte, truth, band) == pytest.approx(1e3 * 0.25 * 10 / 40)
    assert absolute_difference(matte, truth, band) == pytest.approx(1e-3 * 5)
    assert temporal_error(matte, truth, truth, truth, band) == pytest.approx(1e2 * np.sqrt(0.25 * 10 / 40))


def test_gradients_in_the_band_are_those_of_the_whole_image() -> None:
    """The band and its complement add up; a band elsewhere has no error."""
    generator = np.random.default_rng(4)
    truth = generator.random((60, 80), np.float32)
    matte = truth.copy()
    matte[20:30, 30:50] = 0.5
    band = np.zeros(truth.shape, bool)
    band[:25] = True
    whole, above, below = (gradient_error(matte, truth, within) for within in (None, band, ~band))
    assert above + below == pytest.approx(whole)
    assert min(above, below) > 0.1 * whole
    band[5:] = False
    assert gradient_error(matte, truth, band) == 0
