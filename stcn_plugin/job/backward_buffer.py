"""A temporary file with the probabilities of the backward pass, for the forward pass to blend with."""

from __future__ import annotations

import shutil
import tempfile
from types import TracebackType
from typing import final

import numpy as np
import torch
from torch import Tensor

from stcn_plugin.errors import OutputError


@final
class BackwardBuffer:
    """A temporary file of half-precision probabilities, one record per frame.

    The file has no name and is deleted when it is closed, even if the process is killed.

    Args:
        shape: ``(O, h, w)`` of a frame's probabilities.
        records: Number of frames.

    Raises:
        OutputError: The temporary folder has too little free space.
    """

    def __init__(self, shape: tuple[int, int, int], *, records: int) -> None:
        self._shape = shape
        self._bytes = 2 * int(np.prod(shape))
        self._size = records * self._bytes
        if shutil.disk_usage(tempfile.gettempdir()).free < self._size:
            raise self._full("too little space is free")
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by __exit__
        self._records: dict[int, int] = {}

    def put(self, index: int, probabilities: Tensor) -> None:
        """Store a frame's probabilities ``(O, h, w)``.

        Raises:
            OutputError: The temporary folder is full.
        """
        record = self._records.setdefault(index, len(self._records))
        data = probabilities.to("cpu", torch.float16).numpy().tobytes()
        try:
            self._file.seek(record * self._bytes)
            written = self._file.write(data)
        except OSError as error:
            raise self._full(str(error.strerror)) from error
        if written != len(data):
            raise self._full("the disk is full")

    def get(self, index: int, device: torch.device) -> Tensor:
        """Return a frame's probabilities, ``(O, h, w)`` float32 on ``device``."""
        self._file.seek(self._records[index] * self._bytes)
        array = np.frombuffer(self._file.read(self._bytes), np.float16).reshape(self._shape)
        return torch.from_numpy(array.astype(np.float32)).to(device)

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
