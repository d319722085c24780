"""The small shot that Krita works on, and its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio

FIRST, COUNT = 1001, 12
SIZE = 96, 160  # height, width


def disc(frame: int) -> np.ndarray:
    """The object of the shot at a file's number: a disc that drifts, as (H, W) coverage."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.clip(22.5 - np.hypot(x + 0.5 - 50 - 4 * (frame - FIRST), y + 0.5 - 48), 0, 1).astype(np.float32)


def read_alpha(path: Path | str) -> np.ndarray:
    """The alpha of an image, or its only channel, float32."""
    source = oiio.ImageInput.open(str(path))
    assert source, oiio.geterror()
    pixels = source.read_image("float")
    source.close()
    assert pixels is not None, source.geterror()
    return pixels[..., -1]
