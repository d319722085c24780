"""The response of a propagation: measured where alpha is known, and the mean of several."""

from __future__ import annotations

import numpy as np
import pytest

from stcn_plugin.response import BLACK, CERTAIN, KNOTS, WHITE, Response, measure_response, mixed

POSITIONS = np.linspace(0, 1, KNOTS)
USUAL = np.clip((POSITIONS - BLACK) / (WHITE - BLACK), 0, 1)


def ramp() -> np.ndarray:
    """Return probabilities that are all equally frequent."""
    return np.tile(np.linspace(0, 1, 2000, dtype=np.float32), (400, 1))


@pytest.mark.parametrize("alpha_of", [np.sqrt, np.square, lambda p: np.clip(2 * p - 0.5, 0, 1)])
def test_the_mean_alpha_is_measured(alpha_of):
    """It counts three quarters, the default matte levels one; what these make solid stays solid, and faint values clear."""
    rng = np.random.default_rng(2)
    probability = ramp()
    alpha = (rng.random(probability.shape) < alpha_of(probability)).astype(np.float32)  # only the mean is like this
    found = np.array(measure_response(probability, alpha, enlargement=1.0).alpha)
    middle = (POSITIONS >= 0.125) & (POSITIONS <= 0.75)
    expected = 0.75 * alpha_of(POSITIONS) + 0.25 * USUAL
    np.testing.assert_allclose(found[middle], expected[middle], atol=0.015)
    assert (found[POSITIONS <= CERTAIN] == 0).all()
    assert (found[POSITIONS >= WHITE] == 1).all()


def test_few_pixels_say_nothing():
    """The response is that of the default matte levels, also without any pixel of the object."""
    for shape in ((3, 3), (500, 500)):
        probability = np.full(shape, 0.5 if shape == (3, 3) else 0, np.float32)
        found = measure_response(probability, np.zeros_like(probability), enlargement=2.0)
        inside = (POSITIONS > 0.13) & (POSITIONS < 0.87)
        np.testing.assert_allclose(np.array(found.alpha)[inside], USUAL[inside], atol=0.02)


def test_a_pixel_counts_less_the_larger_the_plate_is():
    """Two enlargements of the same keyframe have the same response."""
    probability = ramp()
    alpha = np.sqrt(probability)
    small, large = (
        measure_response(
            np.kron(probability, np.ones((k, k), np.float32)), np.kron(alpha, np.ones((k, k))), enlargement=k
        )
        for k in (1, 2)
    )
    np.testing.assert_allclose(small.alpha, large.alpha, atol=1e-4)


def test_a_response_never_falls():
    """Although alpha falls with the probability."""
    probability = ramp()
    found = np.array(measure_response(probability, 1 - probability, enlargement=1.0).alpha)
    assert (np.diff(found) >= 0).all()
    assert 0.4 < found[KNOTS // 2] < 0.6


def test_a_response_is_applied_between_its_values():
    values = np.linspace(0, 1, KNOTS) ** 2
    response = Response(tuple(values.tolist()))
    found = response(np.float32([[0, 0.5, 1.5 / 32, 1]]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0, 0.25, (values[1] + values[2]) / 2, 1]], atol=1e-6)


@pytest.mark.parametrize("alpha", [(0.0, 1.0), (0.5,) * 16 + (0.4,) * 17, (-0.1,) * 33, (0.0,) * 32 + (1.1,)])
def test_values_that_fall_or_are_no_alpha_are_refused(alpha):
    with pytest.raises(ValueError, match="33 values"):
        Response(alpha)


def test_responses_are_mixed_by_weight():
    low, high = Response((0.0,) * KNOTS), Response((1.0,) * KNOTS)
    found = mixed([(low, 0.25), (high, 0.75)])
    assert found is not None
    np.testing.assert_allclose(found.alpha, 0.75)
    assert mixed([(low, 0.0), (high, 1.0)]) == high
    assert mixed([(low, 0.0)]) is None
    assert mixed([]) is None
