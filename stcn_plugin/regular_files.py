"""Reading files from untrusted sources: never pipes or devices, and never more than a maximum size."""

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
    """The path is a folder, a pipe, a socket or a device; the message has the kind."""


class TooLargeError(OSError):
    """The file exceeds the maximum size, which the message has."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading bytes. Never blocks on a pipe.

    Args:
        path: The file; links are followed.

    Raises:
        NotRegularError: It is not a regular file, or has an invalid name.
        OSError: It cannot be opened.
    """
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError:  # a NUL, or a character that the file system's encoding lacks
        raise NotRegularError("has a name that no file can have") from None
    except OSError as error:
        if error.filename is not None and os.path.isdir(path):  # noqa: PTH112 - accepts text that Path rejects
            raise NotRegularError("is a folder") from None  # Windows refuses to open one
        raise
    mode = os.fstat(number).st_mode
    if not stat.S_ISREG(mode):
        os.close(number)
        raise NotRegularError(next((what for test, what in _KINDS if test(mode)), "is not a regular file"))
    return os.fdopen(number, "rb")


def read_regular(path: Path, limit: int) -> bytes:
    """Read a whole file.

    Args:
        path: The file.
        limit: Maximum size in bytes.

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
    """Return a number of bytes with a unit.

    >>> size_text(4 << 20), size_text(3 << 30), size_text(100)
    ('4 MB', '3 GB', '100 bytes')
    """
    for unit, shift in (("GB", 30), ("MB", 20), ("kB", 10)):
        if size >= 1 << shift:
            return f"{size / (1 << shift):.3g} {unit}"
    return f"{size} bytes"
