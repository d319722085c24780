"""One file of weights in the store: its metadata and hashes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stcn_plugin.bridge.report import NOT_STATED, WeightsUsed
from stcn_plugin.errors import WeightsError, is_temporary
from stcn_plugin.weights.safetensors_header import read_header
from stcn_plugin.weights.web_address import without_credentials

if TYPE_CHECKING:
    from torch import Tensor

_LONGEST = 300
_NON_COMMERCIAL = re.compile(
    r"non-?\s?commercial|\bNC\b|\bresearch (?:use |purposes )?only\b|\b(?:not|no) (?:for )?commercial\b", re.IGNORECASE
)


@dataclass(frozen=True)
class WeightsEntry:
    """Weights in the store.

    Args:
        name: Name in presets.
        path: The file.
        size: Size of the file in bytes.
        variant: Variant of the network; empty if the file cannot be read.
        source: File or address that they came from.
        sha256: Hash of that file, hexadecimal; empty if not recorded.
        licence: Licence of the weights.
        added: Date on which they were added, ISO 8601.
        content: Hash of the tensors, for `WeightsStore.check`; empty if not recorded.
        note: Changes that were made so that they fit the network.
        problem: Reason why the file cannot be read; empty if it can.
        is_builtin: Whether they are part of the package and cannot be removed.
    """

    name: str
    path: Path
    size: int
    variant: str = ""
    source: str = ""
    sha256: str = ""
    licence: str = NOT_STATED
    added: str = ""
    content: str = ""
    note: str = ""
    problem: str = ""
    is_builtin: bool = False

    @property
    def is_noncommercial(self) -> bool:
        """Whether the licence mentions a restriction to non-commercial use."""
        return bool(_NON_COMMERCIAL.search(self.licence))

    def used(self) -> WeightsUsed:
        """Return the description for the report and metadata of a job; reads the file to compute its hash.

        Raises:
            WeightsError: The file cannot be read.
        """
        try:
            digest = file_hash(self.path)
        except OSError as error:
            what = f"cannot be read ({(error.strerror or str(error)).lower()})"
            raise WeightsError(what, where=str(self.path), retry=is_temporary(error)) from error
        return WeightsUsed(clean(self.name), digest, self.licence, self.is_noncommercial)


def read_metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a safetensors file, without its tensors.

    Raises:
        WeightsError: It is not a safetensors file, or is damaged.
    """
    return dict(read_header(path).metadata)


def read_entry(name: str, path: Path, *, is_builtin: bool = False) -> WeightsEntry:
    """Return the entry for a file of weights. If the file cannot be read, ``problem`` is set.

    Args:
        name: Its name in the store.
        path: The file.
        is_builtin: Whether it is part of the package.
    """
    try:
        size = path.stat().st_size
        metadata = {key: clean(value) for key, value in read_header(path).metadata.items()}
    except OSError as error:
        return WeightsEntry(name, path, 0, problem=f"cannot be read ({error.strerror})", is_builtin=is_builtin)
    except WeightsError as error:
        return WeightsEntry(name, path, size, problem=error.what, is_builtin=is_builtin)
    return WeightsEntry(
        name,
        path,
        size,
        variant=metadata.get("variant", ""),
        source=without_credentials(metadata.get("source", "part of the package" if is_builtin else "")),
        sha256=metadata.get("sha256", ""),
        licence=metadata.get("license", "") or NOT_STATED,
        added=metadata.get("added", ""),
        content=metadata.get("content_sha256", ""),
        note=metadata.get("note", ""),
        is_builtin=is_builtin,
    )


def clean(text: str) -> str:
    """Return text from a file as one line of limited length without control characters."""
    short = " ".join("".join(each if each.isprintable() else " " for each in text[: 4 * _LONGEST]).split())
    return short if len(short) <= _LONGEST else f"{short[: _LONGEST - 3]}..."


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def content_hash(state: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names, types, shapes and values of tensors, independent of the metadata."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        values = tensor.clone(memory_format=torch.contiguous_format).reshape(-1)
        digest.update(values.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
