"""The plate of a disc that drifts over a chequered ground, for the tests of the hosts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

Window = tuple[int, int, int, int]


def write_exr(path: Path, pixels: np.ndarray, data: tuple[int, int] = (0, 0), display: Window | None = None) -> None:
    """Write colours whose data window starts at ``data``, in a format of ``display`` (x, y, width, height)."""
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 3, oiio.HALF)
    spec.x, spec.y = data
    spec.full_x, spec.full_y, spec.full_width, spec.full_height = display or (*data, *pixels.shape[1::-1])
    output = oiio.ImageOutput.create(str(path))
    assert output is not None
    assert output.open(str(path), spec) and output.write_image(pixels) and output.close()


def write_disc_plate(folder: Path, frames: range, disc: Callable[[int], np.ndarray]) -> Path:
    """Write a plate of 160 x 96 half floats, with a disc of a coverage for each frame; return its first file."""
    ground = np.kron(np.random.default_rng(7).random((12, 20, 3)), np.ones((8, 8, 1))).astype(np.float32) * 0.3
    for frame in frames:
        coverage = disc(frame)[..., np.newaxis]
        write_exr(
            folder / f"sh010.{frame}.exr", ground * (1 - coverage) + coverage * np.array([0.9, 0.5, 0.1], np.float32)
        )
    return folder / f"sh010.{frames[0]}.exr"
