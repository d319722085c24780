"""Elements: cut-outs with alpha from a library, composited over training images.

If all images of a folder have numbers as names, they are the frames of one animated element.
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

from stcn_plugin.errors import PlateError, TrainingError
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.images import read_headers, read_image
from stcn_plugin.media.picture_channels import picture_channels
from stcn_plugin.media.pixels import resized
from stcn_plugin.training.composites import CutOut
from stcn_plugin.training.warps import random_patch, to_unit_floats

_SUFFIXES = frozenset((".png", ".exr", ".tif", ".tiff", ".webp"))
_MAX_SIDE = 256
_MIN_SIDE = 16
_MAX_PIXELS = 16_000_000  # libraries contain drawings of half a gigapixel, too large for memory
_MIN_COVERAGE = 0.05

Element = tuple[Path, ...]
"""The frames of an animated element in order, or a single image."""


def find_elements(folder: Path) -> tuple[Element, ...]:
    """Return the elements in a folder, recursively. Whether each of them has alpha is checked when it is read.

    Raises:
        TrainingError: There are none, or no image has alpha.
    """
    found = sorted(path for path in folder.rglob("[!.]*") if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise TrainingError("there are no images that may have alpha, such as PNG or EXR", where=str(folder))
    if not any(map(_has_alpha, found)):
        fix = "Name a folder of cut-outs: images with an alpha channel"
        raise TrainingError("none of the images has alpha", where=str(folder), fix=fix)
    elements: list[Element] = []
    for _, group in groupby(found, key=lambda path: path.parent):
        files = list(group)
        numbered = sorted((path for path in files if path.stem.isdecimal()), key=lambda path: int(path.stem))
        if len(numbered) == len(files) > 1:
            elements.append(tuple(numbered))
        else:
            elements += [(path,) for path in files]
    return tuple(elements)


class ElementReader:
    """Reads elements, with a cache.

    Args:
        cache_size: Number of cached elements; an element takes up to 1 MB per frame.
    """

    def __init__(self, *, cache_size: int = 512) -> None:
        self._colour = ColourTransform()
        self.read = lru_cache(cache_size)(self._read)

    def _read(self, frames: Element) -> Tensor | None:
        """Read an element, or some of its frames.

        Returns:
            ``(T, 4, h, w)`` float32 premultiplied RGBA, cropped to its alpha, at most 256 pixels on its longer side.
            ``None`` if the images have no usable alpha, are too large, or differ in size.

        Raises:
            PlateError: The file cannot be read.
        """
        pictures = [self._picture(path) for path in frames]
        usable = [picture for picture in pictures if picture is not None]
        if len(usable) < len(pictures) or len({rgba.shape for rgba in usable}) > 1:
            return None
        return _cropped_to_alpha(np.stack(usable))

    def _picture(self, path: Path) -> NDArray[np.float32] | None:
        """Read premultiplied RGBA ``(H, W, 4)``, or ``None`` without usable alpha."""
        headers = [header for header in read_headers(path) if "A" in header.channels]
        if not headers:
            return None
        header, colours = picture_channels(headers, part=None, layer=None, where=str(path))
        if math.prod(header.header.data.shape) > _MAX_PIXELS:
            return None
        image = read_image(path, part=header.part or None, channels=[*colours, "A"], unassociated=True)
        rgb = np.broadcast_to(image.pixels[..., :-1], (*image.pixels.shape[:2], 3))
        alpha = np.nan_to_num(image.pixels[..., -1], nan=0.0, posinf=1.0, neginf=0.0)
        if float(alpha.mean()) < _MIN_COVERAGE or float(alpha.min()) > 0.5:
            return None
        if image.is_float:  # OpenEXR stores premultiplied colours
            rgb = rgb / np.maximum(alpha, np.float32(1e-4))[..., None]
        display = self._colour.to_display(rgb, is_float=image.is_float, file_colour_space=image.colour_space)
        alpha = np.clip(alpha, 0, 1).astype(np.float32)[..., None]
        return np.concatenate([display * alpha, alpha], -1)


def element_cut_out(rng: Generator, rgba: Tensor, texture: NDArray[np.uint8]) -> CutOut:
    """Return an element as a cut-out, with its own colours, those of a random texture, or a mixture of both.

    Args:
        rng: Random generator.
        rgba: ``(T, 4, h, w)`` premultiplied, from `ElementReader`.
        texture: ``(H, W, 3)`` image to take the texture from.
    """
    amount = float(rng.choice([0.0, 0.5, 1.0]))
    height, width = rgba.shape[2:]
    painted = random_patch(rng, to_unit_floats(texture), size=max(height, width))[:, :height, :width]
    return CutOut(torch.cat([torch.lerp(rgba[:, :3], painted * rgba[:, 3:], amount), rgba[:, 3:]], 1))


def _has_alpha(path: Path) -> bool:
    """Whether an image has an alpha channel, or cannot be read, which is reported when it is used."""
    try:
        return any("A" in header.channels for header in read_headers(path))
    except PlateError:
        return True


def _cropped_to_alpha(rgba: NDArray[np.float32]) -> Tensor | None:
    """Crop frames ``(T, H, W, 4)`` to the union of their alpha, and scale them down; return ``(T, 4, h, w)``."""
    union = rgba[..., 3].max(0)
    rows, columns = np.nonzero(union.max(1) > 0.02)[0], np.nonzero(union.max(0) > 0.02)[0]
    window = rgba[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = min(1.0, _MAX_SIDE / max(window.shape[1:3]))
    size = (round(window.shape[1] * scale), round(window.shape[2] * scale))
    if min(size) < _MIN_SIDE:
        return None
    scaled = np.stack([[resized(channel, size) for channel in np.moveaxis(frame, -1, 0)] for frame in window])
    return torch.from_numpy(scaled).clamp_(0, 1)
