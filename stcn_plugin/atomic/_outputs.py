"""Writing files: whole or not at all, and never over what a job reads."""

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
    """The files that a job writes.

    Folders are made before the first file is written to them, and from then on have to stay: one that is gone later, or
    has become a link to another, is an error, since the files in it are gone too.

    Args:
        sources: The files that the job reads, each with what it is to the job, such as ``a keyframe``. They are not
            written over, nor is any other name of the same file: a link, or a name that differs in case alone.
    """

    def __init__(self, sources: Mapping[Path, str] = MappingProxyType({})) -> None:
        self._ready: dict[Path, str] = {}  # folder to where it really is
        self._files: dict[tuple[int, int], str] = {}
        self._names: dict[tuple[tuple[int, int], str], str] = {}
        folders: dict[Path, tuple[int, int]] = {}
        for path, what in sources.items():
            with suppress(OSError, ValueError):  # a file that cannot be there cannot be written over either
                if path.parent not in folders:
                    found = path.parent.stat()
                    folders[path.parent] = found.st_dev, found.st_ino
                self._names[folders[path.parent], path.name] = what
                file = path.stat()
                if file.st_ino:  # some network disks number no files
                    self._files[file.st_dev, file.st_ino] = what

    def prepare(self, paths: Iterable[Path]) -> None:
        """Make sure that files can be written, before hours are spent on what they will hold.

        Makes their folders, and removes what killed processes left in them. Files of these names are not touched.

        Args:
            paths: The files.

        Raises:
            OutputError: One cannot be written, or is a source; names the file and the cause.
        """
        by_folder: dict[Path, list[str]] = {}
        for path in paths:
            _check_spelling(path)
            by_folder.setdefault(path.parent, []).append(path.name)
        for path, names in by_folder.items():  # all of them, before the first folder is made
            with suppress(OSError), Folder.opened(path) as folder:  # what is wrong with a folder is told below
                self._check(folder, path, names)
        for path, names in by_folder.items():
            with output_errors(path / names[0]):
                _make_folder(path)
                with Folder.opened(path) as folder:
                    self._check(folder, path, names)
                    _try_out(folder, names[0])
            self._ready[path] = os.path.realpath(path)

    def write(self, path: Path, content: Content, *, permissions: int | None = None) -> None:
        """Write a file so that its name never shows a part of it.

        Where the write fails or is interrupted, what stood under the name before still stands there. When this
        returns, the file is on the disk, not only in the memory of the system.

        Args:
            path: The file.
            content: What it shall hold. A function gets a stream without a file number: libraries that write to the
                number themselves overlook what a full disk did not take.
            permissions: Of the file; by default those of every new file.

        Raises:
            OutputError: The file cannot be written, or is a source; names the file and the cause.
        """
        self.write_together({path: content}, permissions=permissions)

    def write_together(self, files: Mapping[Path, Content], *, permissions: int | None = None) -> None:
        """Write files that belong together: none gets its name before all are on the disk.

        Args:
            files: As for `write`, each with its content.
            permissions: As for `write`.

        Raises:
            OutputError: As for `write`; all names show what they did before.
        """
        for path in files:
            if path.parent not in self._ready:
                self.prepare([path])
            elif os.path.realpath(path.parent) != self._ready[path.parent]:
                what = "the folder is another one than when the job started: a link in its path has changed"
                raise OutputError(what, where=str(path), fix="Start the job again")
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
        """Refuse names that cannot become a file's, and those of sources.

        Raises:
            OutputError: A name is one of them.
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
    """Write a file to a folder that is there; as `Outputs.write` otherwise.

    Raises:
        OutputError: The file cannot be written; names the file and the cause.
    """
    _check_spelling(path)
    Outputs()._replace({path: content}, None)


@contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """Give an empty file beside an output, for content that has to be looked at before it becomes that output.

    Args:
        path: The output; its folder is made where it is missing.

    Yields:
        The temporary file, which is deleted in the end.

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
    """Refuse a path that the system cannot be asked about."""
    try:
        is_possible = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        is_possible = False
    if not is_possible:
        what = "the file cannot be written: its path has a character that no file name can have"
        raise OutputError(what, where=ascii(str(path))[1:-1], fix="Write another name")


def _make_folder(path: Path) -> None:
    """Make a folder and those above it where they are missing, on the disk too."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        with Folder.opened(folder.parent) as parent:
            parent.sync()


def _try_out(folder: Folder, name: str) -> None:
    """Create a temporary file and delete it again, and those that killed processes left."""
    temporary, descriptor = create_temporary(folder, name)
    try:
        now = os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)
        folder.unlink(temporary)
    remove_leftovers(folder, now=now)
