"""A temporary file with the probabilities of the backward pass, for a job without a cache."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from types import TracebackType
from typing import final

import numpy as np

from stcn_plugin.errors import OutputError
from stcn_plugin.matte.views import View, Views


@final
class BackwardBuffer:
    """A temporary file of half-precision probabilities, one record per frame.

    The file has no name and is deleted when it is closed, even if the process is killed.

    Args:
        expected: Bytes that the whole file will need, about.

    Raises:
        OutputError: The temporary folder has too little free space.
    """

    def __init__(self, expected: int) -> None:
        self._expected = expected
        if shutil.disk_usage(tempfile.gettempdir()).free < expected:
            raise self._full("too little space is free")
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by __exit__
        self._records: dict[int, list[tuple[View, dict[str, int]]]] = {}
        self._end = 0

    def put(self, index: int, views: Views) -> None:
        """Store the probabilities of a frame.

        Raises:
            OutputError: The temporary folder is full.
        """
        record = []
        for view in views:
            offsets = {name: self._append(plane.tobytes()) for name, plane in view.planes.items()}
            # Views of one element keep the shapes without the pixels.
            shapes = {name: np.broadcast_to(np.float16(0), plane.shape) for name, plane in view.planes.items()}
            record.append((replace(view, planes=shapes), offsets))
        self._records[index] = record

    def get(self, index: int) -> Views:
        """Return the probabilities of a frame."""
        return [
            replace(view, planes={name: self._read(offsets[name], plane.shape) for name, plane in view.planes.items()})
            for view, offsets in self._records[index]
        ]

    def __enter__(self) -> BackwardBuffer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def _append(self, data: bytes) -> int:
        """Write data at the end, and return its offset."""
        offset = self._end
        try:
            self._file.seek(offset)
            written = self._file.write(data)
        except OSError as error:
            raise self._full(str(error.strerror)) from error
        if written != len(data):
            raise self._full("the disk is full")
        self._end += written
        return offset

    def _read(self, offset: int, shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float16]]:
        self._file.seek(offset)
        return np.frombuffer(bytearray(self._file.read(2 * int(np.prod(shape)))), np.float16).reshape(shape)

    def _full(self, cause: str) -> OutputError:
        return OutputError(
            f"the probabilities of the backward pass need {self._expected / 1e6:.0f} MB of temporary space: {cause.lower()}",
            where=tempfile.gettempdir(),
            fix="Free some space there, or set TMPDIR to a folder on a larger disk",
            retry=True,
        )
