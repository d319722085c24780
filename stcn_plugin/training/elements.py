"""Elements: pictures of single things with alpha, from a library of them, to be moved over plates."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from stcn_plugin.errors import TrainingError
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.images import read_headers, read_image
from stcn_plugin.media.picture import picture_channels
from stcn_plugin.media.resizing import resized
from stcn_plugin.training.composites import CutOut
from stcn_plugin.training.warps import random_patch, unit_floats

_SUFFIXES = frozenset((".png", ".exr", ".tif", ".tiff", ".webp"))
_SIDE = 256  # longest, pixels
_LEAST_SIDE = 16
_MOST_PIXELS = 16_000_000  # a library may have drawings of half a gigapixel, which memory has no room for
_LEAST_COVERAGE = 0.05


def find_elements(folder: Path) -> tuple[Path, ...]:
    """Return the pictures in a folder and all folders in it; whether they have alpha is known when they are read.

    Raises:
        TrainingError: There are none.
    """
    found = tuple(sorted(path for path in folder.rglob("[!.]*") if path.suffix.lower() in _SUFFIXES))
    if not found:
        raise TrainingError("there are no pictures that may have alpha, such as PNG or EXR", where=str(folder))
    return found


class ElementReader:
    """Reads elements, and remembers the ones read last.

    Args:
        remembered: Most elements kept in memory, a megabyte each at most.
    """

    def __init__(self, *, remembered: int = 512) -> None:
        self._colour = ColourTransform()
        self.read = lru_cache(remembered)(self._read)

    def _read(self, path: Path) -> Tensor | None:
        """Read an element.

        Returns:
            ``(4, h, w)`` float32 RGBA, premultiplied, no larger than it needs to be; ``None`` for a picture that
            has no alpha or next to nothing in it, or is far larger than anything here needs.

        Raises:
            PlateError: The file cannot be read.
        """
        headers = [header for header in read_headers(path) if "A" in header.channels]
        if not headers:
            return None
        header, colours = picture_channels(headers, part=None, layer=None, where=str(path))
        if math.prod(header.header.data.shape) > _MOST_PIXELS:
            return None
        image = read_image(path, part=header.part or None, channels=[*colours, "A"], unassociated=True)
        rgb = np.broadcast_to(image.pixels[..., :-1], (*image.pixels.shape[:2], 3))
        alpha = np.nan_to_num(image.pixels[..., -1], nan=0.0, posinf=1.0, neginf=0.0)
        if float(alpha.mean()) < _LEAST_COVERAGE or float(alpha.min()) > 0.5:
            return None
        if image.is_float:  # as OpenEXR stores them, colours are multiplied by alpha
            rgb = rgb / np.maximum(alpha, np.float32(1e-4))[..., None]
        display = self._colour.to_display(rgb, is_float=image.is_float, file_colour_space=image.colour_space)
        return _tight(display, np.clip(alpha, 0, 1).astype(np.float32))


def element_cut_out(rng: Generator, rgba: Tensor, texture: NDArray[np.uint8]) -> CutOut:
    """Return an element to be moved about, as it is or with some of a picture's texture on it.

    Args:
        rng: Chance.
        rgba: ``(4, h, w)`` premultiplied, from `ElementReader`.
        texture: ``(H, W, 3)`` picture.
    """
    amount = float(rng.choice([0.0, 0.5, 1.0]))
    height, width = rgba.shape[1:]
    painted = random_patch(rng, unit_floats(texture), size=max(height, width))[:, :height, :width]
    return CutOut(torch.cat([torch.lerp(rgba[:3], painted * rgba[3:], amount), rgba[3:]])[None])


def _tight(rgb: NDArray[np.float32], alpha: NDArray[np.float32]) -> Tensor | None:
    """Cut to what is there, and reduce; return RGBA, premultiplied before, so that what is clear lends no colour."""
    rows, columns = np.nonzero(alpha.max(1) > 0.02)[0], np.nonzero(alpha.max(0) > 0.02)[0]
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    rgba = np.concatenate([rgb * alpha[..., None], alpha[..., None]], -1)[window]
    scale = min(1.0, _SIDE / max(rgba.shape[:2]))
    size = (round(rgba.shape[0] * scale), round(rgba.shape[1] * scale))
    if min(size) < _LEAST_SIDE:
        return None
    small = np.stack([resized(channel, size) for channel in np.moveaxis(rgba, -1, 0)])
    return torch.from_numpy(small).clamp_(0, 1)
