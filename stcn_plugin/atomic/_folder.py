"""Operations on the files of an open folder."""

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
    """Flush a file, or the entries of a folder, to disk if the file system supports it.

    Raises:
        OSError: The data cannot be written.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise


@final
class Folder:
    """An open folder, which is not affected if its path is renamed or replaced.

    If the folder cannot be opened, as on Windows, files are accessed by path instead.
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
            except PermissionError:  # a folder with write but no read permission cannot be opened
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
        """Return the names of all entries."""
        with os.scandir(self._path if self._descriptor is None else self._descriptor) as entries:
            return [entry.name for entry in entries]

    def stat(self, name: str, *, follow_links: bool) -> os.stat_result | None:
        """Return the status of a file; ``None`` if it does not exist, or is a broken link that is followed."""
        try:
            return os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=follow_links)
        except FileNotFoundError:
            return None

    def create(self, name: str) -> int:
        """Create a file and return its descriptor; links are not followed.

        Raises:
            FileExistsError: The name exists.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        return os.open(self._at(name), flags, 0o666, dir_fd=self._descriptor)

    def unlink(self, name: str) -> None:
        """Delete a file."""
        os.unlink(self._at(name), dir_fd=self._descriptor)

    def replace(self, source: str, target: str) -> None:
        """Rename a file, replacing the target if it exists."""
        source, target = self._at(source), self._at(target)
        os.replace(source, target, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def sync(self) -> None:
        """Flush the entries of the folder to disk."""
        if self._descriptor is not None:
            sync(self._descriptor)

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else str(self._path / name)
