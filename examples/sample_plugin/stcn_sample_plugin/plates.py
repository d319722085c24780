"""Plates stored as ``.npy``: one array per frame, ``(H, W, 3)`` or ``(H, W, 1)``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import PlateError
from stcn_plugin.studio import FrameHeader, PlatePicture, Window


class NumpyPlates:
    """Reads arrays of floats (scene-linear) or of unsigned integers (sRGB). Has no state, so threads may share it."""

    def header(self, path: Path, *, where: str) -> FrameHeader:
        """Return the format of a file; the array is mapped, not read."""
        height, width = _array(path, where).shape[:2]
        window = Window(0, 0, width, height)
        return FrameHeader(display=window, data=window)

    def picture(self, path: Path, *, where: str) -> PlatePicture:
        """Return the pixels of a file as float32; integers become value / maximum."""
        array = _array(path, where)
        is_float = array.dtype.kind == "f"
        pixels = array.astype(np.float32)
        if not is_float:
            pixels /= np.float32(np.iinfo(array.dtype).max)
        return PlatePicture(self.header(path, where=where), pixels, is_float)


def _array(path: Path, where: str) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)  # never executes code in a file
    except (OSError, ValueError) as error:
        raise PlateError(f"the file cannot be read as .npy ({error})", where=where, fix="Write it again") from error
    if array.ndim != 3 or array.shape[2] not in {1, 3} or array.dtype.kind not in "fu":
        what = f"the array is {array.shape} of {array.dtype}, not (H, W, 3) of float or unsigned integers"
        raise PlateError(what, where=where)
    return array
