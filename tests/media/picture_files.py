"""Helpers that write image files for the tests of reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from stcn_plugin.media.window import Window


def spec_of(
    pixels: np.ndarray,
    depth: str = "half",
    channels: Sequence[str] = (),
    *,
    data: tuple[int, int] = (0, 0),
    display: Window | None = None,
    tile: int = 0,
    attributes: Mapping[str, Any] | None = None,
) -> oiio.ImageSpec:
    height, width, count = pixels.shape
    spec = oiio.ImageSpec(width, height, count, depth)
    if channels:
        spec.channelnames = tuple(channels)
    spec.x, spec.y = data
    display = display or Window(*data, width, height)
    spec.full_x, spec.full_y, spec.full_width, spec.full_height = display.x, display.y, display.width, display.height
    if tile:
        spec.tile_width = spec.tile_height = tile
    for name, value in (attributes or {}).items():
        if isinstance(value, tuple):
            spec.attribute(name, oiio.TypeDesc(value[0]), value[1])
        else:
            spec.attribute(name, value)
    return spec


def write(path: Path, pixels: np.ndarray, depth: str = "half", channels: Sequence[str] = (), **more: Any) -> Path:
    """Write one image; ``more`` as for `spec_of`."""
    pixels = np.atleast_3d(pixels)
    return write_parts(path, [(spec_of(pixels, depth, channels, **more), pixels)])


def write_parts(path: Path, parts: Sequence[tuple[oiio.ImageSpec, np.ndarray]]) -> Path:
    """Write a file of one or several parts."""
    specs = tuple(spec for spec, _ in parts)
    output = oiio.ImageOutput.create(str(path))
    assert output is not None, oiio.geterror()
    opened = output.open(str(path), specs) if len(specs) > 1 else output.open(str(path), specs[0])
    assert opened, output.geterror()
    for index, (spec, pixels) in enumerate(parts):
        if index:
            assert output.open(str(path), spec, "AppendSubimage"), output.geterror()
        assert output.write_image(np.ascontiguousarray(pixels)), output.geterror()
    assert output.close(), output.geterror()
    return path


def noise(height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    """Return values in [0, 1] that half floats represent exactly."""
    values = np.random.default_rng(seed).random((height, width, channels), np.float32)
    return values.astype(np.float16).astype(np.float32)
