"""Flicker compared with values computed by hand, on textures that move by whole pixels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from stcn_plugin.evaluation.band import edge_band
from stcn_plugin.evaluation.flicker import Sight, flicker, reduced_size, sight_of
from stcn_plugin.evaluation.soft import temporal_error

SHAPE = (120, 160)


def texture(seed: int = 0) -> np.ndarray:
    """Return a textured plate, larger than a frame on all sides."""
    noise = np.random.default_rng(seed).normal(0, 1, (SHAPE[0] + 80, SHAPE[1] + 80, 3))
    return np.clip(0.5 + 0.9 * gaussian_filter(noise, (1.5, 1.5, 0)), 0, 1).astype(np.float32)


def moved(picture: np.ndarray, down: int, across: int) -> np.ndarray:
    """Return the frame of a camera that sees everything moved by so many pixels."""
    return picture[40 - down : 40 - down + SHAPE[0], 40 - across : 40 - across + SHAPE[1]]


@pytest.fixture(scope="module")
def wide() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A plate, a soft disc in it, and an error of the disc's matte that is fixed to it."""
    y, x = np.mgrid[: SHAPE[0] + 80, : SHAPE[1] + 80]
    truth = np.clip((45 - np.hypot(y - 100, x - 120)) / 6, 0, 1).astype(np.float32)
    error = np.clip(0.2 * np.sin(0.4 * x + 0.3 * y), -truth, 1 - truth).astype(np.float32)
    return texture(), truth, error


def sight(wide: tuple[np.ndarray, ...], motion: tuple[int, int], *, scale: float = 1.0) -> tuple[Sight, np.ndarray]:
    plate, truth, error = (moved(each, *motion) for each in wide)
    matte = (truth + scale * error).astype(np.float32)
    return sight_of(matte, truth, edge_band(truth), plate), matte


@pytest.mark.parametrize("motion", [(0, 0), (3, -5), (-8, 7)])
def test_an_error_that_moves_with_the_object_is_no_flicker(
    wide: tuple[np.ndarray, ...], motion: tuple[int, int]
) -> None:
    """Although the matte differs in every pixel from the previous frame, as dtSSD sees."""
    before, first = sight(wide, (0, 0))
    now, second = sight(wide, motion)
    assert flicker(now, before) == pytest.approx(0, abs=0.05)
    changes = temporal_error(second, moved(wide[1], *motion), first, moved(wide[1], 0, 0))
    assert changes > 2 or motion == (0, 0)


def test_an_error_that_comes_and_goes_is_flicker(wide: tuple[np.ndarray, ...]) -> None:
    """The flicker is the mean of the squared error that has come, over all pixels of all patches in the band."""
    before, _ = sight(wide, (0, 0), scale=0)
    now, _ = sight(wide, (5, 3))
    truth, error = (moved(each, 5, 3) for each in wide[1:])
    band = edge_band(truth)
    assert flicker(now, before) == pytest.approx(1e3 * np.mean(error[band] ** 2), rel=0.05)


def test_half_of_an_error_flickers_with_three_quarters_of_its_square(wide: tuple[np.ndarray, ...]) -> None:
    """The change of the square of an error that halves is 0.75 of its square."""
    whole, none, half = (sight(wide, (0, 0), scale=scale)[0] for scale in (1, 0, 0.5))
    came, halved = flicker(whole, none), flicker(half, whole)
    assert came and halved == pytest.approx(0.75 * came, rel=1e-5)


def test_there_is_no_flicker_without_a_band(wide: tuple[np.ndarray, ...]) -> None:
    """An object that is not in the frame has no edge."""
    empty = np.zeros(SHAPE, np.float32)
    without = sight_of(empty, empty, edge_band(empty), moved(wide[0], 0, 0))
    assert flicker(without, sight(wide, (0, 0))[0]) is None


def test_errors_of_large_mattes_are_averaged_over_blocks() -> None:
    """At 1100 lines blocks have 2x2 pixels; the rest at the border is left out."""
    shape = (1101, 1300)
    assert reduced_size(shape) == (550, 650)
    truth = np.zeros(shape, np.float32)
    matte = truth.copy()
    matte[10, 20:23] = 0.5
    band = np.zeros(shape, bool)
    band[10:12, 20:22] = True
    found = sight_of(matte, truth, band, np.zeros((550, 650, 3), np.float32))
    assert found.errors[5, 10:12].tolist() == [0.125, 0.0625]
    assert np.argwhere(found.band).tolist() == [[5, 10]]
    assert found.planes.shape == (4, 550, 650)
