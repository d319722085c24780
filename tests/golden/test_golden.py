"""The network and its propagation reproduce the numbers of the published implementation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden.comparing import GOLDEN, LITE_CASES, PUBLISHED_CASES, GoldenCase, compare, images, masks, published_stand_in
from job.conftest import STARTER

from stcn_plugin.network.engine import Engine
from stcn_plugin.network.stcn import STCN
from stcn_plugin.weights.reading import build_network, read_weights


@pytest.fixture(scope="module")
def published() -> STCN:
    return published_stand_in()


@pytest.fixture(scope="module")
def lite() -> STCN:
    return build_network(read_weights(STARTER), device=torch.device("cpu"))


def check(network: STCN, case: GoldenCase) -> None:
    """Propagate a golden case and compare every stored frame."""
    difference = compare(Engine(network), case)
    print(
        f"{case.file}: largest difference {difference.largest:.2e}, argmax equal on {100 * difference.agreeing:.3f} %"
    )
    assert difference.largest < 1e-3
    assert difference.agreeing > 0.999


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
@pytest.mark.parametrize("case", PUBLISHED_CASES, ids=lambda case: case.file)
def test_published_propagation(published, case):
    """Probabilities after aggregation equal those of the published implementation on every stored frame."""
    check(published, case)


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


@pytest.mark.parametrize("case", LITE_CASES, ids=lambda case: case.file)
def test_lite_propagation(lite, case):
    """The light variant gives the same results as when the starter weights were made."""
    check(lite, case)
