"""Files in several parts, for ways back from a machine that limit the size of a file.

The parts of ``checkpoint.pt`` of step 120 are ``checkpoint.pt.120.1of3`` and so on. Joined in order they are the file.
"""

from __future__ import annotations

import re
from pathlib import Path

from stcn_plugin.atomic import write_atomic


def write_parts(folder: Path, name: str, data: bytes, *, version: int, limit: int) -> None:
    """Write a file in parts, then delete those of earlier versions: one version is always complete.

    Args:
        folder: The folder.
        name: Name of the file.
        data: The file.
        version: Larger than that of all earlier versions.
        limit: Maximum size of a part in bytes.

    Raises:
        OutputError: A part cannot be written.
    """
    count = max(-(-len(data) // limit), 1)
    for number in range(count):
        part = data[number * limit : (number + 1) * limit]
        write_atomic(folder / f"{name}.{version}.{number + 1}of{count}", part)
    for path, other, _, _ in _found(folder, name):
        if other != version:
            path.unlink()


def joined(folder: Path, name: str) -> bytes | None:
    """Return the latest complete version of a file that was written in parts; ``None`` if there is none."""
    versions: dict[tuple[int, int], dict[int, Path]] = {}
    for path, version, number, count in _found(folder, name):
        versions.setdefault((version, count), {})[number] = path
    for (_, count), parts in sorted(versions.items(), reverse=True):
        if len(parts) == count:
            return b"".join(parts[number].read_bytes() for number in sorted(parts))
    return None


def _found(folder: Path, name: str) -> list[tuple[Path, int, int, int]]:
    """Return path, version, number and count of all parts of a file."""
    pattern = re.compile(re.escape(name) + r"\.(\d+)\.(\d+)of(\d+)")
    found = []
    for path in folder.iterdir():
        if match := pattern.fullmatch(path.name):
            version, number, count = (int(group) for group in match.groups())
            found.append((path, version, number, count))
    return found
