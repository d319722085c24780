"""Flicker without ground truth: steady mattes on moving plates have none, and flicker has its size."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, maximum_filter

from stcn_plugin.evaluation.unsteadiness import Moment, unsteadiness

SIZE = 96, 128


def plate() -> np.ndarray:
    """Return a texture without repetition, three times as wide as the frame."""
    noise = np.random.default_rng(3).random((SIZE[0], 3 * SIZE[1], 3))
    smooth = gaussian_filter(noise, (2, 2, 0))
    return ((smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)


def matte() -> np.ndarray:
    """Return a soft disc in the middle of the texture."""
    rows, columns = np.mgrid[: SIZE[0], : 3 * SIZE[1]]
    distance = np.hypot(rows - SIZE[0] / 2, columns - 1.5 * SIZE[1])
    return np.clip((30 - distance) / 8 + 0.5, 0, 1).astype(np.float32)


def moment(shift: int, change: float = 0.0) -> Moment:
    """Return the texture and the disc moved by whole pixels; the soft part of the disc is raised."""
    window = slice(SIZE[1] + shift, 2 * SIZE[1] + shift)
    own = matte()[:, window]
    soft = (own > 0) & (own < 1)
    return Moment(plate()[:, window], {"hero": np.where(soft, np.clip(own + change, 0, 1), own).astype(np.float32)})


@pytest.mark.parametrize("speed", [0, 1, 5])
def test_a_matte_that_moves_with_the_plate_is_steady(speed):
    assert unsteadiness(moment(0), moment(speed), moment(2 * speed))["hero"] < 1e-4


@pytest.mark.parametrize("speed", [0, 5])
def test_a_matte_that_is_raised_on_one_frame_flickers(speed):
    """On a plate that fits everywhere, flicker is the mean change in the band, three pixels around the soft edge."""
    steady, now = moment(speed).mattes["hero"], moment(speed, 0.2).mattes["hero"]
    steps = [np.abs(np.diff(now, axis=axis, append=np.take(now, [-1], axis))) for axis in (0, 1)]
    band = maximum_filter(((now > 0.05) & (now < 0.95)) | (np.maximum(*steps) > 0.05), 7)
    found = unsteadiness(moment(0), moment(speed, 0.2), moment(2 * speed))["hero"]
    assert found == pytest.approx((now - steady)[band].mean(), rel=0.02)


def test_a_matte_that_grows_steadily_does_not_flicker():
    """A change that goes on in the same direction is not flicker."""
    assert unsteadiness(moment(0, 0.0), moment(0, 0.1), moment(0, 0.2))["hero"] == 0


def test_a_change_where_the_plate_has_no_match_counts_little():
    """The matte is raised in the left half only, where the plate has nothing to do with its neighbours."""
    raised, steady = moment(0, 0.4), moment(0)
    left = np.arange(SIZE[1]) < SIZE[1] // 2
    half = {"hero": np.where(left, raised.mattes["hero"], steady.mattes["hero"])}
    other = np.random.default_rng(5).random((*SIZE, 3), np.float32)
    known = unsteadiness(steady, Moment(steady.plate, half), steady)["hero"]
    unknown = unsteadiness(steady, Moment(np.where(left[:, None], other, steady.plate), half), steady)["hero"]
    assert known > 0.03
    assert unknown < 0.1 * known


def test_objects_without_an_edge_or_a_neighbour_are_left_out():
    empty = Moment(moment(0).plate, {"hero": np.zeros(SIZE, np.float32)})
    assert unsteadiness(moment(0), empty, moment(0)) == {}
    assert unsteadiness(Moment(moment(0).plate, {}), moment(0), moment(0)) == {}
