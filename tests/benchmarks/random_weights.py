"""Random weights, for the speed of variants without trained ones."""

from __future__ import annotations

from functools import cache

import torch
from golden.stand_in import golden_state

from stcn_plugin.network.stcn import STCN
from stcn_plugin.network.variants import Variant
from stcn_plugin.weights.reading import LoadedWeights


def random_weights(variant: Variant) -> LoadedWeights:
    """Return reproducible random weights."""
    state = golden_state({name: tuple(entry.shape) for name, entry in blank_network(variant).state_dict().items()})
    return LoadedWeights(variant, {name: torch.from_numpy(array) for name, array in state.items()}, {})


@cache
def blank_network(variant: Variant) -> STCN:
    """Return a variant's network on the meta device: shapes without data."""
    with torch.device("meta"):
        return STCN(variant).eval().requires_grad_(False)
