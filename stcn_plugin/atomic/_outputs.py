"""Writes the files of a job atomically, and protects its source files."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import final

from stcn_plugin.atomic._errors import output_errors
from stcn_plugin.atomic._folder import Folder
from stcn_plugin.atomic._temporary import create_temporary, remove_leftovers
from stcn_plugin.atomic._writing import Content, write_temporary
from stcn_plugin.errors import OutputError


@final
class Outputs:
    """Writes the output files of a job.

    Folders are created before the first write. If a folder disappears later, or becomes a link to another one, writing
    to it is an error, since its earlier files are lost.

    Args:
        sources: The files that the job reads, each with its role, such as ``a keyframe``. They are never overwritten, not
            even by another name of the same file, such as a link or a name in different case.
    """

    def __init__(self, sources: Mapping[Path, str] = MappingProxyType({})) -> None:
        self._ready: dict[Path, str] = {}  # folder to its real path
        self._files: dict[tuple[int, int], str] = {}
        self._names: dict[tuple[tuple[int, int], str], str] = {}
        folders: dict[Path, tuple[int, int]] = {}
        for path, what in sources.items():
            with suppress(OSError, ValueError):  # a file that does not exist cannot be overwritten
                if path.parent not in folders:
                    found = path.parent.stat()
                    folders[path.parent] = found.st_dev, found.st_ino
                self._names[folders[path.parent], path.name] = what
                file = path.stat()
                if file.st_ino:  # some network file systems have no inode numbers
                    self._files[file.st_dev, file.st_ino] = what

    def prepare(self, paths: Iterable[Path]) -> None:
        """Check that files can be written, before a long computation.

        Creates their folders, and removes temporary files of killed processes. Does not change existing files.

        Args:
            paths: The files.

        Raises:
            OutputError: A file cannot be written, or is a source; names the file and the cause.
        """
        by_folder: dict[Path, list[str]] = {}
        for path in paths:
            _check_spelling(path)
            by_folder.setdefault(path.parent, []).append(path.name)
        for path, names in by_folder.items():  # check all files before creating any folder
            with suppress(OSError), Folder.opened(path) as folder:  # errors of the folder are raised below
                self._check(folder, path, names)
        for path, names in by_folder.items():
            with output_errors(path / names[0]):
                _make_folder(path)
                with Folder.opened(path) as folder:
                    self._check(folder, path, names)
                    _test_write(folder, names[0])
            self._ready[path] = os.path.realpath(path)

    def write(self, path: Path, content: Content, *, permissions: int | None = None) -> None:
        """Write a file atomically and durably.

        If the write fails or is interrupted, an existing file remains unchanged.

        Args:
            path: The file.
            content: Bytes, or a function that writes to a stream. The stream has no ``fileno``, since libraries that
                write to the descriptor may miss partial writes on a full disk.
            permissions: Permission bits of the file; by default those of any new file.

        Raises:
            OutputError: The file cannot be written, or is a source; names the file and the cause.
        """
        self.write_together({path: content}, permissions=permissions)

    def write_together(self, files: Mapping[Path, Content], *, permissions: int | None = None) -> None:
        """Write several files; none is renamed to its final name before all are complete on disk.

        Args:
            files: Each file with its content, as for `write`.
            permissions: As for `write`.

        Raises:
            OutputError: As for `write`; existing files remain unchanged.
        """
        for path in files:
            if path.parent not in self._ready:
                self.prepare([path])
            elif os.path.realpath(path.parent) != self._ready[path.parent]:
                what = "the folder is not the same as when the job started: a link in its path has changed"
                raise OutputError(what, where=str(path), fix="Start the job again", retry=True)
        self._replace(files, permissions)

    def _replace(self, files: Mapping[Path, Content], permissions: int | None) -> None:
        folders: dict[Path, Folder] = {}
        temporaries: dict[Path, str] = {}
        with ExitStack() as stack:
            try:
                for path, content in files.items():
                    with output_errors(path):
                        if path.parent not in folders:
                            folders[path.parent] = stack.enter_context(Folder.opened(path.parent))
                        folder = folders[path.parent]
                        self._check(folder, path.parent, [path.name])
                        temporaries[path] = write_temporary(folder, path.name, content, permissions)
                for path, temporary in temporaries.items():
                    with output_errors(path):
                        folders[path.parent].replace(temporary, path.name)
            except BaseException:
                for path, temporary in temporaries.items():
                    with suppress(OSError):
                        folders[path.parent].unlink(temporary)
                raise
            for place, folder in folders.items():
                with output_errors(place):
                    folder.sync()

    def _check(self, folder: Folder, path: Path, names: Iterable[str]) -> None:
        """Reject names of folders, devices, pipes and sources.

        Raises:
            OutputError: A name cannot be written to.
        """
        identity = folder.identity
        for name in names:
            with output_errors(path / name):
                status = folder.stat(name, follow_links=True)
                if status and stat.S_ISDIR(status.st_mode):
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            what = self._names.get((identity, name))
            if status:
                what = what or self._files.get((status.st_dev, status.st_ino))
                if not stat.S_ISREG(status.st_mode):
                    what = "a device or a pipe"
            if what:
                raise OutputError(
                    f"this file is {what} and would be overwritten",
                    where=str(path / name),
                    fix="Write to another folder",
                )


def write_atomic(path: Path, content: Content) -> None:
    """Write a file to an existing folder, like `Outputs.write`.

    Raises:
        OutputError: The file cannot be written; names the file and the cause.
    """
    _check_spelling(path)
    Outputs()._replace({path: content}, None)


@contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """Create an empty temporary file next to an output, for content that must be checked before it is written.

    Args:
        path: The output; its folder is created if missing.

    Yields:
        The temporary file, which is deleted on exit.

    Raises:
        OutputError: It cannot be created; names the output and the cause.
    """
    Outputs().prepare([path])
    with output_errors(path), Folder.opened(path.parent) as folder:
        name, descriptor = create_temporary(folder, path.name)
        os.close(descriptor)
    temporary = path.with_name(name)
    try:
        yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink()


def _check_spelling(path: Path) -> None:
    """Reject a path with characters that the system does not allow."""
    try:
        is_possible = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        is_possible = False
    if not is_possible:
        what = "the file cannot be written: its path has a character that is not allowed in file names"
        raise OutputError(what, where=ascii(str(path))[1:-1], fix="Write another name")


def _make_folder(path: Path) -> None:
    """Create a folder with its parents, durably."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        with Folder.opened(folder.parent) as parent:
            parent.sync()


def _test_write(folder: Folder, name: str) -> None:
    """Create and delete a temporary file, and delete those of killed processes."""
    temporary, descriptor = create_temporary(folder, name)
    try:
        now = os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)
        folder.unlink(temporary)
    remove_leftovers(folder, now=now)
