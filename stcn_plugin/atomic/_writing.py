"""Writes the content of a temporary file, and reports every failure."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import suppress
from typing import IO, TYPE_CHECKING, cast, final

from stcn_plugin.atomic._folder import Folder, sync
from stcn_plugin.atomic._temporary import create_temporary

if TYPE_CHECKING:
    from typing_extensions import Buffer

Content = bytes | Callable[[IO[bytes]], object]
"""The content of a file, or a function that writes it to a stream."""


def write_temporary(folder: Folder, name: str, content: Content, permissions: int | None) -> str:
    """Write and sync the temporary file of an output; return its name."""
    temporary, descriptor = create_temporary(folder, name)
    try:
        try:
            if permissions is not None and hasattr(os, "fchmod"):
                os.fchmod(descriptor, permissions)
            _Stream(descriptor).write_content(content)
            sync(descriptor)
        finally:
            os.close(descriptor)  # network file systems may report a full disk only here
    except BaseException:
        with suppress(OSError):
            folder.unlink(temporary)
        raise
    return temporary


@final
class _Stream(io.RawIOBase):
    """Writes to a descriptor, which stays open, without partial writes, and remembers the first failure."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            self._failure = self._failure or error
            raise
        return size

    def write_content(self, content: Content) -> None:
        """Write the content of a file.

        Raises:
            OSError: A write failed, even if the function that writes ignored or replaced the error.
        """
        if not callable(content):
            self.write(content)
            return
        try:
            content(cast("IO[bytes]", self))
        except Exception as error:
            if self._failure in (None, error):
                raise
        if self._failure:
            raise self._failure
