"""Hashes of downloaded files: if the authors publish none, the first download is trusted and later ones must match."""

from __future__ import annotations

import json
import re
from pathlib import Path

from stcn_plugin.atomic import write_atomic
from stcn_plugin.errors import WeightsError
from stcn_plugin.regular_files import read_regular

FILE = "known_hashes.json"
"""Name of the file in the weights store."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST = 1 << 20


class KnownHashes:
    """The recorded hashes of a store.

    Args:
        folder: Folder of the store.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def get(self, file: str) -> str:
        """Return the hash of a published file; empty if it was never downloaded.

        Raises:
            WeightsError: The list cannot be read.
        """
        return self._read().get(file, "")

    def add(self, file: str, sha256: str) -> None:
        """Record the hash of a published file.

        Raises:
            WeightsError: The list cannot be read.
            OutputError: The list cannot be written.
        """
        known = self._read()
        if known.get(file) != sha256:
            text = json.dumps({**known, file: sha256}, indent=1, sort_keys=True) + "\n"
            write_atomic(self._path, text.encode("ascii"))

    def _read(self) -> dict[str, str]:
        try:
            known = json.loads(read_regular(self._path, _LARGEST))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError):
            known = None
        if not isinstance(known, dict) or not all(is_sha256(hash_) for hash_ in known.values()):
            fix = "Restore it from a copy; without it, the next download of each file is trusted"
            raise WeightsError("the list of known hashes is damaged", where=str(self._path), fix=fix)
        return known


def is_sha256(value: object) -> bool:
    """Return whether a value is a SHA-256 in lower-case hexadecimal."""
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None
