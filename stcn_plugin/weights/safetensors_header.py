"""The header of a safetensors file, checked in full before a tensor is read: its names, kinds, shapes and places."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stcn_plugin.errors import WeightsError
from stcn_plugin.regular_files import open_regular, size_text

LARGEST_HEADER = 4 << 20
"""Bytes of the largest header that is read; that of the largest network takes 50 kB."""

_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64, "C64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "C128": 128,
}  # fmt: skip


@dataclass(frozen=True)
class TensorEntry:
    """One tensor, as the header describes it.

    Args:
        kind: Number format: ``F16``.
        shape: Its shape.
    """

    kind: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class SafetensorsHeader:
    """What a file says of its tensors and of itself.

    Args:
        entries: By name.
        metadata: Key to text.
    """

    entries: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]


def read_header(path: Path) -> SafetensorsHeader:
    """Read the header; no tensor is read.

    Args:
        path: A safetensors file.

    Raises:
        WeightsError: It is no such file, cut off, or its header is damaged; names the file, and the entry it is about.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > size - 8:
                raise _unreadable(path, "it is cut off, or of another format")
            if length > LARGEST_HEADER:
                what = f"its header has {size_text(length)}, where {size_text(LARGEST_HEADER)} are the most"
                raise _unreadable(path, what)
            raw = file.read(length)
    except OSError as error:
        raise _unreadable(path, (error.strerror or str(error)).lower()) from None
    return _parsed(raw, size - 8 - length, path)


def _parsed(raw: bytes, size: int, path: Path) -> SafetensorsHeader:
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        what = str(error) if isinstance(error, _TwiceError) else "its header is not what it should be"
        raise _unreadable(path, what) from None
    if not isinstance(header, dict):
        raise _unreadable(path, "its header is not what it should be")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _unreadable(path, "what it says of itself is not text")
    entries, places = {}, []
    for name, said in header.items():
        entry, place = _entry(name, said, path)
        entries[name] = entry
        places.append((*place, name))
    end = 0
    for begin, stop, name in sorted(places):
        if begin != end:
            raise _unreadable(path, f"the entry {shown(name)} overlaps another one, or leaves a gap")
        end = stop
    if end != size:
        raise _unreadable(path, f"its tensors should take {end:,} bytes, and {size:,} are there")
    return SafetensorsHeader(entries, metadata)


def _entry(name: str, said: object, path: Path) -> tuple[TensorEntry, tuple[int, int]]:
    """Return an entry, and where it lies among the bytes of all tensors."""
    if not isinstance(said, dict) or said.keys() != {"dtype", "shape", "data_offsets"}:
        raise _unreadable(path, f"the entry {shown(name)} does not describe a tensor")
    kind, shape, place = said["dtype"], said["shape"], said["data_offsets"]
    if not isinstance(kind, str) or kind not in _BITS:
        raise _unreadable(path, f"the entry {shown(name)} has numbers of an unknown kind ({shown(str(kind))})")
    if not _are_sizes(shape) or not _are_sizes(place) or len(place) != 2 or len(shape) > 64:
        raise _unreadable(path, f"the entry {shown(name)} has no shape or no place")
    bits = math.prod(shape) * _BITS[kind]
    if bits % 8 or place[1] - place[0] != bits // 8:
        what = f"the entry {shown(name)} of shape {tuple(shape)} has {place[1] - place[0]:,} bytes"
        raise _unreadable(path, f"{what}, where {bits // 8:,} are needed")
    return TensorEntry(kind, tuple(shape)), (place[0], place[1])


def _are_sizes(value: object) -> bool:
    """Whether a value is a list of sizes that a file can have."""
    return isinstance(value, list) and all(type(each) is int and 0 <= each < 1 << 48 for each in value)


class _TwiceError(ValueError):
    pass


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _TwiceError("its header names an entry twice")
    return found


def shown(text: str) -> str:
    """Return a name from a file as a message can have it: short, and without characters that are not text."""
    short = text if len(text) <= 80 else f"{text[:77]}..."
    return "'" + "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in short) + "'"


def _unreadable(path: Path, why: str) -> WeightsError:
    return WeightsError(f"not a readable safetensors file ({why})", where=str(path))
