"""Elements: pictures of single things with alpha, from a library of them, to be moved over plates.

Pictures whose names are numbers, in a folder of their own, are one thing that moves by itself as well.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from stcn_plugin.errors import TrainingError
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.images import read_headers, read_image
from stcn_plugin.media.picture_channels import picture_channels
from stcn_plugin.media.pixels import resized
from stcn_plugin.training.composites import CutOut
from stcn_plugin.training.warps import random_patch, unit_floats

_SUFFIXES = frozenset((".png", ".exr", ".tif", ".tiff", ".webp"))
_SIDE = 256  # longest, pixels
_LEAST_SIDE = 16
_MOST_PIXELS = 16_000_000  # a library may have drawings of half a gigapixel, which memory has no room for
_LEAST_COVERAGE = 0.05

Element = tuple[Path, ...]
"""The frames of a thing that moves, in order, or the one picture of a thing."""


def find_elements(folder: Path) -> tuple[Element, ...]:
    """Return the things in a folder and all folders in it; whether they have alpha is known when they are read.

    Raises:
        TrainingError: There are none.
    """
    found = sorted(path for path in folder.rglob("[!.]*") if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise TrainingError("there are no pictures that may have alpha, such as PNG or EXR", where=str(folder))
    elements: list[Element] = []
    for _, together in groupby(found, key=lambda path: path.parent):
        files = list(together)
        numbered = sorted((path for path in files if path.stem.isdecimal()), key=lambda path: int(path.stem))
        if len(numbered) == len(files) > 1:
            elements.append(tuple(numbered))
        else:
            elements += [(path,) for path in files]
    return tuple(elements)


class ElementReader:
    """Reads elements, and remembers the ones read last.

    Args:
        remembered: Most elements kept in memory, a megabyte each at most.
    """

    def __init__(self, *, remembered: int = 512) -> None:
        self._colour = ColourTransform()
        self.read = lru_cache(remembered)(self._read)

    def _read(self, frames: Element) -> Tensor | None:
        """Read an element, or some of its frames.

        Returns:
            ``(T, 4, h, w)`` float32 RGBA, premultiplied, no larger than it needs to be; ``None`` for pictures that
            have no alpha or next to nothing in it, are far larger than anything here needs, or of several sizes.

        Raises:
            PlateError: The file cannot be read.
        """
        pictures = [self._picture(path) for path in frames]
        there = [picture for picture in pictures if picture is not None]
        if len(there) < len(pictures) or len({rgba.shape for rgba in there}) > 1:
            return None
        return _tight(np.stack(there))

    def _picture(self, path: Path) -> NDArray[np.float32] | None:
        """Read RGBA ``(H, W, 4)``, premultiplied before it is reduced, so that what is clear lends no colour."""
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
        alpha = np.clip(alpha, 0, 1).astype(np.float32)[..., None]
        return np.concatenate([display * alpha, alpha], -1)


def element_cut_out(rng: Generator, rgba: Tensor, texture: NDArray[np.uint8]) -> CutOut:
    """Return an element to be moved about, as it is or with some of a picture's texture on it.

    Args:
        rng: Chance.
        rgba: ``(T, 4, h, w)`` premultiplied, from `ElementReader`.
        texture: ``(H, W, 3)`` picture.
    """
    amount = float(rng.choice([0.0, 0.5, 1.0]))
    height, width = rgba.shape[2:]
    painted = random_patch(rng, unit_floats(texture), size=max(height, width))[:, :height, :width]
    return CutOut(torch.cat([torch.lerp(rgba[:, :3], painted * rgba[:, 3:], amount), rgba[:, 3:]], 1))


def _tight(rgba: NDArray[np.float32]) -> Tensor | None:
    """Cut frames ``(T, H, W, 4)`` to what is ever there, and reduce; return ``(T, 4, h, w)``."""
    ever = rgba[..., 3].max(0)
    rows, columns = np.nonzero(ever.max(1) > 0.02)[0], np.nonzero(ever.max(0) > 0.02)[0]
    window = rgba[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = min(1.0, _SIDE / max(window.shape[1:3]))
    size = (round(window.shape[1] * scale), round(window.shape[2] * scale))
    if min(size) < _LEAST_SIDE:
        return None
    small = np.stack([[resized(channel, size) for channel in np.moveaxis(frame, -1, 0)] for frame in window])
    return torch.from_numpy(small).clamp_(0, 1)
