"""The running average of the weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stcn_plugin.training.average import running_average


def taken(average, network: nn.Linear, weights: list[float]) -> float:
    """The average's weight after the network's was each of these."""
    for weight in weights:
        nn.init.constant_(network.weight, weight)
        average.update_parameters(network)
    return float(average.module.weight.detach())


def test_early_steps_forget_the_start_and_later_ones_follow_slowly():
    """The first is taken as it is, step n by 1 - (1 + n) / (10 + n), but no less than 1 - decay."""
    network = nn.Linear(1, 1, bias=False)
    average = running_average(network, decay=0.5)
    assert taken(average, network, [3.0]) == 3.0
    assert taken(average, network, [0.0]) == pytest.approx(3 * 2 / 11)
    assert taken(average, network, [0.0] * 6) == pytest.approx(
        3 * (2 * 3 * 4 * 5 * 6 * 7 * 8) / (11 * 12 * 13 * 14 * 15 * 16 * 17)
    )
    before = taken(average, network, [0.0])
    assert taken(average, network, [2.0]) == pytest.approx(before * 0.5 + 1)


def test_it_goes_on_from_its_state():
    """Half the steps, saved and loaded, then the rest: as without the break."""
    steps = torch.linspace(1, 2, 12).tolist()
    network = nn.Linear(1, 1, bias=False)
    through = taken(running_average(network, decay=0.9), network, steps)
    first, second = (running_average(network, decay=0.9) for _ in range(2))
    taken(first, network, steps[:5])
    second.load_state_dict(first.state_dict())
    assert taken(second, network, steps[5:]) == through
