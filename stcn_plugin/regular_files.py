"""Reads files of untrusted origin: only regular files, not pipes or devices, and with a size limit."""

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
    """A path is a folder, pipe, socket or device; the message says which."""


class TooLargeError(OSError):
    """A file exceeds the size limit; the message states the limit."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading bytes; does not block on pipes.

    Args:
        path: The file; links are followed.

    Raises:
        NotRegularError: It is not a regular file, or its name is not valid.
        OSError: It cannot be opened.
    """
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError:  # a NUL, or a character that the file system's encoding lacks
        raise NotRegularError("has a name with characters that are not allowed") from None
    except OSError as error:
        if error.filename is not None and os.path.isdir(path):  # noqa: PTH112 - Path.is_dir may raise
            raise NotRegularError("is a folder") from None  # on Windows
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
    """Format a number of bytes with a unit.

    >>> size_text(4 << 20), size_text(3 << 30), size_text(100)
    ('4 MB', '3 GB', '100 bytes')
    """
    for unit, shift in (("GB", 30), ("MB", 20), ("kB", 10)):
        if size >= 1 << shift:
            return f"{size / (1 << shift):.3g} {unit}"
    return f"{size} bytes"
