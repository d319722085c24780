"""What an install or uninstall did, or would do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Changes:
    """The files that were touched, each by its full path.

    Args:
        written: Files that were written, anew or over an older version.
        removed: Files that were removed.
        kept: The user's own files among ours that stayed, each where it is now.
    """

    written: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.written or self.removed)
