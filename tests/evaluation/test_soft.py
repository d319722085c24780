"""MSE, SAD, gradient error and dtSSD compared with closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import correlate

from stcn_plugin.evaluation.soft import (
    absolute_difference,
    gradient_error,
    gradient_magnitude,
    mean_squared_error,
    temporal_error,
)


def flat(value: float, shape: tuple[int, int] = (50, 80)) -> np.ndarray:
    return np.full(shape, value, np.float32)


def slow_magnitude(matte: np.ndarray) -> np.ndarray:
    """Gradient magnitude with explicit 9x9 kernels, scaled to unit energy."""
    y, x = np.mgrid[-4:5, -4:5] / 1.4
    kernel = x * np.exp(-(x * x + y * y) / 2)
    kernel /= np.sqrt(np.sum(kernel**2))
    across = correlate(matte.astype(float), kernel, mode="nearest")
    down = correlate(matte.astype(float), kernel.T, mode="nearest")
    return np.sqrt(across**2 + down**2)


def test_perfect_matte_has_no_error() -> None:
    """A matte compared with itself has errors of exactly 0."""
    matte = np.random.default_rng(0).random((30, 40), np.float32)
    assert mean_squared_error(matte, matte) == 0.0
    assert absolute_difference(matte, matte) == 0.0
    assert gradient_error(matte, matte) == 0.0
    assert temporal_error(matte, matte, matte.T.reshape(30, 40), matte.T.reshape(30, 40)) == 0.0


def test_constant_difference() -> None:
    """A matte that is 0.25 too strong on 50x80 pixels: MSE 62.5e-3, SAD 1000 pixels, no gradient error."""
    assert mean_squared_error(flat(0.75), flat(0.5)) == 62.5
    assert absolute_difference(flat(0.75), flat(0.5)) == 1.0
    assert gradient_error(flat(0.75), flat(0.5)) == pytest.approx(0.0, abs=1e-12)


def test_difference_of_one_pixel() -> None:
    """One pixel of 4000 off by 0.5: MSE 0.0625e-3, SAD 0.0005 thousand."""
    matte = flat(0.0)
    matte[7, 9] = 0.5
    assert mean_squared_error(matte, flat(0.0)) == pytest.approx(0.0625)
    assert absolute_difference(matte, flat(0.0)) == pytest.approx(0.0005)


def test_sums_over_large_images_are_exact() -> None:
    """Differences of 2^-11 add up exactly over a UHD image; single precision would lose digits."""
    shape = (2160, 3840)
    assert absolute_difference(flat(2.0**-11, shape), flat(0.0, shape)) == 2160 * 3840 * 2.0**-11 / 1000


def test_temporal_error_measures_change_and_not_offset() -> None:
    """A matte that is 0.2 too strong on both frames does not flicker; one that changes by 0.3 too much has dtSSD 30."""
    assert temporal_error(flat(0.7), flat(0.5), flat(0.6), flat(0.4)) == pytest.approx(0.0, abs=1e-5)
    assert temporal_error(flat(0.8), flat(0.5), flat(0.5), flat(0.5)) == pytest.approx(30.0, rel=1e-6)


def test_temporal_error_is_a_root_mean_square() -> None:
    """A quarter of the pixels change by 1 too much: the root of 0.25 is 0.5, so dtSSD is 50."""
    matte = flat(0.0)
    matte[:25, :40] = 1.0
    assert temporal_error(matte, flat(0.0), flat(0.0), flat(0.0)) == pytest.approx(50.0)


def test_gradient_of_a_slope() -> None:
    """Inside a linear slope of 0.01 a pixel the magnitude is 0.01 times the kernel's first moment, in any direction."""
    offsets = np.arange(-4, 5)
    bell = np.exp(-((offsets / 1.4) ** 2) / 2)
    slope = offsets * bell
    moment = np.sum(offsets * slope) * np.sum(bell) / (np.linalg.norm(slope) * np.linalg.norm(bell))
    y, x = np.mgrid[:40, :40]
    for matte in (0.01 * x, 0.01 * y, 0.006 * x + 0.008 * y):
        inside = gradient_magnitude(matte.astype(np.float32))[4:-4, 4:-4]
        np.testing.assert_allclose(inside, 0.01 * moment, rtol=1e-4)


def test_gradient_equals_explicit_kernels() -> None:
    """The two one-dimensional passes equal the 9x9 kernel, also at the edges of the image."""
    matte = np.random.default_rng(1).random((21, 34), np.float32)
    np.testing.assert_allclose(gradient_magnitude(matte), slow_magnitude(matte), atol=1e-12)


@pytest.mark.parametrize("corner", [(0, 0), (30, 50), (56, 76), (1, 70)])
def test_gradient_error_of_a_local_difference(corner: tuple[int, int]) -> None:
    """Evaluating only the area of the difference gives the sum over the whole image, also at its edges."""
    generator = np.random.default_rng(2)
    truth = generator.random((60, 80), np.float32)
    matte = truth.copy()
    matte[corner[0] : corner[0] + 4, corner[1] : corner[1] + 4] = 0.5
    whole = np.sum((slow_magnitude(matte) - slow_magnitude(truth)) ** 2) / 1000
    assert whole > 1e-4
    assert gradient_error(matte, truth) == pytest.approx(whole, rel=1e-9)
