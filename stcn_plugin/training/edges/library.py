"""The images that scenes are made of: cut-outs with alpha, and photos. A fixed part of them is held out."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator

from stcn_plugin.errors import TrainingError
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.images import read_headers, read_image
from stcn_plugin.media.picture_channels import picture_channels
from stcn_plugin.training.edges.config import Data
from stcn_plugin.training.edges.strands import Pixels
from stcn_plugin.training.elements import Element, ElementReader, find_elements

_PHOTOS = frozenset((".jpg", ".jpeg", ".png", ".tif", ".tiff", ".exr", ".hdr"))
_HELD_OUT = 8
"""One of this many images is held out for validation."""


class Library:
    """Random cut-outs and photos.

    Args:
        data: Their folders.
        held_out: Use only the images that are held out, instead of all others.

    Raises:
        TrainingError: A folder holds no images, or there are too few to hold some out.
    """

    def __init__(self, data: Data, *, held_out: bool) -> None:
        self._elements = [
            [each for each in find_elements(Path(source.folder)) if _is_held_out(_name(each)) == held_out]
            for source in data.elements
        ]
        self._photos = [
            [each for each in _find_photos(Path(source.folder)) if _is_held_out(each.name) == held_out]
            for source in data.photos
        ]
        weights = np.array(
            [source.weight if photos else 0.0 for source, photos in zip(data.photos, self._photos, strict=True)]
        )
        if not weights.any() or not any(self._elements):
            kind = "held out for validation" if held_out else "left for training"
            raise TrainingError(f"none of the images is {kind}", fix="Add more images, or set validation.scenes to 0")
        self._weights = weights / weights.sum()
        self._reader = ElementReader(cache_size=32)
        self._colour = ColourTransform()
        self._read = lru_cache(32)(self._photo)

    def cut_out(self, rng: Generator) -> Pixels | None:
        """Return a random frame of a random cut-out, ``(h, w, 4)`` premultiplied, or ``None`` if it has no alpha."""
        folders = [each for each in self._elements if each]
        if not folders:
            return None
        folder = folders[rng.integers(len(folders))]
        element = folder[rng.integers(len(folder))]
        rgba = self._reader.read((element[rng.integers(len(element))],))
        return None if rgba is None else np.moveaxis(rgba[0].numpy(), 0, -1)

    def photo(self, rng: Generator) -> Pixels:
        """Return a random photo, ``(H, W, 3)`` display-referred."""
        folder = self._photos[rng.choice(len(self._photos), p=self._weights)]
        return self._read(folder[rng.integers(len(folder))])

    def _photo(self, path: Path) -> Pixels:
        header, colours = picture_channels(read_headers(path), part=None, layer=None, where=str(path))
        image = read_image(path, part=header.part or None, channels=colours)
        rgb = np.broadcast_to(image.pixels, (*image.pixels.shape[:2], 3))
        display = self._colour.to_display(rgb, is_float=image.is_float, file_colour_space=image.colour_space)
        return np.ascontiguousarray(display, np.float32)


def _find_photos(folder: Path) -> Sequence[Path]:
    found = sorted(
        path for path in folder.rglob("[!.]*") if path.suffix.lower() in _PHOTOS and path.parent.name != "masks"
    )
    if not found:
        raise TrainingError("there are no images", where=str(folder))
    return found


def _name(element: Element) -> str:
    """Return a name that is the same wherever the folder is."""
    folder = element[0].parent.name
    return folder if len(element) > 1 else folder + element[0].stem


def _is_held_out(name: str) -> bool:
    return zlib.crc32(name.encode()) % _HELD_OUT == 0
