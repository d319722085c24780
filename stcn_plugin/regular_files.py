"""Reading small files that somebody else may have put there: never a pipe or a device, never more than a limit."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a pipe"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
)


class NotRegularError(OSError):
    """A path leads to a folder, a pipe, a socket or a device; its text says to which."""


class TooLargeError(OSError):
    """A file is larger than what was asked for; its text says how large it may be."""


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read bytes from it, without waiting for the other end of a pipe.

    Args:
        path: The file; links are followed.

    Raises:
        NotRegularError: It is no regular file.
        OSError: It cannot be opened, or has a name that no file can have.
    """
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError:  # a NUL, or a character that the file system's encoding lacks
        raise NotRegularError("has a name that no file can have") from None
    except OSError as error:
        if error.filename is not None and os.path.isdir(path):  # noqa: PTH112 - takes what Path would refuse
            raise NotRegularError("is a folder") from None  # Windows refuses to open one
        raise
    mode = os.fstat(number).st_mode
    if not stat.S_ISREG(mode):
        os.close(number)
        raise NotRegularError(next((what for test, what in _KINDS if test(mode)), "is no regular file"))
    return os.fdopen(number, "rb")


def read_regular(path: Path, limit: int) -> bytes:
    """Read a whole file.

    Args:
        path: The file.
        limit: Its largest size in bytes.

    Raises:
        TooLargeError: It is larger.
        OSError: As for `open_regular`, or it cannot be read.
    """
    with open_regular(path) as file:
        raw = file.read(limit + 1)
    if len(raw) > limit:
        raise TooLargeError(f"is larger than {size_text(limit)}")
    return raw


def size_text(size: int) -> str:
    """Return a number of bytes for people.

    >>> size_text(4 << 20), size_text(3 << 30), size_text(100)
    ('4 MB', '3 GB', '100 bytes')
    """
    for unit, shift in (("GB", 30), ("MB", 20), ("kB", 10)):
        if size >= 1 << shift:
            return f"{size / (1 << shift):.3g} {unit}"
    return f"{size} bytes"
