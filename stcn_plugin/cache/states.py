"""Files with the memory of a pass, so that a killed pass goes on to the same bits: safetensors."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from stcn_plugin.memory.bank import BankState
from stcn_plugin.propagation.propagator import PropagatorState

_FORMAT = "stcn_plugin state 1"


def encode_state(state: PropagatorState, *, frame: int, made_from: str) -> bytes:
    """Return the file of a state.

    Args:
        state: The state after a frame.
        frame: The frame.
        made_from: Digest of everything that the probabilities of that frame are made from.
    """
    tensors: dict[str, Tensor] = {}
    cohorts = []
    for number, (objects, bank) in enumerate(state.cohorts):
        tensors |= {f"{number}.{name}": getattr(bank, name) for name in ("keys", "values", "novelty")}
        cohorts.append(
            {"objects": list(objects), "used": bank.used, "stored": bank.stored, "permanent": bank.permanent}
        )
    text = json.dumps({"objects": list(state.objects), "since_memory": state.since_memory, "cohorts": cohorts})
    checksum = _checksum(text, tensors)
    metadata = {"format": _FORMAT, "frame": str(frame), "made_from": made_from, "state": text, "checksum": checksum}
    return save(tensors, metadata)


def read_state(path: Path, made_from: Mapping[int, str]) -> tuple[int, PropagatorState] | None:
    """Read the file of a state.

    Args:
        path: The file.
        made_from: Frame to the digest of what its probabilities are made from, of the frames to go on after.

    Returns:
        The frame and the state after it; ``None`` if the file is missing, damaged, or made from something else.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                return None
            frame = int(metadata["frame"])
            if made_from.get(frame) != metadata["made_from"]:
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            if _checksum(metadata["state"], tensors) != metadata["checksum"]:
                return None
            data = json.loads(metadata["state"])
            cohorts = tuple(
                (tuple(each["objects"]), _bank(tensors, number, each)) for number, each in enumerate(data["cohorts"])
            )
            state = PropagatorState(tuple(data["objects"]), data["since_memory"], cohorts)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None
    return frame, state


def _bank(tensors: Mapping[str, Tensor], number: int, numbers: Mapping[str, int]) -> BankState:
    keys, values, novelty = (tensors[f"{number}.{name}"] for name in ("keys", "values", "novelty"))
    return BankState(keys, values, novelty, numbers["used"], numbers["stored"], numbers["permanent"])


def _checksum(text: str, tensors: Mapping[str, Tensor]) -> str:
    """Return a checksum of a state: safetensors does not notice damage."""
    value = zlib.crc32(text.encode())
    for name, tensor in sorted(tensors.items()):
        value = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), value)
        value = zlib.crc32(tensor.contiguous().view(torch.uint8).numpy().data, value)
    return f"{value:08x}"
