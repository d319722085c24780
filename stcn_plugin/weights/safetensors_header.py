"""The header of a safetensors file: names, number formats, shapes and offsets, checked before tensors are read."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stcn_plugin.errors import WeightsError, is_temporary
from stcn_plugin.regular_files import open_regular, size_text

LARGEST_HEADER = 4 << 20
"""Maximum size of a header in bytes; that of the largest network has 50 kB."""

_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64, "C64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "C128": 128,
}  # fmt: skip


@dataclass(frozen=True)
class TensorEntry:
    """Number format and shape of one tensor.

    Args:
        kind: Number format, such as ``F16``.
        shape: Its shape.
    """

    kind: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class SafetensorsHeader:
    """Tensors and metadata of a file.

    Args:
        entries: Tensors by name.
        metadata: Text by key.
    """

    entries: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]


def read_header(path: Path) -> SafetensorsHeader:
    """Read and check the header, without reading tensors.

    Args:
        path: A safetensors file.

    Raises:
        WeightsError: It is not a safetensors file, is truncated, or its header is damaged.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > size - 8:
                raise _unreadable(path, "it is truncated or has another format")
            if length > LARGEST_HEADER:
                what = f"its header has {size_text(length)}, the maximum is {size_text(LARGEST_HEADER)}"
                raise _unreadable(path, what)
            raw = file.read(length)
    except OSError as error:
        raise _unreadable(path, (error.strerror or str(error)).lower(), retry=is_temporary(error)) from None
    return _parsed(raw, size - 8 - length, path)


def _parsed(raw: bytes, size: int, path: Path) -> SafetensorsHeader:
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique_names)
    except (ValueError, RecursionError) as error:
        what = str(error) if isinstance(error, _DuplicateNameError) else "its header is invalid"
        raise _unreadable(path, what) from None
    if not isinstance(header, dict):
        raise _unreadable(path, "its header is invalid")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _unreadable(path, "its metadata is not text")
    entries, places = {}, []
    for name, fields in header.items():
        entry, place = _entry(name, fields, path)
        entries[name] = entry
        places.append((*place, name))
    end = 0
    for begin, stop, name in sorted(places):
        if begin != end:
            raise _unreadable(path, f"the entry {quoted(name)} overlaps another one or leaves a gap")
        end = stop
    if end != size:
        raise _unreadable(path, f"its tensors need {end:,} bytes, but it has {size:,}")
    return SafetensorsHeader(entries, metadata)


def _entry(name: str, fields: object, path: Path) -> tuple[TensorEntry, tuple[int, int]]:
    """Return an entry, and its start and end in the data."""
    if not isinstance(fields, dict) or fields.keys() != {"dtype", "shape", "data_offsets"}:
        raise _unreadable(path, f"the entry {quoted(name)} does not describe a tensor")
    kind, shape, place = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(kind, str) or kind not in _BITS:
        raise _unreadable(path, f"the entry {quoted(name)} has an unknown number format ({quoted(str(kind))})")
    if not _are_sizes(shape) or not _are_sizes(place) or len(place) != 2 or len(shape) > 64:
        raise _unreadable(path, f"the entry {quoted(name)} has an invalid shape or offset")
    bits = math.prod(shape) * _BITS[kind]
    if bits % 8 or place[1] - place[0] != bits // 8:
        what = f"the entry {quoted(name)} of shape {tuple(shape)} has {place[1] - place[0]:,} bytes"
        raise _unreadable(path, f"{what}, expected {bits // 8:,}")
    return TensorEntry(kind, tuple(shape)), (place[0], place[1])


def _are_sizes(value: object) -> bool:
    """Return whether a value is a list of plausible sizes."""
    return isinstance(value, list) and all(type(each) is int and 0 <= each < 1 << 48 for each in value)


class _DuplicateNameError(ValueError):
    pass


def _unique_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _DuplicateNameError("its header names an entry twice")
    return found


def quoted(text: str) -> str:
    """Return a name from a file in quotes for a message, shortened and without control characters."""
    short = text if len(text) <= 80 else f"{text[:77]}..."
    return "'" + "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in short) + "'"


def _unreadable(path: Path, why: str, *, retry: bool = False) -> WeightsError:
    what, fix = f"not a readable safetensors file ({why})", "Copy or download it again"
    return WeightsError(what, where=str(path), fix=fix, retry=retry)
