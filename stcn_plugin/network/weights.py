"""Weights: recognising them, reading them safely, putting them into a network.

A file is accepted only when every entry that the variant needs is there in the right shape; nothing is guessed.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from stcn_plugin.atomic import write_whole
from stcn_plugin.errors import WeightsError
from stcn_plugin.network.stcn import STCN
from stcn_plugin.network.variants import VARIANTS, Variant

_VALUE_STEM = "value_encoder.conv1.weight"
_COUNTER = "num_batches_tracked"  # training's own; some exports leave it out and inference never reads it


@dataclass(frozen=True)
class LoadedWeights:
    """Weights that fit their variant.

    Args:
        variant: The network they belong to.
        state: Entry name to tensor, as the variant's state dict names them, on the CPU.
        metadata: What the file says of itself.
        note: What was done to make them fit, empty when nothing was.
    """

    variant: Variant
    state: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    note: str = ""


def read_weights(path: Path) -> LoadedWeights:
    """Read safetensors, an official ``.pth`` or a training checkpoint, and make sure that they fit.

    Args:
        path: The file. A pickle is opened with ``weights_only``, so nothing in it is executed.

    Raises:
        WeightsError: The file cannot be read, belongs to no variant, or lacks an entry.
    """
    if not path.is_file():
        raise WeightsError("there is no such file", where=str(path))
    state, metadata = _read_safetensors(path) if path.suffix == ".safetensors" else (_read_pickle(path), {})
    state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    variant = _recognise(state, said=metadata.get("variant", ""), where=str(path))
    note = _widen_value_stem(state) if variant.encoders == "resnet" else ""
    expected = _shapes(variant)
    for name, shape in expected.items():
        if name not in state:
            if name.endswith(_COUNTER):
                state[name] = torch.zeros(shape, dtype=torch.int64)
                continue
            raise _misfit(path, variant, f"the entry '{name}' is missing")
        if tuple(state[name].shape) != shape:
            found = tuple(state[name].shape)
            raise _misfit(path, variant, f"the entry '{name}' has shape {found} where {shape} is needed")
    if unknown := sorted(state.keys() - expected.keys()):
        raise _misfit(path, variant, f"there are {len(unknown)} entries too many, the first is '{unknown[0]}'")
    for name, tensor in state.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise _misfit(path, variant, f"the entry '{name}' holds values that are not finite")
    return LoadedWeights(variant, {name: state[name] for name in expected}, metadata, note)


def write_weights(path: Path, loaded: LoadedWeights, *, metadata: Mapping[str, str] | None = None) -> None:
    """Write weights as safetensors.

    Args:
        path: Where; the folder must exist.
        loaded: The weights. Their number format is kept.
        metadata: Added to what the weights already say of themselves; ``variant`` is always recorded.

    Raises:
        OutputError: The file cannot be written.
    """
    said = {**loaded.metadata, **(metadata or {}), "variant": loaded.variant.name}
    # As bytes: safetensors' own writing would hide the system's reason, and let nobody else read the file.
    write_whole(path, save({name: tensor.contiguous() for name, tensor in loaded.state.items()}, metadata=said))


def build_network(loaded: LoadedWeights, *, device: torch.device) -> STCN:
    """Return the network that the weights belong to, in eval mode, float32, on ``device``.

    Args:
        loaded: Weights that fit, from :func:`read_weights`.
        device: Where the network will run.
    """
    with torch.device("meta"):
        network = STCN(loaded.variant)
    state = {name: t.float() if t.is_floating_point() else t for name, t in loaded.state.items()}
    network.load_state_dict(state, assign=True)
    # Channels last: what convolutions on CPUs and tensor cores compute in; measured 1.1 to 2 times as fast.
    placed: STCN = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed.eval().requires_grad_(False)


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"not a readable safetensors file ({error})", where=str(path)) from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    """Read what ``torch.save`` wrote, as plain tensors; unwrap a training checkpoint."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            "refused: it is damaged, or holds more than plain tensors, which could run code when opened",
            where=str(path),
            fix="Save the network's state_dict() alone and add that",
        ) from error
    except Exception as error:
        raise WeightsError(f"not a file that torch can read ({_first_line(error)})", where=str(path)) from error
    if isinstance(content, Mapping) and isinstance(content.get("network"), Mapping):
        content = content["network"]
    if not isinstance(content, Mapping) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise WeightsError("holds no state dict (a mapping of names to tensors)", where=str(path))
    return {str(name): tensor for name, tensor in content.items()}


@cache
def _shapes(variant: Variant) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in STCN(variant).state_dict().items()}


def _recognise(state: Mapping[str, Tensor], *, said: str, where: str) -> Variant:
    """Return the variant that most entry names belong to; the one that the file names is not compared with others where all its entries are known."""
    if (named := VARIANTS.get(said)) and state.keys() <= _shapes(named).keys():
        return named
    found = {name: len(state.keys() & _shapes(variant).keys()) for name, variant in VARIANTS.items()}
    best = max(found, key=lambda name: found[name])
    if found[best] * 2 < len(_shapes(VARIANTS[best])):
        known = ", ".join(VARIANTS)
        raise WeightsError(f"these are not weights of an STCN of any known variant ({known})", where=where)
    return VARIANTS[best]


def _widen_value_stem(state: dict[str, Tensor]) -> str:
    """Give single-object weights, which know no "others" mask, a zero channel for it."""
    stem = state.get(_VALUE_STEM)
    if stem is None or stem.dim() != 4 or stem.shape[1] != 4:
        return ""
    state[_VALUE_STEM] = torch.cat([stem, torch.zeros_like(stem[:, :1])], 1)
    return "single-object weights (s0): a zero channel was added for the other objects' masks"


def _misfit(path: Path, variant: Variant, reason: str) -> WeightsError:
    return WeightsError(f"not weights of the {variant.name} variant: {reason}", where=str(path))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
