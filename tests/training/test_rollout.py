"""Differentiable propagation, compared with `Propagator`."""

from __future__ import annotations

import pytest
import torch
from golden.stand_in import golden_frames, golden_masks, golden_state

from stcn_plugin.network.engine import Engine
from stcn_plugin.network.stcn import STCN
from stcn_plugin.network.variants import LITE, PUBLISHED
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator
from stcn_plugin.training.rollout import Rollout
from stcn_plugin.weights.reading import build_network, read_weights
from stcn_plugin.weights.store import STARTER, builtin_files

SIDE = 96
SLOTS = 3


@pytest.fixture(scope="module")
def network() -> STCN:
    return build_network(read_weights(builtin_files()[STARTER]), device=torch.device("cpu"))


@pytest.fixture(scope="module")
def rollout(network) -> Rollout:
    return Rollout(network, precision=torch.float32)


def clip(objects: int, *, seed: int = 7, side: int = SIDE) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Three frames ``(3, 3, S, S)``, the masks of the first ``(SLOTS, S, S)``, and the slots with an object."""
    frames = torch.from_numpy(golden_frames(3, side, side, seed)).permute(0, 3, 1, 2).float() / 255
    masks = torch.from_numpy(golden_masks(side, side)).float()
    present = torch.arange(SLOTS) < objects
    return frames, masks * present[:, None, None], present


def batch(*clips) -> tuple[torch.Tensor, ...]:
    return tuple(torch.stack(parts) for parts in zip(*clips, strict=True))


@pytest.mark.parametrize("objects", [1, 2, 3])
def test_predictions_equal_those_of_the_propagator(objects, network, rollout):
    """The propagator memorises every frame and reads the complete memory."""
    frames, first, present = clip(objects)
    settings = PropagationSettings(interval=1, region=False, top_k=None, max_frames=None)
    names = "abc"[:objects]
    propagator = Propagator(Engine(network), objects=names, settings=settings)
    propagator.step(frames[0], dict(zip(names, first, strict=False)))
    expected = torch.stack([propagator.step(frames[index]).aggregated for index in (1, 2)])
    with torch.no_grad():
        found = rollout(*batch((frames, first, present))).softmax(2)[0]
    assert float(expected[:, 1:].amax((0, 2, 3)).min()) > 0.5  # every object is visible
    torch.testing.assert_close(found[:, : objects + 1], expected, atol=2e-5, rtol=0)
    assert (found[:, objects + 1 :] < 1e-6).all()


def test_clips_of_a_batch_are_independent(rollout):
    """Clips with one, three and two objects give the same result alone and in a batch."""
    clips = [clip(1), clip(3, seed=8), clip(2, seed=9)]
    with torch.no_grad():
        together = rollout(*batch(*clips))
        alone = torch.cat([rollout(*batch(each)) for each in clips])
    assert together.shape == (3, 2, SLOTS + 1, SIDE, SIDE)
    torch.testing.assert_close(together.softmax(2), alone.softmax(2), atol=2e-5, rtol=0)


def test_bfloat16_is_close_to_float32(network, rollout):
    """Probabilities differ by less than 0.01 on average; logits are float32."""
    copy = STCN(LITE).eval()
    copy.load_state_dict(network.state_dict())
    with torch.no_grad():
        narrow, wide = (each(*batch(clip(2))) for each in (Rollout(copy, precision=torch.bfloat16), rollout))
    assert narrow.dtype == torch.float32
    assert 0 < float((narrow.softmax(2) - wide.softmax(2)).abs().mean()) < 0.01


@pytest.mark.parametrize(
    ("variant", "precision"),
    [(LITE, torch.float32), (LITE, torch.bfloat16), pytest.param(PUBLISHED, torch.float32, marks=pytest.mark.slow)],
    ids=["lite", "lite in bfloat16", "published"],
)
def test_every_parameter_has_a_gradient(variant, precision):
    """The loss of the third frame alone gives every parameter a finite gradient."""
    network = STCN(variant).eval()
    shapes = {name: tuple(entry.shape) for name, entry in network.state_dict().items()}
    network.load_state_dict({name: torch.from_numpy(array) for name, array in golden_state(shapes).items()})
    logits = Rollout(network, precision=precision)(*batch(clip(2, side=48)))
    logits[:, 1, 1].sigmoid().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.dim() == 1 or parameter.grad.any(), name
