"""An open folder, in which files are made, renamed and deleted."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

_HOLDS_FOLDERS = {os.open, os.stat, os.unlink, os.rename} <= os.supports_dir_fd
_NOT_SUPPORTED = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}


def sync(descriptor: int) -> None:
    """Wait until a file, or the names in a folder, are on disk; where the file system can do that.

    Raises:
        OSError: They cannot be brought there.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise


@final
class Folder:
    """A folder that stays the same one while it is open, whatever happens to its path meanwhile.

    Where the system cannot open folders (Windows), or not this one, files are found by their path instead.
    """

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator[Folder]:
        """Open a folder that exists.

        Raises:
            OSError: There is no such folder.
        """
        descriptor = None
        if _HOLDS_FOLDERS:
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            except PermissionError:  # a folder that may be written to and not be read cannot be opened
                descriptor = None
        try:
            yield cls(path, descriptor)
        finally:
            if descriptor is not None:
                os.close(descriptor)

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode of the folder."""
        found = self._path.stat() if self._descriptor is None else os.fstat(self._descriptor)
        return found.st_dev, found.st_ino

    def names(self) -> list[str]:
        """Return the names of all that is in the folder."""
        with os.scandir(self._path if self._descriptor is None else self._descriptor) as entries:
            return [entry.name for entry in entries]

    def stat(self, name: str, *, follow_links: bool) -> os.stat_result | None:
        """Return the status of a file; ``None`` where there is none, or a link to none."""
        try:
            return os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=follow_links)
        except FileNotFoundError:
            return None

    def create(self, name: str) -> int:
        """Create a file and return its descriptor; a link of that name is not followed.

        Raises:
            FileExistsError: There is something of that name.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        return os.open(self._at(name), flags, 0o666, dir_fd=self._descriptor)

    def unlink(self, name: str) -> None:
        """Delete a file."""
        os.unlink(self._at(name), dir_fd=self._descriptor)

    def replace(self, source: str, target: str) -> None:
        """Rename a file; one by the target's name is replaced."""
        source, target = self._at(source), self._at(target)
        os.replace(source, target, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def sync(self) -> None:
        """Wait until the names in the folder are on disk."""
        if self._descriptor is not None:
            sync(self._descriptor)

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else str(self._path / name)
