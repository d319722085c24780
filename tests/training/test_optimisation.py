"""Schedules and the EMA of the weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from stcn_plugin.training.config import Optimiser, Steps
from stcn_plugin.training.optimisation import bootstrap_fraction, ema_model, learning_rate, stage_value


def test_stages_have_equal_length():
    """Ten steps in three stages: 4, 3 and 3 steps. The last stage continues after the end."""
    assert [stage_value((64, 96, 128), step, 10) for step in range(11)] == [64] * 4 + [96] * 3 + [128] * 4


@pytest.mark.parametrize(
    ("step", "factor"), [(0, 0.1), (4, 0.5), (9, 1.0), (50, 1.0), (60, 1.0), (80, 0.5), (99, 0.025), (100, 0.0)]
)
def test_learning_rate_warms_up_and_decays_linearly(step, factor):
    """Warm-up over 10 steps, linear decay to zero from step 60 of 100."""
    optimiser = Optimiser(learning_rate=2e-3, warmup_steps=10, lr_decay_from=0.6)
    assert learning_rate(optimiser, step, 100) == pytest.approx(2e-3 * factor)


def test_without_warm_up_the_first_step_has_the_full_learning_rate():
    """``warmup_steps`` may be 0."""
    assert learning_rate(Optimiser(learning_rate=1.0, warmup_steps=0), 0, 100) == 1.0


@pytest.mark.parametrize(("step", "fraction"), [(0, 1.0), (20, 1.0), (60, 0.6), (100, 0.2)])
def test_bootstrap_fraction_falls_linearly(step, fraction):
    """From 1 at step 20 of 100 to 0.2 at step 100, and in the same way over any other length."""
    steps = Steps(total=7, bootstrap_fraction=(1.0, 0.2), bootstrap_from=0.2)
    assert bootstrap_fraction(steps, step, 100) == pytest.approx(fraction)
    assert bootstrap_fraction(steps, 3 * step, 300) == pytest.approx(fraction)


def ema_after(ema: AveragedModel, network: nn.Linear, weights: list[float]) -> float:
    """Set the weight of a network to each value in turn, update the EMA, and return its weight."""
    for weight in weights:
        nn.init.constant_(network.weight, weight)
        ema.update_parameters(network)
    return float(ema.module.weight.detach())


def test_the_decay_of_the_ema_grows_to_its_limit():
    """The first update copies the weight; update n has a decay of (1 + n) / (10 + n), at most the configured one."""
    network = nn.Linear(1, 1, bias=False)
    ema = ema_model(network, decay=0.5)
    assert ema_after(ema, network, [3.0]) == 3.0
    assert ema_after(ema, network, [0.0]) == pytest.approx(3 * 2 / 11)
    assert ema_after(ema, network, [0.0] * 6) == pytest.approx(
        3 * (2 * 3 * 4 * 5 * 6 * 7 * 8) / (11 * 12 * 13 * 14 * 15 * 16 * 17)
    )
    value = ema_after(ema, network, [0.0])
    assert ema_after(ema, network, [2.0]) == pytest.approx(value * 0.5 + 1)


def test_the_ema_resumes_from_its_state_dict():
    """Saving and loading after 5 of 12 updates does not change the result."""
    weights = torch.linspace(1, 2, 12).tolist()
    network = nn.Linear(1, 1, bias=False)
    expected = ema_after(ema_model(network, decay=0.9), network, weights)
    first, second = (ema_model(network, decay=0.9) for _ in range(2))
    ema_after(first, network, weights[:5])
    second.load_state_dict(first.state_dict())
    assert ema_after(second, network, weights[5:]) == expected
