"""Cached probabilities on a small grid over the whole frame, the same for both passes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stcn_plugin.cache.probabilities import read_probabilities
from stcn_plugin.matte.looks import Looks

Grid: TypeAlias = NDArray[np.float32]
"""``(h, w)`` probabilities in [0, 1]. Its long side has at most `LONG_SIDE` cells."""

LONG_SIDE = 256


def read_grids(path: Path, *, made_from: str) -> Mapping[str, Grid] | None:
    """Read the cached probabilities of a pass on a frame. All figures are computed from what this function returns.

    Args:
        path: The file in the cache.
        made_from: Digest of what the probabilities are made from.

    Returns:
        Object name to its grid; ``None`` if the file is missing, damaged or made from something else.
    """
    looks = read_probabilities(path, made_from=made_from)
    return None if looks is None else {name: _grid_of_looks(looks, name) for name in looks[0].planes}


def _grid_of_looks(looks: Looks, name: str) -> Grid:
    """Return the grid of an object: of the whole frame, replaced where windows were looked at."""
    frame = looks[0].window
    scale = min(1.0, LONG_SIDE / max(frame.width, frame.height))
    grid = _resized(looks[0].planes[name], (round(frame.height * scale), round(frame.width * scale)))
    for look in looks[1:]:
        if name in look.planes:
            top, bottom = round(look.window.y * scale), round(look.window.bottom * scale)
            left, right = round(look.window.x * scale), round(look.window.right * scale)
            size = max(1, bottom - top), max(1, right - left)
            inside = grid[top : top + size[0], left : left + size[1]]
            inside[:] = _resized(look.planes[name], size)[: inside.shape[0], : inside.shape[1]]
    return grid


def _resized(plane: NDArray[np.float16], size: tuple[int, int]) -> Grid:
    """Return a plane at another size; each element is the mean of the pixels that it covers."""
    height, width = max(1, size[0]), max(1, size[1])
    method = Image.Resampling.BOX if height <= plane.shape[0] else Image.Resampling.BILINEAR
    return np.array(Image.fromarray(plane.astype(np.float32)).resize((width, height), method), np.float32)


def grid_of(plane: NDArray[np.float32]) -> Grid:
    """Reduce ``(H, W)`` values over the whole frame to a grid; each cell is the mean of its pixels."""
    height, width = plane.shape
    scale = min(1.0, LONG_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BOX), np.float32)
