"""The number of threads changes no bit of a propagation."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from stcn_plugin.propagation.aggregation import aggregate
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator
from stcn_plugin.threads import one_thread, same_threads_after
from stcn_plugin.weights.loading import load_engine

CPU = torch.device("cpu")
THREADS = (1, 2, 3, 5, 7)


def frames(height: int, width: int) -> list[torch.Tensor]:
    """A picture that moves."""
    small = torch.rand(1, 3, 12, 14, generator=torch.Generator().manual_seed(2))
    picture = functional.interpolate(small, (height + 24, width + 24), mode="bicubic").clamp(0, 1)[0]
    return [picture[:, 8 * step : 8 * step + height, 4 * step : 4 * step + width] for step in range(3)]


def test_aggregation_with_uneven_shares():
    """A thread's share of these planes does not fill the last vector."""
    probabilities = torch.rand(2, 331, 383, generator=torch.Generator().manual_seed(1))
    with same_threads_after():
        found = []
        for threads in THREADS:
            torch.set_num_threads(threads)
            found.append(aggregate(probabilities))
    assert all(torch.equal(each, found[0]) for each in found)


@pytest.mark.slow
@pytest.mark.parametrize("uses_regions", [True, False])
def test_propagation_at_a_size_with_uneven_shares(uses_regions):
    engine = load_engine("starter-free", device="cpu", precision="float32")
    first, *others = frames(352, 384)
    mask = torch.zeros(352, 384)
    mask[60:290, 70:300] = 1
    with same_threads_after():
        found = []
        for threads in THREADS:
            torch.set_num_threads(threads)
            propagator = Propagator(engine, objects=["a"], settings=PropagationSettings(region=uses_regions))
            propagator.step(first, {"a": mask})
            found.append(torch.stack([propagator.step(image, {}).own for image in others]))
    assert 0.1 < found[0].mean() < 0.9
    assert all(torch.equal(each, found[0]) for each in found)


def test_one_thread_ends_with_its_context():
    with same_threads_after():
        torch.set_num_threads(3)
        with one_thread(CPU):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
        with one_thread(torch.device("meta")):
            assert torch.get_num_threads() == 3
