"""Reading weights: recognising their variant, checking every entry, and building the network.

A file is accepted only if it has every entry of the variant, in the right shape, and no others.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from stcn_plugin.atomic import write_atomic
from stcn_plugin.errors import WeightsError
from stcn_plugin.network.engine import OBJECT_SIZE
from stcn_plugin.network.stcn import STCN
from stcn_plugin.network.variants import VARIANTS, Variant
from stcn_plugin.weights.safetensors_header import TensorEntry, quoted
from stcn_plugin.weights.tensor_source import FLOATS, INTEGERS, open_source
from stcn_plugin.weights.web_address import without_credentials

_VALUE_STEM = "value_encoder.conv1.weight"
OBJECT_SIZE_KEY = "object_size"
"""Metadata with the `object_size` of weights."""
_OBJECT_SIZE = re.compile("[1-9][0-9]{1,3}")
_COUNTER = "num_batches_tracked"  # used in training only; missing in some exports


@dataclass(frozen=True)
class LoadedWeights:
    """Weights that fit their variant.

    Args:
        variant: Variant of the network.
        state: Entry name to tensor, as the variant's state dict names them, on the CPU.
        metadata: Metadata of the file, without credentials in addresses.
        note: Changes that were made so that they fit the network; empty if none.
    """

    variant: Variant
    state: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    note: str = ""

    @property
    def object_size(self) -> int:
        """Larger dimension of the objects that they were trained on, in pixels, as far as they state it."""
        stated = self.metadata.get(OBJECT_SIZE_KEY, "")
        return int(stated) if _OBJECT_SIZE.fullmatch(stated) else OBJECT_SIZE


def read_weights(path: Path) -> LoadedWeights:
    """Read safetensors, an official ``.pth`` or a training checkpoint, and check that every entry fits.

    Args:
        path: The file. A pickle is opened with ``weights_only``, so nothing in it is executed. Names, shapes and
            number formats are checked before tensors are read.

    Raises:
        WeightsError: The file cannot be read, belongs to no variant, or has missing, unknown or wrong entries.
    """
    source = open_source(path)
    names = _names(source.entries, path)
    entries = {name: source.entries[own] for name, own in names.items()}
    variant = _recognise(entries, stated=source.metadata.get("variant", ""), where=str(path))
    expected = _shapes(variant)
    for name, shape in expected.items():
        _check_entry(name, entries.get(name), shape, variant, path)
    if unknown := sorted(entries.keys() - expected.keys()):
        raise _misfit(path, variant, f"unknown entries: {len(unknown)}, the first is {quoted(unknown[0])}")
    tensors = source.read([names[name] for name in expected if name in names])
    state = {name: tensors[names[name]] for name in expected if name in names}
    for name, tensor in state.items():
        if tensor.is_floating_point() and not _is_finite(tensor):
            raise _misfit(path, variant, f"the entry '{name}' has values that are not finite")
    for name in expected.keys() - state.keys():
        state[name] = torch.zeros(expected[name], dtype=torch.int64)  # counters, which may be missing
    note = _widen_value_stem(state) if variant.encoders == "resnet" else ""
    metadata = {key: without_credentials(text) for key, text in source.metadata.items()}
    return LoadedWeights(variant, {name: state[name] for name in expected}, metadata, note)


def write_weights(path: Path, loaded: LoadedWeights, *, metadata: Mapping[str, str] | None = None) -> None:
    """Write weights as safetensors.

    Args:
        path: File to write; the folder must exist.
        loaded: The weights. Their number format does not change.
        metadata: Added to the metadata of the weights; ``variant`` is always recorded.

    Raises:
        OutputError: The file cannot be written.
    """
    combined = {**loaded.metadata, **(metadata or {}), "variant": loaded.variant.name}
    # As bytes: save_file of safetensors hides the reason of an error and makes files that only the user can read.
    write_atomic(path, save({name: tensor.contiguous() for name, tensor in loaded.state.items()}, metadata=combined))


def build_network(loaded: LoadedWeights, *, device: torch.device) -> STCN:
    """Build the network of the weights, in eval mode and float32.

    Args:
        loaded: From :func:`read_weights`.
        device: Device of the network.
    """
    with torch.device("meta"):
        network = STCN(loaded.variant)
    state = {name: t.float() if t.is_floating_point() else t for name, t in loaded.state.items()}
    network.load_state_dict(state, assign=True)
    # Channels last is the native format of CPU and tensor core convolutions: 1.1 to 2 times as fast.
    placed: STCN = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed.eval().requires_grad_(False)


@cache
def _shapes(variant: Variant) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in STCN(variant).state_dict().items()}


def _names(entries: Collection[str], path: Path) -> dict[str, str]:
    """Return the name in the file of every entry, by its name in the network; parallel training adds ``module.``."""
    names: dict[str, str] = {}
    for own in entries:
        name = own.removeprefix("module.")
        if name in names:
            raise WeightsError(f"has the entry {quoted(name)} twice, once with the prefix 'module.'", where=str(path))
        names[name] = own
    return names


def _check_entry(name: str, entry: TensorEntry | None, shape: tuple[int, ...], variant: Variant, path: Path) -> None:
    """Check shape and number format of an entry, and that it exists."""
    is_counter = name.endswith(_COUNTER)
    if entry is None:
        if is_counter:
            return
        raise _misfit(path, variant, f"the entry '{name}' is missing")
    if entry.kind not in FLOATS and not (is_counter and entry.kind in INTEGERS):
        need = "float16, bfloat16, float32 or float64"
        raise _misfit(path, variant, f"the entry '{name}' is {entry.kind}, expected {need}")
    is_single = name == _VALUE_STEM and variant.encoders == "resnet" and entry.shape == _single_object(shape)
    if entry.shape != shape and not is_single:
        raise _misfit(path, variant, f"the entry '{name}' has shape {entry.shape}, expected {shape}")


def _is_finite(tensor: Tensor) -> bool:
    """Return whether all values are finite in float32."""
    return bool(tensor.float().isfinite().all())


def _recognise(state: Mapping[str, TensorEntry], *, stated: str, where: str) -> Variant:
    """Return the variant that the file states if it has all entries, otherwise the one that most entry names belong to."""
    if (named := VARIANTS.get(stated)) and state.keys() <= _shapes(named).keys():
        return named
    found = {name: len(state.keys() & _shapes(variant).keys()) for name, variant in VARIANTS.items()}
    best = max(found, key=lambda name: found[name])
    if found[best] * 2 < len(_shapes(VARIANTS[best])):
        known = ", ".join(VARIANTS)
        what = f"these are not weights of an STCN of any known variant ({known})"
        raise WeightsError(what, where=where, fix="Choose weights of STCN")
    return VARIANTS[best]


def _single_object(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the value encoder's first layer in weights without an "others" mask."""
    return (shape[0], shape[1] - 1, *shape[2:])


def _widen_value_stem(state: dict[str, Tensor]) -> str:
    """Add a zero channel for the "others" mask to single-object weights."""
    stem = state[_VALUE_STEM]
    if stem.shape[1] != 4:
        return ""
    state[_VALUE_STEM] = torch.cat([stem, torch.zeros_like(stem[:, :1])], 1)
    return "single-object weights (s0): a zero channel was added for the other objects' masks"


def _misfit(path: Path, variant: Variant, reason: str) -> WeightsError:
    return WeightsError(f"not weights of the {variant.name} variant: {reason}", where=str(path))
