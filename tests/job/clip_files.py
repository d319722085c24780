"""Helpers of the update tests: discs of the clip, and the state of a folder."""

from __future__ import annotations

from pathlib import Path

A, B = 0, 2  # discs that the starter weights track well


def state(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Return content, time and inode of every file in a folder, except those of the cache."""
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
        for path in sorted(folder.iterdir())
        if path.is_file()
    }
