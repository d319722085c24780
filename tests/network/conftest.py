"""Networks of every variant with batch norms and gains that are not trivial."""

from __future__ import annotations

import pytest
import torch
from golden.stand_in import golden_state
from job.conftest import STARTER

from stcn_plugin.network.stcn import STCN
from stcn_plugin.network.variants import LIGHT, PUBLISHED, Variant
from stcn_plugin.weights.reading import build_network, read_weights


@pytest.fixture(scope="session")
def networks() -> dict[str, STCN]:
    """Every variant, in eval mode, by name."""
    lite = build_network(read_weights(STARTER), device=torch.device("cpu"))
    return {"published": _stand_in(PUBLISHED), "lite": lite, "light": _stand_in(LIGHT)}


def _stand_in(variant: Variant) -> STCN:
    network = STCN(variant)
    shapes = {name: tuple(entry.shape) for name, entry in network.state_dict().items()}
    network.load_state_dict({name: torch.from_numpy(array) for name, array in golden_state(shapes).items()})
    return network.eval().requires_grad_(False)
