"""Cached probabilities on a small grid over the whole frame, the same for both passes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stcn_plugin.cache.probabilities import read_probabilities
from stcn_plugin.matte.views import Views

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
    views = read_probabilities(path, made_from=made_from)
    return None if views is None else {name: _of_views(views, name) for name in views[0].planes}


def grid_size(shape: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width of the grids of a frame.

    Args:
        shape: ``(H, W)`` of the plate, with its overscan.
    """
    scale = min(1.0, LONG_SIDE / max(shape))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def grid_of(plane: NDArray[np.floating], size: tuple[int, int]) -> Grid:
    """Return values over the whole frame as a grid; each cell is the mean of the pixels that it covers.

    Args:
        plane: ``(h, w)``.
        size: Height and width of the grid.
    """
    method = Image.Resampling.BOX if size[0] <= plane.shape[0] else Image.Resampling.BILINEAR
    return np.array(Image.fromarray(plane.astype(np.float32)).resize(size[::-1], method), np.float32)


def _of_views(views: Views, name: str) -> Grid:
    """Return the grid of an object: of the whole frame, replaced where windows were looked at."""
    frame = views[0].window
    grid = grid_of(views[0].planes[name], grid_size(frame.shape))
    down, across = grid.shape[0] / frame.height, grid.shape[1] / frame.width
    for view in views[1:]:
        if name in view.planes:
            top, bottom = round(view.window.y * down), round(view.window.bottom * down)
            left, right = round(view.window.x * across), round(view.window.right * across)
            if bottom > top and right > left:
                grid[top:bottom, left:right] = grid_of(view.planes[name], (bottom - top, right - left))
    return grid
