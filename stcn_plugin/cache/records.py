"""Records of written mattes: what the files of a frame were made from, and which files these are."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stcn_plugin.regular_files import read_regular

_VERSION = 2

_LIMIT = 1 << 20
"""Largest size of a record in bytes."""


@dataclass(frozen=True)
class Record:
    """What the files of a frame were made from.

    Args:
        made_from: Digest of everything that the files are made from.
        identity: Identity of the plate file.
        pixels: Digest of the plate's pixels.
        files: Size in bytes and modification time in nanoseconds of each file, in the order of the writer.
        hazy: Objects whose edges were refined, to the fraction of the edge that is hazy, 0 to 1.
    """

    made_from: str
    identity: str
    pixels: str
    files: tuple[tuple[int, int], ...]
    hazy: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, files: Sequence[Path], *, made_from: str, identity: str, pixels: str, hazy: Mapping[str, float]
    ) -> Record:
        """Return the record of files that have just been written.

        Raises:
            OSError: A file no longer exists.
        """
        return cls(made_from, identity, pixels, tuple(_stamp(file.stat()) for file in files), hazy)

    @property
    def content(self) -> bytes:
        """The JSON of the record."""
        return json.dumps({"version": _VERSION, **vars(self)}).encode() + b"\n"

    def describes(self, files: Sequence[Path]) -> bool:
        """Whether the files are on disk as they were written."""
        try:
            return tuple(_stamp(file.stat()) for file in files) == self.files
        except OSError:
            return False


def read_record(path: Path) -> Record | None:
    """Read a record; ``None`` if it is missing, damaged or of another version."""
    try:
        data = json.loads(read_regular(path, _LIMIT))
        if data["version"] != _VERSION:
            return None
        files = tuple((int(size), int(time)) for size, time in data["files"])
        hazy = {str(name): float(share) for name, share in data["hazy"].items()}
        if not all(0 <= share <= 1 for share in hazy.values()):
            return None
        return Record(str(data["made_from"]), str(data["identity"]), str(data["pixels"]), files, hazy)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns
