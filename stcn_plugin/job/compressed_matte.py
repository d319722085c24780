"""Lossless compression of mattes in memory."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.media.pixels import to_float

Matte = NDArray[np.float32]


@final
class CompressedMatte:
    """A losslessly compressed matte.

    The bounding box of all nonzero pixels is compressed in the smallest number format that represents it exactly. A
    clean UHD matte, 33 MB as float32, takes less than 1 MB.

    Args:
        matte: ``(H, W)`` float32 in [0, 1].
    """

    def __init__(self, matte: Matte) -> None:
        self._shape = matte.shape
        rows, columns = (np.flatnonzero(matte.any(axis=axis)) for axis in (1, 0))
        self._box = (_span(rows), _span(columns))
        inside = matte[self._box]
        stored = next(array for array in _candidate_formats(inside) if np.array_equal(to_float(array), inside))
        self._dtype = stored.dtype
        self._data = zlib.compress(stored.tobytes(), level=1)

    @property
    def size(self) -> int:
        """Compressed size in bytes."""
        return len(self._data)

    @property
    def digest(self) -> str:
        """Digest of the matte: equal for equal mattes."""
        layout = repr((self._shape, self._box, self._dtype)).encode()
        return hashlib.sha256(layout + self._data).hexdigest()[:32]

    def unpack(self) -> Matte:
        """Return the original matte."""
        matte = np.zeros(self._shape, np.float32)
        inside = matte[self._box]
        inside[...] = to_float(np.frombuffer(zlib.decompress(self._data), self._dtype)).reshape(inside.shape)
        return matte


def _span(indices: NDArray[np.intp]) -> slice:
    return slice(int(indices[0]), int(indices[-1]) + 1) if indices.size else slice(0, 0)


def _candidate_formats(matte: Matte) -> Iterator[NDArray[Any]]:
    """Yield a matte in number formats of increasing size; the last one is always exact."""
    yield np.rint(matte * np.float32(255)).astype(np.uint8)
    yield np.rint(matte * np.float32(65535)).astype(np.uint16)
    yield matte.astype(np.float16)
    yield matte
