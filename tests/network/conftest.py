"""Networks whose batch norms and gains say something, as trained ones do."""

from __future__ import annotations

import pytest
import torch
from golden.stand_in import golden_state
from shot.conftest import STARTER

from stcn_plugin.network.stcn import STCN
from stcn_plugin.network.variants import PUBLISHED
from stcn_plugin.network.weights import build_network, read_weights


@pytest.fixture(scope="session")
def networks() -> dict[str, STCN]:
    """Both variants, in eval mode, by name."""
    published = STCN(PUBLISHED)
    shapes = {name: tuple(entry.shape) for name, entry in published.state_dict().items()}
    published.load_state_dict({name: torch.from_numpy(array) for name, array in golden_state(shapes).items()})
    lite = build_network(read_weights(STARTER), device=torch.device("cpu"))
    return {"published": published.eval().requires_grad_(False), "lite": lite}
