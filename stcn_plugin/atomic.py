"""Files that appear under their name whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stcn_plugin.errors import OutputError

_FIXES = {
    errno.ENOSPC: "Free some space there, or write to another disk",
    errno.EDQUOT: "Free some of your quota there, or write to another disk",
    errno.EFBIG: "Write to a disk, or under limits, that allow files of this size",
    errno.EACCES: "Choose a folder you may write to, or ask for the permission",
    errno.EPERM: "Choose a folder you may write to, or ask for the permission",
    errno.EROFS: "Choose a folder that is not mounted read-only",
    errno.ENOTDIR: "Choose another folder: a part of this path is a file",
    errno.EEXIST: "Choose another folder: a part of this path is a file",
    errno.EISDIR: "Choose another name: there is a folder by this one",
    errno.ENAMETOOLONG: "Choose a shorter name",
}


def temporary_beside(path: Path) -> Path:
    """Return the hidden name that a file has while it is written; its suffix stays, since it decides the format."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp{path.suffix}")


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file so that its name never shows a part of it.

    The file is written beside under a hidden name and renamed when it is complete. Where a write fails or is
    interrupted, the hidden file is removed and what stood under the name before still stands there. Missing folders
    are created.

    Args:
        path: The file.
        write: Writes the whole file to the path it is given.

    Raises:
        OutputError: The file cannot be written; names the file and the cause.
    """
    temporary = temporary_beside(path)
    with refusals_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.touch()  # before the writer, because the system says more exactly than a format why it refuses
            _write(temporary, write)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)  # gone already after a rename


def _write(temporary: Path, write: Callable[[Path], None]) -> None:
    """Let the writer write; where a format fails without the system's reason, ask the system for it."""
    try:
        write(temporary)
    except OSError as error:
        if error.errno is None:
            with temporary.open("ab") as more:  # a disk or quota that is full says so again
                more.write(bytes(1 << 16))
        raise


def check_writable(path: Path) -> None:
    """Make sure that a file could be written, before hours are spent on what would go there; creates its folder.

    Args:
        path: The file; it is neither created nor touched.

    Raises:
        OutputError: It cannot be written; names the file and the cause.
    """
    temporary = temporary_beside(path)
    with refusals_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.touch()
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def refusals_told(path: Path) -> Iterator[None]:
    """Turn what the system says when it refuses to write a file into an error for people.

    Raises:
        OutputError: The file cannot be written; names the file and the cause.
    """
    try:
        yield
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> OutputError:
    """Tell an artist why the system or the format refused."""
    cause = os.strerror(error.errno).lower() if error.errno else str(error).strip().rstrip(".")
    fix = _FIXES.get(error.errno or 0, "Check the disk and the folder")
    return OutputError(f"the file cannot be written: {cause}", where=str(path), fix=fix)
