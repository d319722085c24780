"""Generated files of weights: arbitrary headers, and sparse data of zeros."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SIZES = {"F8_E4M3": 1, "BOOL": 1, "U8": 1, "I8": 1, "F16": 2, "BF16": 2, "I16": 2, "F32": 4, "I32": 4, "F64": 8, "I64": 8, "C64": 8}  # fmt: skip


def header_of(path: Path) -> dict[str, Any]:
    """The header of a safetensors file."""
    with path.open("rb") as file:
        found: dict[str, Any] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return found


def write_safetensors(
    path: Path, kinds: Mapping[str, tuple[str, tuple[int, ...]]], metadata: Mapping[str, Any] | None = None
) -> Path:
    """Write zeros as a sparse file.

    Args:
        path: File to write.
        kinds: Number format and shape by name.
        metadata: Metadata of the file.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata is not None else {}
    end = 0
    for name, (kind, shape) in kinds.items():
        size = math.prod(shape) * SIZES[kind]
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    return write_raw(path, json.dumps(header).encode(), end)


def write_raw(path: Path, header: bytes, size: int, *, length: int | None = None) -> Path:
    """Write raw bytes as the header, followed by zeros."""
    with path.open("wb") as file:
        file.write((len(header) if length is None else length).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)
    return path


def write_archive(path: Path, content: bytes, *, compression: int = zipfile.ZIP_STORED, **records: bytes) -> Path:
    """Write an archive as ``torch.save`` does, with ``content`` as the pickle."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/byteorder", "little")
        for name, record in records.items():
            archive.writestr(f"archive/data/{name}", record)
        archive.writestr("archive/version", "3\n")
    return path


def nested_tuples(depth: int) -> bytes:
    """A pickle of a mapping whose key is a deeply nested tuple, which Python cannot hash."""
    return b"\x80\x02}" + b")" + b"\x85" * depth + b"N" + b"s" + b"."


def endless(count: int) -> bytes:
    """A pickle with very many instructions."""
    return b"\x80\x02" + b"N0" * count + b"N."
