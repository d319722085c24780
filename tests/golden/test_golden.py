"""The network and its propagation reproduce the numbers of the published implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from golden.stand_in import golden_frames, golden_masks, golden_state
from job.conftest import STARTER

from stcn_plugin.network.engine import Engine
from stcn_plugin.network.stcn import STCN
from stcn_plugin.network.variants import PUBLISHED
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator
from stcn_plugin.weights.reading import build_network, read_weights

GOLDEN = Path(__file__).parent


@pytest.fixture(scope="module")
def published() -> STCN:
    network = STCN(PUBLISHED)
    shapes = {name: tuple(entry.shape) for name, entry in network.state_dict().items()}
    network.load_state_dict({name: torch.from_numpy(array) for name, array in golden_state(shapes).items()})
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def lite() -> STCN:
    return build_network(read_weights(STARTER), device=torch.device("cpu"))


def images(count: int, height: int, width: int) -> torch.Tensor:
    return torch.from_numpy(golden_frames(count, height, width)).permute(0, 3, 1, 2).float() / 255


def masks(height: int, width: int, frame: int = 0) -> torch.Tensor:
    return torch.from_numpy(golden_masks(height, width, frame)).float()


def propagate(network: STCN, case: str, size: tuple[int, int], keyframes: dict, **settings) -> None:
    """Propagate a golden case and compare every stored frame."""
    golden = np.load(GOLDEN / case)
    expected = torch.from_numpy(golden["probabilities_u16"].astype(np.float32) / 65535)
    objects = [f"{n}" for n in range(1, expected.shape[0])]
    unlimited = PropagationSettings(max_frames=None, region=False, **settings)
    propagator = Propagator(Engine(network), objects=objects, settings=unlimited)
    largest, agreeing = 0.0, 1.0
    for index, image in enumerate(images(8 if "lite" in case else 10, *size)):
        keyframe = {objects[o]: masks(*size, index)[o] for o in keyframes.get(index, ())}
        found = propagator.step(image, keyframe).aggregated
        for position in np.flatnonzero(golden["frames"] == index):
            largest = max(largest, (found - expected[:, position]).abs().max().item())
            # In 16 bits, two objects may tie that differ in float32; either is correct.
            winner = expected[:, position].gather(0, found.argmax(0)[None])[0]
            agreeing = min(agreeing, (winner == expected[:, position].amax(0)).float().mean().item())
    print(f"{case}: largest difference {largest:.2e}, argmax equal on {100 * agreeing:.3f} %")
    assert largest < 1e-3
    assert agreeing > 0.999


@pytest.mark.slow
def test_published_features(published):
    """All encoder features equal those of the published implementation."""
    golden = np.load(GOLDEN / "published" / "features.npz")
    image = published.normalise(images(1, 96, 160))
    key = published.encode_key(image)
    value = published.encode_value(image, key, masks(96, 160))
    found = {
        "query_key": key.query_key,
        "query_value": published.key_comp(key.f16)[:, ::16],
        "f16": key.f16[:, ::32],
        "f8": key.f8[:, ::64],
        "f4": key.f4[:, ::64],
        "value": value[:, ::16, None],
    }
    for name, tensor in found.items():
        difference = np.abs(tensor.numpy() - golden[name]).max()
        print(f"published {name}: {difference:.2e}")
        assert difference < 1e-3, name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "keyframes", "settings"),
    [
        ("single_object", {0: [0]}, {"interval": 3}),
        ("three_objects", {0: [0, 1, 2]}, {"interval": 5}),
        ("three_objects_include_last", {0: [0, 1, 2]}, {"interval": 4, "include_last": True}),
        ("two_objects_top_k_50", {0: [0, 1]}, {"interval": 5, "top_k": 50}),
        ("late_object", {0: [0], 4: [1]}, {"interval": 3, "schedule": "relative"}),
    ],
)
def test_published_propagation(published, case, keyframes, settings):
    """Probabilities after aggregation equal those of the published implementation on every stored frame."""
    propagate(published, f"published/{case}.npz", (100, 150), keyframes, **settings)


def test_lite_features(lite):
    """The light encoders compute the features that the starter weights were trained with."""
    golden = np.load(GOLDEN / "lite" / "features.npz")
    key = lite.encode_key(lite.normalise(images(1, 96, 160)))
    tensors = {**key._asdict(), "query_value": lite.key_comp(key.f16)}
    for name, tensor in tensors.items():
        found = (tensor if name == "query_key" else tensor[:, ::4]).numpy()
        difference = np.abs(found - golden[name]).max()
        print(f"lite {name}: {difference:.2e}")
        assert difference < 1e-3, name


@pytest.mark.parametrize(
    ("case", "keyframes", "interval"), [("single_object", {0: [0]}, 3), ("three_objects", {0: [0, 1, 2]}, 5)]
)
def test_lite_propagation(lite, case, keyframes, interval):
    """The light variant gives the same results as when the starter weights were made."""
    propagate(lite, f"lite/{case}.npz", (96, 160), keyframes, interval=interval)
