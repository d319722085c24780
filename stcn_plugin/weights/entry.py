"""One file of weights in the store: what it says of itself, and the hashes that tell whether it changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stcn_plugin.bridge.job import NOT_STATED, WeightsUsed
from stcn_plugin.errors import WeightsError
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
    """What is known of weights in the store.

    Args:
        name: What presets call them.
        path: The file.
        size: Its size in bytes.
        variant: The network they belong to; empty where the file cannot be read.
        source: The file or the address they came from.
        sha256: Hash of that file, hexadecimal; empty where it is not recorded.
        licence: What may be done with them.
        added: The day they were added, ISO 8601.
        content: Hash of the tensors, by which `WeightsStore.check` notices damage; empty where it is not recorded.
        note: What was done to make them fit.
        problem: Why the file cannot be read; empty where it can.
        is_builtin: Whether they are part of the package, which nobody can remove.
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
        """Whether the licence names a limit to non-commercial use; of one that is not stated nothing is known."""
        return bool(_NON_COMMERCIAL.search(self.licence))

    def used(self) -> WeightsUsed:
        """Return what a job's report and mattes say of these weights; reads the file for its hash.

        Raises:
            WeightsError: The file cannot be read.
        """
        try:
            digest = file_hash(self.path)
        except OSError as error:
            what = f"cannot be read ({(error.strerror or str(error)).lower()})"
            raise WeightsError(what, where=str(self.path)) from error
        return WeightsUsed(clean(self.name), digest, self.licence, self.is_noncommercial)


def read_metadata(path: Path) -> dict[str, str]:
    """Read what a safetensors file says of itself; its tensors are not read.

    Raises:
        WeightsError: It is no safetensors file, or a damaged one.
    """
    return dict(read_header(path).metadata)


def read_entry(name: str, path: Path, *, is_builtin: bool = False) -> WeightsEntry:
    """Return what is known of a file of weights; one that cannot be read says so in ``problem``.

    Args:
        name: Its name in the store.
        path: The file.
        is_builtin: Whether it is part of the package.
    """
    try:
        size = path.stat().st_size
        said = {key: clean(value) for key, value in read_header(path).metadata.items()}
    except OSError as error:
        return WeightsEntry(name, path, 0, problem=f"cannot be read ({error.strerror})", is_builtin=is_builtin)
    except WeightsError as error:
        return WeightsEntry(name, path, size, problem=error.what, is_builtin=is_builtin)
    return WeightsEntry(
        name,
        path,
        size,
        variant=said.get("variant", ""),
        source=without_credentials(said.get("source", "part of the package" if is_builtin else "")),
        sha256=said.get("sha256", ""),
        licence=said.get("license", "") or NOT_STATED,
        added=said.get("added", ""),
        content=said.get("content_sha256", ""),
        note=said.get("note", ""),
        is_builtin=is_builtin,
    )


def clean(text: str) -> str:
    """Return text from a file for tables, messages and other files: one line, not endless, no control characters."""
    short = " ".join("".join(each if each.isprintable() else " " for each in text[: 4 * _LONGEST]).split())
    return short if len(short) <= _LONGEST else f"{short[: _LONGEST - 3]}..."


def file_hash(path: Path) -> str:
    """Return the sha256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def content_hash(state: Mapping[str, Tensor]) -> str:
    """Return the sha256 of names, types, shapes and values of tensors; the metadata beside them may change."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        values = tensor.clone(memory_format=torch.contiguous_format).reshape(-1)
        digest.update(values.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
