"""Explains why the system cannot write a file, and what to do about it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stcn_plugin.errors import OutputError, is_temporary

_PERMISSION = "Choose a folder you may write to, or ask for the permission"
_NOT_A_FOLDER = "Choose another folder: a part of this path is a file or a broken link"
_GONE = "Check the disk: the folder has been moved or deleted, or is no longer mounted"
_FIXES = {
    errno.ENOSPC: "Free some space there, or write to another disk",
    errno.EDQUOT: "Free some of your quota there, or write to another disk",
    errno.EFBIG: "Write to a disk that allows files of this size, or raise the limit (ulimit -f)",
    errno.ENOMEM: "Close other programs, or write smaller files",
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EROFS: "Choose a folder that is not mounted read-only",
    errno.ENOTDIR: _NOT_A_FOLDER,
    errno.EEXIST: _NOT_A_FOLDER,
    errno.EISDIR: "Choose another name: there is a folder with this name",
    errno.ENAMETOOLONG: "Choose a shorter name",
    errno.ENOENT: _GONE,
    errno.ESTALE: _GONE,
    errno.EBUSY: "Choose another name: this file cannot be replaced while it is in use",
    errno.ELOOP: "Choose another folder: the links in this path lead in a circle",
}


def cause_and_fix(error: OSError) -> tuple[str, str]:
    """Return why the system or a file format failed to write, and what to do about it."""
    cause = os.strerror(error.errno).lower() if error.errno else str(error).strip().rstrip(".")
    return cause, _FIXES.get(error.errno or 0, "Check the disk and the folder")


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Convert `OSError` while a file is written to `OutputError`.

    Raises:
        OutputError: The file cannot be written; names the file and the cause.
    """
    try:
        yield
    except OSError as error:
        cause, fix = cause_and_fix(error)
        raise OutputError(
            f"the file cannot be written: {cause}", where=str(path), fix=fix, retry=is_temporary(error)
        ) from error
