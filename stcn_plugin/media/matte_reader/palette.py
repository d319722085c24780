"""Reads palette images, whose indices OpenImageIO converts to colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image as Pillow

from stcn_plugin.media.images import ImageHeader
from stcn_plugin.media.matte_reader.source import Source
from stcn_plugin.media.matte_reader.values import is_inside
from stcn_plugin.media.opening import RENDER_AGAIN

VOID = 255
"""Index of undecided pixels in video segmentation data sets; an object only if it is selected explicitly."""

MAX_OBJECTS = 64
"""Maximum number of indices or flat colours that are interpreted as objects."""

_FORMATS = {"png": "PNG", "gif": "GIF", "bmp": "BMP", "targa": "TGA", "tiff": "TIFF"}  # OpenImageIO to Pillow names
_TIFF_COLOUR_MAP = 320  # tag
_MIXTURE_TOLERANCE = 12  # 8-bit distance of a mixture from the line between two colours


@dataclass(frozen=True, eq=False)
class Palette:
    """A palette image.

    Args:
        indices: ``(H, W)`` uint8.
        table: ``(256, 4)`` uint8: red, green, blue and alpha of each index.
        defined: Number of colours that the file defines.
    """

    indices: NDArray[np.uint8]
    table: NDArray[np.uint8]
    defined: int

    @cached_property
    def used(self) -> tuple[int, ...]:
        """The indices in use, ascending."""
        return tuple(np.flatnonzero(np.bincount(self.indices.ravel(), minlength=256)).tolist())

    @property
    def opaque(self) -> tuple[int, ...]:
        """The indices in use that are not fully transparent."""
        return tuple(index for index in self.used if self.table[index, 3])

    @property
    def has_colours(self) -> bool:
        """Whether any defined colour, in use or not, is not grey."""
        return not _are_grey(self.table[: self.defined])

    @property
    def is_grey(self) -> bool:
        """Whether all opaque colours in use are grey."""
        return _are_grey(self.table[list(self.opaque)])

    @property
    def is_one_colour(self) -> bool:
        """Whether several indices in use all have the same colour, so that only their numbers differ."""
        return len(self.used) > 1 and len({tuple(self.table[index]) for index in self.used}) == 1

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """The colours of the image, ``(H, W, 4)``."""
        return self.table[self.indices]

    def numbers(self) -> tuple[int, ...]:
        """Return the indices that are objects by convention: all opaque ones except 0 and `VOID`."""
        return tuple(index for index in self.opaque if index not in (0, VOID))

    def ambiguity(self) -> str | None:
        """Return why the indices may not be object numbers; ``None`` if they are."""
        black = [index for index in self.opaque if not self.table[index, :3].any()]
        if self.is_one_colour:
            return None
        if len(self.used) > MAX_OBJECTS:
            return f"the palette image uses {len(self.used)} indices, which cannot all be objects"
        if 0 in self.opaque and 0 not in black:
            return f"index 0, the background by convention, has the colour {self.colour(0)}"
        if 0 not in self.used and black:
            return f"index {black[0]} is black and index 0 does not occur, so the background may be index {black[0]}"
        if not self._has_areas():
            return "the colours of the palette image do not form areas, as in a photograph"
        inside = is_inside(self.indices)
        flat = set(np.flatnonzero(np.bincount(self.indices[inside], minlength=256)).tolist())
        for index in self.numbers():
            if index not in flat and self._is_mixture(index, [other for other in self.used if other in flat]):
                return f"index {index} is a mixture of two other colours, as at an anti-aliased edge"
        return None if self.numbers() or 0 in self.used else f"the only index that occurs is {self.used[0]}"

    def colour(self, index: int) -> str:
        """Return the colour of an index as ``#rrggbb``."""
        return "#" + bytes(self.table[index, :3]).hex()

    def _has_areas(self) -> bool:
        """Whether most object pixels have at least two neighbours of the same index, as even thin lines do."""
        same = np.zeros(self.indices.shape, np.uint8)
        down = self.indices[1:] == self.indices[:-1]
        across = self.indices[:, 1:] == self.indices[:, :-1]
        same[1:] += down
        same[:-1] += down
        same[:, 1:] += across
        same[:, :-1] += across
        foreground = np.isin(self.indices, self.numbers())
        return bool(np.count_nonzero(foreground & (same >= 2)) >= np.count_nonzero(foreground) / 2)

    def _is_mixture(self, index: int, others: Sequence[int]) -> bool:
        """Whether the colour of an index is a mixture of the colours of two others."""
        colour = self.table[index, :3].astype(np.float32)
        ends = [self.table[other, :3].astype(np.float32) for other in others if other != index]
        for place, start in enumerate(ends):
            for end in ends[place + 1 :]:
                line = end - start
                length = float(line @ line)
                along = float((colour - start) @ line) / length if length else -1
                if 0 < along < 1 and float(np.abs(start + along * line - colour).max()) <= _MIXTURE_TOLERANCE:
                    return True
        return False


def read_palette(source: Source, header: ImageHeader) -> Palette | None:
    """Read a palette image by Pillow; ``None`` for other images.

    Raises:
        STCNError: Its pixels are missing or damaged.
    """
    if header.file_format not in _FORMATS:
        return None
    try:
        picture = Pillow.open(header.path, formats=[_FORMATS[header.file_format]])
    except (OSError, ValueError, SyntaxError, PIL.UnidentifiedImageError, Pillow.DecompressionBombError):
        return None
    with picture:
        if picture.mode != "P":
            return None
        try:
            picture.load()
            table = _table(picture)
            indices = np.asarray(picture)
        except Exception as problem:  # noqa: BLE001 - Pillow's decoders raise exceptions of many classes
            raise source.problem(f"pixels are missing or damaged ({problem})", RENDER_AGAIN) from None
    if indices.shape != header.header.data.shape:
        what = f"Pillow reads the image as {indices.shape[1]}x{indices.shape[0]}, OpenImageIO at another size"
        raise source.problem(what, RENDER_AGAIN)
    return Palette(indices, *table)


def _table(picture: Pillow.Image) -> tuple[NDArray[np.uint8], int]:
    """Return the RGBA table of a palette, and the number of colours that it defines."""
    table = np.zeros((256, 4), np.uint8)
    table[:, 3] = 255
    colours = np.reshape(_8_bit_colour_map(picture) or picture.getpalette("RGB") or [], (-1, 3))[:256]
    table[: len(colours), :3] = colours
    alphas = picture.info.get("transparency")
    if isinstance(alphas, bytes):
        table[: len(alphas), 3] = np.frombuffer(alphas[:256], np.uint8)
    elif isinstance(alphas, int) and 0 <= alphas < 256:
        table[alphas, 3] = 0
    elif picture.palette is not None and picture.palette.mode == "RGBA":
        full = np.reshape(picture.getpalette("RGBA") or [], (-1, 4))[:256]
        table[: len(full)] = full
    return table, len(colours)


def _8_bit_colour_map(picture: Pillow.Image) -> list[int] | None:
    """Return the colours of a TIFF whose colour map has 8 bits, as old programs write it; ``None`` for other images."""
    stored = getattr(picture, "tag_v2", {}).get(_TIFF_COLOUR_MAP, ())
    if not stored or max(stored) > 255:
        return None
    red, green, blue = np.reshape(stored, (3, -1)).tolist()
    return [value for colour in zip(red, green, blue, strict=True) for value in colour]


def _are_grey(colours: NDArray[np.uint8]) -> bool:
    return bool((colours[:, :3] == colours[:, :1]).all())
