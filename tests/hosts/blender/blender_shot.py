"""The small shot that Blender works on, and its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio

FIRST, COUNT = 1001, 8
SIZE = 96, 160  # height, width
SHIFT = 1000  # file 1001 stands at frame 1 of the scene


def disc(frame: int) -> np.ndarray:
    """The object of the shot at a file's number: a disc that drifts, as (H, W) coverage."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.clip(22.5 - np.hypot(x + 0.5 - 50 - 6 * (frame - FIRST), y + 0.5 - 48), 0, 1).astype(np.float32)


def read_channels(path: Path | str) -> dict[str, np.ndarray]:
    """Every channel of an image by its name, float32."""
    source = oiio.ImageInput.open(str(path))
    assert source, oiio.geterror()
    names, pixels = source.spec().channelnames, source.read_image("float")
    source.close()
    assert pixels is not None, source.geterror()
    return {name: pixels[..., index] for index, name in enumerate(names)}
