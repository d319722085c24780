"""Writing the content of a temporary file so that no failure goes unnoticed."""

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
"""What a file shall hold, or a function that writes it to a stream."""


def write_temporary(folder: Folder, name: str, content: Content, permissions: int | None) -> str:
    """Write the temporary file of an output to the disk; return its name."""
    temporary, descriptor = create_temporary(folder, name)
    try:
        try:
            if permissions is not None and hasattr(os, "fchmod"):
                os.fchmod(descriptor, permissions)
            _Stream(descriptor).take(content)
            sync(descriptor)
        finally:
            os.close(descriptor)  # a network disk may say only now that it is full
    except BaseException:
        with suppress(OSError):
            folder.unlink(temporary)
        raise
    return temporary


@final
class _Stream(io.RawIOBase):
    """Writes all that it is given to a descriptor, which stays open, and remembers where that failed."""

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

    def take(self, content: Content) -> None:
        """Write a whole file.

        Raises:
            OSError: A part of it was not written; also where a library hid that, or passed over it.
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
