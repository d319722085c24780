"""The weights of the edge network, which are part of the package."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from stcn_plugin.atomic import write_atomic
from stcn_plugin.errors import WeightsError
from stcn_plugin.network.edges import EdgeNetwork
from stcn_plugin.weights.entry import content_hash
from stcn_plugin.weights.safetensors_header import quoted
from stcn_plugin.weights.tensor_source import FLOATS, open_source

_NETWORK = "edges"
"""Metadata entry ``network`` of the file."""


def builtin_edge_weights() -> Path:
    """Return the file in the package."""
    return Path(str(resources.files("stcn_plugin.weights") / "starter")) / "edges.safetensors"


def load_edge_network(
    path: Path | None = None, *, device: torch.device | None = None, precision: torch.dtype = torch.float32
) -> EdgeNetwork:
    """Load the edge network, in eval mode.

    Args:
        path: File of the weights; ``None`` is the one in the package.
        device: Device of the network; ``None`` is the CPU.
        precision: Number format of its convolutions.

    Raises:
        WeightsError: The file cannot be read, has missing, unknown or wrong entries, or does not match the hash in its
            metadata.
    """
    path = path or builtin_edge_weights()
    source = open_source(path)
    with torch.device("meta"):
        network = EdgeNetwork()
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name in sorted(expected.keys() | source.entries.keys()):
        entry = source.entries.get(name)
        if entry is None:
            raise _misfit(path, f"the entry '{name}' is missing")
        if name not in expected:
            raise _misfit(path, f"unknown entry {quoted(name)}")
        if entry.shape != expected[name] or entry.kind not in FLOATS:
            raise _misfit(path, f"the entry '{name}' is {entry.kind} {entry.shape}, expected floats {expected[name]}")
    state = source.read(list(expected))
    if not all(bool(tensor.float().isfinite().all()) for tensor in state.values()):
        raise _misfit(path, "some values are not finite")
    if source.metadata.get("content_sha256", "") != content_hash(state):
        raise _misfit(path, "the values do not match the hash in its metadata", fix="Install the package again")
    network.load_state_dict({name: tensor.float() for name, tensor in state.items()}, assign=True)
    device = device or torch.device("cpu")
    placed: EdgeNetwork = network.to(device, precision, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed.eval().requires_grad_(False)


def write_edge_weights(path: Path, state: Mapping[str, Tensor], *, metadata: Mapping[str, str]) -> None:
    """Write weights of the edge network as safetensors, in half precision.

    Args:
        path: File to write; the folder must exist.
        state: State dict of an `EdgeNetwork`.
        metadata: Licence and provenance.

    Raises:
        OutputError: The file cannot be written.
    """
    half = {name: tensor.detach().cpu().half().contiguous() for name, tensor in state.items()}
    combined = {**metadata, "network": _NETWORK, "content_sha256": content_hash(half)}
    write_atomic(path, save(half, metadata=combined))


def _misfit(path: Path, reason: str, *, fix: str | None = None) -> WeightsError:
    return WeightsError(f"not weights of the edge network: {reason}", where=str(path), fix=fix)
