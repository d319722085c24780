"""The edge network before training."""

from __future__ import annotations

import pytest
import torch

from stcn_plugin.network.edges import EdgeNetwork, levelled


@pytest.mark.parametrize("size", [(16, 16), (64, 96)])
def test_an_untrained_network_returns_the_matte_as_it_is(size):
    """The probability after the default matte levels, of any size that is a multiple of 16."""
    generator = torch.Generator().manual_seed(1)
    probability = torch.rand(2, 1, *size, generator=generator)
    rgb = torch.rand(2, 3, *size, generator=generator)
    found = EdgeNetwork()(rgb, probability, torch.tensor([[2.0, 4.0], [4.5, 1.0]]))
    assert torch.equal(found, levelled(probability))


def test_levelled_has_the_levels_of_a_preset():
    values = torch.tensor([0.0, 0.15, 0.5, 0.85, 1.0])
    assert levelled(values).tolist() == pytest.approx([0, 0, 0.5, 1, 1], abs=1e-6)


def test_network_is_small():
    """At most 0.3 million parameters."""
    assert 100_000 < sum(parameter.numel() for parameter in EdgeNetwork().parameters()) < 300_000
