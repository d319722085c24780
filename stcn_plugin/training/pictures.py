"""What training sees: plates with the masks of their objects, in folders, read once and remembered.

A folder of *clips* has one folder a clip, a folder of *stills* has none; either way plates lie in ``plates/`` and masks
of the same name in ``masks/``. A mask is a grey picture of one object, a palette picture, or layers by name.
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
from stcn_plugin.job.sizes import internal_size
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.oiio_plates import OpenImageIOPlates
from stcn_plugin.media.pixels import place_in_window, resized, to_float

_NUMBER = re.compile(r"(\d+)$")


@dataclass(frozen=True)
class Picture:
    """One plate and its masks.

    Args:
        plate: The file of the plate.
        mask: The file of the masks.
        frame: Its number within the clip.
    """

    plate: Path
    mask: Path
    frame: int = 0


@dataclass(frozen=True)
class Clip:
    """Pictures of one shot, in order; a still is a clip of one.

    Args:
        name: Of the folder, or of the still.
        pictures: By frame number.
        weight: How often it is drawn, beside the others.
    """

    name: str
    pictures: tuple[Picture, ...]
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Pixels:
    """A picture in memory.

    Args:
        rgb: ``(H, W, 3)`` uint8, display sRGB.
        masks: Object name to ``(H, W)`` uint8 coverage, 255 is all.
        shows_all: Whether an object without a mask is known to be absent, as in a palette picture; in layers it may
            just not have been drawn.
    """

    rgb: NDArray[np.uint8]
    masks: Mapping[str, NDArray[np.uint8]]
    shows_all: bool = False

    def tells(self, name: str) -> bool:
        """Whether it is known where an object is, or that it is not there."""
        return self.shows_all or name in self.masks


def find_clips(folder: Path, *, leave_out: Collection[str] = ()) -> tuple[Clip, ...]:
    """Return the clips in a folder, by name.

    Args:
        folder: Has a folder a clip, with ``plates/`` and ``masks/``; frames without a mask are left out.
        leave_out: Names of clips not to return.

    Raises:
        TrainingError: There are none, or one that should be left out is not there.
    """
    folders = {path.parent.name: path.parent for path in sorted(folder.glob("*/plates"))}
    if absent := sorted(set(leave_out) - folders.keys()):
        raise TrainingError(f"there is no clip '{absent[0]}' to leave out", where=str(folder))
    clips = [Clip(name, tuple(_pairs(path))) for name, path in folders.items() if name not in leave_out]
    return _some(tuple(clip for clip in clips if clip.pictures), folder, "<clip>/plates and <clip>/masks")


def find_stills(folder: Path, *, leave_out: Collection[str] = ()) -> tuple[Clip, ...]:
    """Return the stills in a folder, each as a clip of one picture.

    Args:
        folder: Has ``plates/`` and ``masks/``; plates without a mask are left out.
        leave_out: Names of stills, without suffix, not to return.

    Raises:
        TrainingError: There are none, or one that should be left out is not there.
    """
    stills = {picture.plate.stem: Clip(picture.plate.stem, (picture,)) for picture in _pairs(folder)}
    if absent := sorted(set(leave_out) - stills.keys()):
        raise TrainingError(f"there is no still '{absent[0]}' to leave out", where=str(folder))
    kept = tuple(still for name, still in stills.items() if name not in leave_out)
    return _some(kept, folder, "plates and masks")


class PictureReader:
    """Reads pictures at the size that training works at, and remembers the ones read last.

    Args:
        lines: Short side that larger pictures are reduced to.
        remembered: Most pictures kept in memory; at 384 lines one takes about a megabyte.
        colour_space: Of the plates, as in a preset's ``colour.input``.
    """

    def __init__(self, *, lines: int, remembered: int = 1024, colour_space: str = "auto") -> None:
        self._lines = lines
        self._files = OpenImageIOPlates()
        self._colour = ColourTransform(input=colour_space)
        self.read = lru_cache(remembered)(self._read)

    def _read(self, picture: Picture) -> Pixels:
        """Read a picture.

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
            raise TrainingError("the mask has another size than its plate", where=str(picture.mask))
        size = internal_size(stored.header.display, pixel_aspect=1.0, size=str(self._lines))
        return Pixels(
            np.stack([_bytes(resized(channel, size)) for channel in np.moveaxis(rgb, -1, 0)], -1),
            {name: _bytes(resized(mask, size)) for name, mask in masks.items()},
            contents.indexed,
        )


def _pairs(folder: Path) -> Iterator[Picture]:
    """Yield plates that have a mask, in the order of their frame numbers."""
    masks = {path.stem: path for path in (folder / "masks").glob("[!.]*") if path.is_file()}
    plates = sorted(path for path in (folder / "plates").glob("[!.]*") if path.stem in masks)
    numbered = [(_frame(path, place), path) for place, path in enumerate(plates)]
    yield from (Picture(path, masks[path.stem], frame) for frame, path in sorted(numbered))


def _frame(path: Path, place: int) -> int:
    number = _NUMBER.search(path.stem)
    return int(number[1]) if number else place


def _some(clips: tuple[Clip, ...], folder: Path, expected: str) -> tuple[Clip, ...]:
    if not clips:
        what = f"there are no pictures with masks of the same name in {expected}"
        raise TrainingError(what, where=str(folder), fix="Check the folder; frames and masks pair up by name")
    return clips


def _bytes(channel: NDArray[np.float32]) -> NDArray[np.uint8]:
    scaled: NDArray[np.uint8] = np.clip(channel * 255 + 0.5, 0, 255).astype(np.uint8)
    return scaled
