"""What changes in the course of a run."""

from __future__ import annotations

import pytest

from stcn_plugin.training.config import Optimiser, Steps
from stcn_plugin.training.schedule import hardest_fraction, learning_rate, staged


def test_stages_are_equally_long():
    """Three stages of ten steps: 4, 3 and 3 of them; the last one stays."""
    assert [staged((64, 96, 128), step, 10) for step in range(11)] == [64] * 4 + [96] * 3 + [128] * 4


@pytest.mark.parametrize(
    ("step", "share"), [(0, 0.1), (4, 0.5), (9, 1.0), (50, 1.0), (60, 1.0), (80, 0.5), (99, 0.025), (100, 0.0)]
)
def test_the_rate_rises_stays_and_falls(step, share):
    """Over ten steps it rises to the full rate, from step 60 of 100 it falls on a line that ends at zero."""
    optimiser = Optimiser(rate=2e-3, warm_up=10, decay_from=0.6)
    assert learning_rate(optimiser, step, 100) == pytest.approx(2e-3 * share)


def test_without_a_warm_up_the_first_step_has_the_full_rate():
    """A warm-up of no steps is none."""
    assert learning_rate(Optimiser(rate=1.0, warm_up=0), 0, 100) == 1.0


@pytest.mark.parametrize(("step", "share"), [(0, 1.0), (20, 1.0), (60, 0.6), (100, 0.2)])
def test_fewer_pixels_count_towards_the_end(step, share):
    """From a fifth of the run on, linearly from all pixels to a fifth of them."""
    steps = Steps(total=100, hardest=(1.0, 0.2), hardest_from=0.2)
    assert hardest_fraction(steps, step) == pytest.approx(share)
