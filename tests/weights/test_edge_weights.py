"""Weights of the edge network."""

from __future__ import annotations

import pytest
import torch

from stcn_plugin.errors import WeightsError
from stcn_plugin.network.edges import EdgeNetwork
from stcn_plugin.weights.edges import builtin_edge_weights, load_edge_network, write_edge_weights
from stcn_plugin.weights.entry import content_hash, read_metadata
from stcn_plugin.weights.tensor_source import open_source


def test_weights_in_the_package():
    """They load, match their hash, are small, and free for commercial use."""
    path = builtin_edge_weights()
    network = load_edge_network()
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert path.stat().st_size < 1_000_000
    metadata = read_metadata(path)
    assert metadata["license"] == "CC0-1.0"
    source = open_source(path)
    assert metadata["content_sha256"] == content_hash(source.read(list(source.entries)))
    assert set(metadata["data"].replace("(", ")").split(")")[1::2]) <= {"MIT", "CC0-1.0", "Apache-2.0", "public domain"}


def test_written_weights_come_back_in_half_precision(tmp_path):
    torch.manual_seed(1)
    network = EdgeNetwork()
    write_edge_weights(tmp_path / "edges.safetensors", network.state_dict(), metadata={"license": "ours"})
    loaded = load_edge_network(tmp_path / "edges.safetensors")
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name].half().float())
    assert read_metadata(tmp_path / "edges.safetensors")["license"] == "ours"


def _changed(state, change):
    state = {name: tensor.clone() for name, tensor in state.items()}
    change(state)
    return state


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda state: state.pop("stem.weight"), "'stem.weight' is missing"),
        (lambda state: state.update(other=torch.zeros(1)), "unknown entry 'other'"),
        (lambda state: state.update({"stem.bias": torch.zeros(7)}), r"'stem.bias' is float16 \(7,\)"),
        (lambda state: state["stem.bias"].fill_(float("nan")), "not finite"),
    ],
)
def test_wrong_weights_are_rejected(tmp_path, change, problem):
    path = tmp_path / "edges.safetensors"
    write_edge_weights(path, _changed(EdgeNetwork().state_dict(), change), metadata={})
    with pytest.raises(WeightsError, match=problem):
        load_edge_network(path)


def test_damaged_values_are_noticed(tmp_path):
    """A single changed bit of a value."""
    path = tmp_path / "edges.safetensors"
    write_edge_weights(path, EdgeNetwork().state_dict(), metadata={})
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="do not match the hash"):
        load_edge_network(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match="no such file"):
        load_edge_network(tmp_path / "nowhere.safetensors")
