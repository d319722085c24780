"""A temporary file with the probabilities of the backward pass, for a job without a cache."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import final

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import OutputError


@final
class BackwardBuffer:
    """A temporary file of half-precision probabilities, one record per frame.

    The file has no name and is deleted when it is closed, even if the process is killed.

    Args:
        objects: Names of the objects.
        size: ``(h, w)`` of the probabilities.
        records: Number of frames.

    Raises:
        OutputError: The temporary folder has too little free space.
    """

    def __init__(self, objects: Sequence[str], size: tuple[int, int], *, records: int) -> None:
        self._objects = tuple(objects)
        self._shape = len(self._objects), *size
        self._bytes = 2 * int(np.prod(self._shape))
        self._size = records * self._bytes
        if shutil.disk_usage(tempfile.gettempdir()).free < self._size:
            raise self._full("too little space is free")
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by __exit__
        self._records: dict[int, int] = {}

    def put(self, index: int, probabilities: Mapping[str, NDArray[np.float16]]) -> None:
        """Store a frame's probabilities: object name to ``(h, w)``.

        Raises:
            OutputError: The temporary folder is full.
        """
        record = self._records.setdefault(index, len(self._records))
        nothing = np.zeros(self._shape[1:], np.float16)
        data = b"".join(probabilities.get(name, nothing).tobytes() for name in self._objects)
        try:
            self._file.seek(record * self._bytes)
            written = self._file.write(data)
        except OSError as error:
            raise self._full(str(error.strerror)) from error
        if written != len(data):
            raise self._full("the disk is full")

    def get(self, index: int) -> dict[str, NDArray[np.float16]]:
        """Return a frame's probabilities by object."""
        self._file.seek(self._records[index] * self._bytes)
        planes = np.frombuffer(bytearray(self._file.read(self._bytes)), np.float16).reshape(self._shape)
        return dict(zip(self._objects, planes, strict=True))

    def __enter__(self) -> BackwardBuffer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def _full(self, cause: str) -> OutputError:
        return OutputError(
            f"the probabilities of the backward pass need {self._size / 1e6:.0f} MB of temporary space: {cause.lower()}",
            where=tempfile.gettempdir(),
            fix="Free some space there, or set TMPDIR to a folder on a larger disk",
            retry=True,
        )
