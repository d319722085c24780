"""Mattes kept in memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.media.pixels import to_float

Matte = NDArray[np.float32]


@final
class CompressedMatte:
    """A matte in little memory, exactly as it was.

    What is not 0 is kept, compressed, in the smallest number format that holds it. A clean UHD matte, 33 MB as float32,
    takes less than one.

    Args:
        matte: ``(H, W)`` float32 in [0, 1].
    """

    def __init__(self, matte: Matte) -> None:
        self._shape = matte.shape
        rows, columns = (np.flatnonzero(matte.any(axis=axis)) for axis in (1, 0))
        self._box = (_span(rows), _span(columns))
        inside = matte[self._box]
        stored = next(numbers for numbers in _smallest_first(inside) if np.array_equal(to_float(numbers), inside))
        self._dtype = stored.dtype
        self._data = zlib.compress(stored.tobytes(), level=1)

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self._data)

    def unpack(self) -> Matte:
        """Return the matte."""
        matte = np.zeros(self._shape, np.float32)
        inside = matte[self._box]
        inside[...] = to_float(np.frombuffer(zlib.decompress(self._data), self._dtype)).reshape(inside.shape)
        return matte


def _span(indices: NDArray[np.intp]) -> slice:
    return slice(int(indices[0]), int(indices[-1]) + 1) if indices.size else slice(0, 0)


def _smallest_first(matte: Matte) -> Iterator[NDArray[Any]]:
    """Yield a matte in number formats of growing size; the last one holds every matte."""
    yield np.rint(matte * np.float32(255)).astype(np.uint8)
    yield np.rint(matte * np.float32(65535)).astype(np.uint16)
    yield matte.astype(np.float16)
    yield matte
