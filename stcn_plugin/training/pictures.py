"""Training images: plates with the masks of their objects, found in folders and read with a cache.

A folder of *clips* contains ``<clip>/plates`` and ``<clip>/masks``; a folder of *stills* contains ``plates`` and
``masks``. A mask has the name of its plate. It is a grey image of one object, a palette image, or named layers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import TrainingError
from stcn_plugin.evaluation.matte_file import object_names, read_objects
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.oiio_plates import OpenImageIOPlates
from stcn_plugin.media.pixels import place_in_window, resized, to_float
from stcn_plugin.propagation.images import internal_size

_NUMBER = re.compile(r"(\d+)$")


@dataclass(frozen=True)
class Picture:
    """One plate and its masks.

    Args:
        plate: The file of the plate.
        mask: The file of the masks.
        frame: Frame number.
    """

    plate: Path
    mask: Path
    frame: int = 0


@dataclass(frozen=True)
class Clip:
    """The images of one shot. A still is a clip of one image.

    Args:
        name: Name of the folder, or of the still.
        pictures: In the order of their frame numbers.
        weight: Sampling weight.
    """

    name: str
    pictures: tuple[Picture, ...]
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Pixels:
    """An image in memory.

    Args:
        rgb: ``(H, W, 3)`` uint8, display sRGB.
        masks: Object name to ``(H, W)`` uint8 coverage, 255 is full coverage.
        is_exhaustive: Whether an object without a mask is absent, as in a palette image. With layers, it may only
            be missing from the annotation.
    """

    rgb: NDArray[np.uint8]
    masks: Mapping[str, NDArray[np.uint8]]
    is_exhaustive: bool = False

    def annotates(self, name: str) -> bool:
        """Whether the pixels of an object are known, or that it is absent."""
        return self.is_exhaustive or name in self.masks


def find_clips(folder: Path, *, exclude: Collection[str] = ()) -> tuple[Clip, ...]:
    """Return the clips in a folder, sorted by name.

    Args:
        folder: Contains ``<clip>/plates`` and ``<clip>/masks``. Frames without a mask are ignored.
        exclude: Names of clips to exclude.

    Raises:
        TrainingError: There are no clips, or an excluded one does not exist.
    """
    folders = {path.parent.name: path.parent for path in sorted(folder.glob("*/plates"))}
    if missing := sorted(set(exclude) - folders.keys()):
        raise TrainingError(f"there is no clip '{missing[0]}' to exclude", where=str(folder))
    clips = [Clip(name, tuple(_pairs(path))) for name, path in folders.items() if name not in exclude]
    return _not_empty(tuple(clip for clip in clips if clip.pictures), folder, "<clip>/plates and <clip>/masks")


def find_stills(folder: Path, *, exclude: Collection[str] = ()) -> tuple[Clip, ...]:
    """Return the stills in a folder, each as a clip of one image.

    Args:
        folder: Contains ``plates`` and ``masks``. Plates without a mask are ignored.
        exclude: Names of stills to exclude, without suffix.

    Raises:
        TrainingError: There are no stills, or an excluded one does not exist.
    """
    stills = {picture.plate.stem: Clip(picture.plate.stem, (picture,)) for picture in _pairs(folder)}
    if missing := sorted(set(exclude) - stills.keys()):
        raise TrainingError(f"there is no still '{missing[0]}' to exclude", where=str(folder))
    included = tuple(still for name, still in stills.items() if name not in exclude)
    return _not_empty(included, folder, "plates and masks")


class PictureReader:
    """Reads images at the size used for training, with a cache.

    Args:
        short_side: Short side in pixels; larger images are scaled down to it.
        cache_size: Number of cached images; at a short side of 384, one takes about 1 MB.
        colour_space: Colour space of the plates, as ``colour.input`` in a preset.
    """

    def __init__(self, *, short_side: int, cache_size: int = 1024, colour_space: str = "auto") -> None:
        self._short_side = short_side
        self._files = OpenImageIOPlates()
        self._colour = ColourTransform(input=colour_space)
        self.read = lru_cache(cache_size)(self._read)

    def _read(self, picture: Picture) -> Pixels:
        """Read an image.

        Raises:
            PlateError: The plate cannot be read.
            MatteError: The mask cannot be read.
            TrainingError: Plate and mask have different sizes.
        """
        stored = self._files.picture(picture.plate, where=str(picture.plate))
        pixels = place_in_window(stored.pixels, stored.header.data, stored.header.display)
        rgb = self._colour.to_display(
            np.broadcast_to(to_float(pixels), (*pixels.shape[:2], 3)),
            is_float=stored.is_float,
            file_colour_space=stored.colour_space,
        )
        contents = object_names(picture.mask)
        masks = read_objects(picture.mask, contents.names)
        if any(mask.shape != rgb.shape[:2] for mask in masks.values()):
            raise TrainingError("the mask and its plate differ in size", where=str(picture.mask))
        size = internal_size(stored.header.display.shape, size=str(self._short_side))
        return Pixels(
            np.stack([_to_uint8(resized(channel, size)) for channel in np.moveaxis(rgb, -1, 0)], -1),
            {name: _to_uint8(resized(mask, size)) for name, mask in masks.items()},
            contents.indexed,
        )


def _pairs(folder: Path) -> Iterator[Picture]:
    """Yield the plates that have a mask, in the order of their frame numbers."""
    masks = {path.stem: path for path in (folder / "masks").glob("[!.]*") if path.is_file()}
    plates = sorted(path for path in (folder / "plates").glob("[!.]*") if path.stem in masks)
    numbered = [(_frame_number(path, index), path) for index, path in enumerate(plates)]
    yield from (Picture(path, masks[path.stem], frame) for frame, path in sorted(numbered))


def _frame_number(path: Path, default: int) -> int:
    number = _NUMBER.search(path.stem)
    return int(number[1]) if number else default


def _not_empty(clips: tuple[Clip, ...], folder: Path, expected: str) -> tuple[Clip, ...]:
    if not clips:
        what = f"there are no images with masks of the same name in {expected}"
        raise TrainingError(what, where=str(folder), fix="Check the folder; a plate and its mask have the same name")
    return clips


def _to_uint8(channel: NDArray[np.float32]) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = np.clip(channel * 255 + 0.5, 0, 255).astype(np.uint8)
    return pixels
