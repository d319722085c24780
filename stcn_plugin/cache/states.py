"""Files with the memory of a pass, so that a killed pass goes on to the same bits: safetensors."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from stcn_plugin.memory.bank import BankState
from stcn_plugin.propagation.group import GroupState
from stcn_plugin.propagation.placement import Placement
from stcn_plugin.propagation.propagator import PropagatorState
from stcn_plugin.propagation.track import Track
from stcn_plugin.propagation.tracker import TrackerState
from stcn_plugin.response import Response
from stcn_plugin.window import Window

_FORMAT = "stcn_plugin state 3"


def encode_state(state: TrackerState, *, frame: int, made_from: str) -> bytes:
    """Return the file of a state.

    Args:
        state: The state after a frame.
        frame: The frame.
        made_from: Digest of everything that the probabilities of that frame are made from.
    """
    tensors: dict[str, Tensor] = {}
    groups = [
        {
            "tracks": [[name, asdict(track)] for name, track in group.tracks.items()],
            "window": astuple(group.placement.window),
            "element": list(group.placement.element),
            "propagator": _described(group.propagator, f"{number}.", tensors),
            "responses": _listed(group.responses),
        }
        for number, group in enumerate(state.groups)
    ]
    whole = _described(state.whole, "", tensors)
    text = json.dumps(
        {
            "whole": whole,
            "is_coarse": state.is_coarse,
            "groups": groups,
            "responses": _listed(state.responses),
        }
    )
    checksum = _checksum(text, tensors)
    metadata = {"format": _FORMAT, "frame": str(frame), "made_from": made_from, "state": text, "checksum": checksum}
    return save(tensors, metadata)


def read_state(path: Path, made_from: Mapping[int, str]) -> tuple[int, TrackerState] | None:
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
            groups = tuple(_group(each, f"{number}.", tensors) for number, each in enumerate(data["groups"]))
            whole = _propagator(data["whole"], "", tensors)
            state = TrackerState(whole, data["is_coarse"], groups, _responses(data["responses"]))
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None
    return frame, state


def _described(state: PropagatorState, prefix: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Return the numbers of a memory, and add its tensors."""
    cohorts = []
    for number, (objects, bank) in enumerate(state.cohorts):
        tensors |= {f"{prefix}{number}.{name}": getattr(bank, name) for name in ("keys", "values", "novelty")}
        numbers = {"used": bank.used, "stored": bank.stored, "permanent": bank.permanent}
        cohorts.append({"objects": list(objects), **numbers})
    return {"objects": list(state.objects), "since_memory": state.since_memory, "cohorts": cohorts}


def _propagator(data: Mapping[str, Any], prefix: str, tensors: Mapping[str, Tensor]) -> PropagatorState:
    cohorts = tuple(
        (tuple(each["objects"]), _bank(tensors, f"{prefix}{number}", each))
        for number, each in enumerate(data["cohorts"])
    )
    return PropagatorState(tuple(data["objects"]), data["since_memory"], cohorts)


def _group(data: Mapping[str, Any], prefix: str, tensors: Mapping[str, Tensor]) -> GroupState:
    across, down = data["element"]
    return GroupState(
        {name: _track(track) for name, track in data["tracks"]},
        Placement(Window(*data["window"]), (across, down)),
        _propagator(data["propagator"], prefix, tensors),
        _responses(data["responses"]),
    )


def _listed(responses: Mapping[str, Response]) -> dict[str, tuple[float, ...]]:
    return {name: response.alpha for name, response in responses.items()}


def _responses(data: Mapping[str, Any]) -> dict[str, Response]:
    return {name: Response(tuple(alpha)) for name, alpha in data.items()}


def _track(data: Mapping[str, Any]) -> Track:
    return Track(Window(**data["box"]) if data["box"] else None, data["area"], data["is_seen"])


def _bank(tensors: Mapping[str, Tensor], prefix: str, numbers: Mapping[str, int]) -> BankState:
    keys, values, novelty = (tensors[f"{prefix}.{name}"] for name in ("keys", "values", "novelty"))
    return BankState(keys, values, novelty, numbers["used"], numbers["stored"], numbers["permanent"])


def _checksum(text: str, tensors: Mapping[str, Tensor]) -> str:
    """Return a checksum of a state: safetensors does not notice damage."""
    value = zlib.crc32(text.encode())
    for name, tensor in sorted(tensors.items()):
        value = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), value)
        value = zlib.crc32(tensor.contiguous().view(torch.uint8).numpy().data, value)
    return f"{value:08x}"
