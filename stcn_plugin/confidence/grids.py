"""Cached probabilities on a small grid over the whole frame, the same for both passes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stcn_plugin.cache.probabilities import read_probabilities

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
    found = read_probabilities(path, made_from=made_from)
    return None if found is None else {name: grid_of(plane.astype(np.float32)) for name, plane in found.items()}


def grid_of(plane: NDArray[np.float32]) -> Grid:
    """Reduce ``(H, W)`` values over the whole frame to a grid; each cell is the mean of its pixels."""
    height, width = plane.shape
    scale = min(1.0, LONG_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BOX), np.float32)
