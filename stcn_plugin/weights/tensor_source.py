"""Tensors in a file by name: shapes and number formats are known before they are read, and no code is run."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from stcn_plugin.errors import WeightsError, is_temporary
from stcn_plugin.regular_files import open_regular
from stcn_plugin.weights.safetensors_header import TensorEntry, quoted, read_header
from stcn_plugin.weights.torch_files import check_torch_file, is_zip

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
"""Number formats of weights."""

INTEGERS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"})
"""Number formats of counters."""

_KINDS = {
    "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64", "BOOL": "bool", "C64": "complex64",
    **{f"{letter}{bits}": f"{word}{bits}" for letter, word in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32, 64)},
}  # fmt: skip


@dataclass(frozen=True)
class TensorSource:
    """Tensors in a file.

    Args:
        entries: Number format and shape by name.
        metadata: Metadata of the file.
        read: Reads the tensors of some names, on the CPU.
    """

    entries: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]
    read: Callable[[Collection[str]], dict[str, Tensor]]


def open_source(path: Path) -> TensorSource:
    """Open safetensors, or a state dict or training checkpoint from ``torch.save``, by its content.

    Args:
        path: The file. A pickle is opened with ``weights_only``, so nothing in it is executed.

    Raises:
        WeightsError: The file cannot be read or has another content.
    """
    try:
        with open_regular(path) as file:
            head = file.read(9)
    except FileNotFoundError:
        raise WeightsError("there is no such file", where=str(path), fix="Check the spelling of the path") from None
    except OSError as error:
        what = f"cannot be read ({(error.strerror or str(error)).lower()})"
        fix = "Check the path and the disk"
        raise WeightsError(what, where=str(path), fix=fix, retry=is_temporary(error)) from None
    is_safetensors = head[8:9] == b"{" and not head.startswith((b"PK", b"\x80"))
    return _safetensors(path) if is_safetensors or path.suffix == ".safetensors" else _torch_file(path)


def _safetensors(path: Path) -> TensorSource:
    header = read_header(path)
    entries = {name: TensorEntry(_KINDS.get(each.kind, each.kind), each.shape) for name, each in header.entries.items()}

    def read(names: Collection[str]) -> dict[str, Tensor]:
        try:
            with safe_open(path, framework="pt") as file:
                return {name: file.get_tensor(name) for name in names}
        except (SafetensorError, OSError, RuntimeError) as error:
            what = f"not a readable safetensors file ({_first_line(error)})"
            raise WeightsError(what, where=str(path), retry=is_temporary(error)) from error

    return TensorSource(entries, header.metadata, read)


def _torch_file(path: Path) -> TensorSource:
    check_torch_file(path)
    try:
        # Memory-mapped, because a training checkpoint is much larger than the network.
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip(path))
    except pickle.UnpicklingError as error:
        raise WeightsError(
            "refused: it is damaged, or has more than plain tensors, which could run code when opened",
            where=str(path),
            fix="Save only the network's state_dict() and add that",
        ) from error
    except Exception as error:
        what = f"not a file that torch can read ({_first_line(error)})"
        raise WeightsError(what, where=str(path), fix="Copy or download it again") from error
    tensors = _state_of(content, path)
    entries = {name: TensorEntry(_kind(tensor), _shape(tensor)) for name, tensor in tensors.items()}
    return TensorSource(entries, {}, lambda names: {name: tensors[name].detach() for name in names})


def _state_of(content: object, path: Path) -> dict[str, Tensor]:
    """Return the state dict, also from a training checkpoint."""
    if isinstance(content, Mapping) and isinstance(content.get("network"), Mapping):
        content = content["network"]
    fix = "Save only the network's state_dict() with torch.save and add that"
    if not isinstance(content, Mapping):
        raise WeightsError("has no state dict (a mapping of names to tensors)", where=str(path), fix=fix)
    found: dict[str, Tensor] = {}
    for name, tensor in content.items():
        if not isinstance(name, str):
            raise WeightsError("has entries without names", where=str(path), fix=fix)
        if isinstance(tensor, Mapping):
            what = f"the entry {quoted(name)} is a mapping, not a tensor"
            raise WeightsError(what, where=str(path), fix=fix)
        if not isinstance(tensor, Tensor):
            what = f"the entry {quoted(name)} is of type {type(tensor).__name__}, not a tensor"
            raise WeightsError(what, where=str(path), fix=fix)
        found[name] = tensor
    return found


def _kind(tensor: Tensor) -> str:
    """Return the number format of a tensor, or the kind of tensor if it is not a plain one."""
    if tensor.is_nested:
        return "nested"
    if tensor.is_quantized:
        return "quantised"
    if tensor.layout is not torch.strided:
        return "sparse"
    return str(tensor.dtype).removeprefix("torch.") if tensor.device.type == "cpu" else "without values"


def _shape(tensor: Tensor) -> tuple[int, ...]:
    try:
        return tuple(tensor.shape)
    except RuntimeError:  # a nested tensor has none
        return ()


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
