"""Palette pictures: their indices, which OpenImageIO turns into colours, and what the palette says of them."""

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

VOID = 255
"""Index that data sets of video segmentation give to pixels nobody decided about; an object only where it is named."""

MAX_OBJECTS = 64
"""Indices or flat colours up to which a picture is taken for a picture of objects."""

_FORMATS = {"png": "PNG", "gif": "GIF", "bmp": "BMP", "targa": "TGA", "tiff": "TIFF"}  # of OpenImageIO and of Pillow
_NEAR = 12  # 8-bit levels off the line between two colours that still are a mixture of them


@dataclass(frozen=True, eq=False)
class Palette:
    """A palette picture.

    Args:
        indices: ``(H, W)`` uint8.
        table: ``(256, 4)`` uint8: red, green, blue and alpha of each index.
        defined: How many indices the file gives a colour.
    """

    indices: NDArray[np.uint8]
    table: NDArray[np.uint8]
    defined: int

    @cached_property
    def used(self) -> tuple[int, ...]:
        """Indices that occur, ascending."""
        return tuple(np.flatnonzero(np.bincount(self.indices.ravel(), minlength=256)).tolist())

    @property
    def opaque(self) -> tuple[int, ...]:
        """Indices that occur and are not fully transparent."""
        return tuple(index for index in self.used if self.table[index, 3])

    @property
    def has_colours(self) -> bool:
        """Whether any index that the file defines, used or not, has a colour that is not grey."""
        return not _are_grey(self.table[: self.defined])

    @property
    def is_grey(self) -> bool:
        """Whether all colours that occur are grey."""
        return _are_grey(self.table[list(self.opaque)])

    @property
    def is_one_colour(self) -> bool:
        """Whether all indices that occur have one colour, so that only their numbers tell them apart."""
        return len(self.used) > 1 and len({tuple(self.table[index]) for index in self.used}) == 1

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """The picture in colours, ``(H, W, 4)``."""
        return self.table[self.indices]

    def numbers(self) -> tuple[int, ...]:
        """Return the indices that are objects by convention: all that occur but 0, the void, and transparent ones."""
        return tuple(index for index in self.opaque if index not in (0, VOID))

    def ambiguity(self) -> str | None:
        """Tell why the indices may not be the numbers of objects; ``None`` where they are."""
        black = [index for index in self.opaque if not self.table[index, :3].any()]
        if self.is_one_colour:
            return None
        if len(self.used) > MAX_OBJECTS:
            return f"the palette picture uses {len(self.used)} indices, which cannot all be objects"
        if 0 in self.opaque and 0 not in black:
            return f"index 0, the background by convention, has the colour {self.colour(0)}"
        if 0 not in self.used and black:
            return f"index {black[0]} is black and index 0 does not occur, so the background may be index {black[0]}"
        if not self._has_areas():
            return "the colours of the palette picture form no areas, as of a photograph"
        inside = is_inside(self.indices)
        flat = set(np.flatnonzero(np.bincount(self.indices[inside], minlength=256)).tolist())
        for index in self.numbers():
            if index not in flat and self._is_mixture(index, [other for other in self.used if other in flat]):
                return f"index {index} is a mixture of two other colours, as at an anti-aliased edge"
        return None if self.numbers() or 0 in self.used else f"the only index that occurs is {self.used[0]}"

    def colour(self, index: int) -> str:
        """Return a colour as ``#rrggbb``."""
        return "#" + bytes(self.table[index, :3]).hex()

    def _has_areas(self) -> bool:
        """Whether most pixels of objects have two neighbours of their own index at least, as even a line's have."""
        same = np.zeros(self.indices.shape, np.uint8)
        down = self.indices[1:] == self.indices[:-1]
        across = self.indices[:, 1:] == self.indices[:, :-1]
        same[1:] += down
        same[:-1] += down
        same[:, 1:] += across
        same[:, :-1] += across
        shown = np.isin(self.indices, self.numbers())
        return bool(np.count_nonzero(shown & (same >= 2)) >= np.count_nonzero(shown) / 2)

    def _is_mixture(self, index: int, others: Sequence[int]) -> bool:
        """Whether a colour lies between two others."""
        colour = self.table[index, :3].astype(np.float32)
        ends = [self.table[other, :3].astype(np.float32) for other in others if other != index]
        for place, start in enumerate(ends):
            for end in ends[place + 1 :]:
                line = end - start
                length = float(line @ line)
                along = float((colour - start) @ line) / length if length else -1
                if 0 < along < 1 and float(np.abs(start + along * line - colour).max()) <= _NEAR:
                    return True
        return False


def read_palette(source: Source, header: ImageHeader) -> Palette | None:
    """Read a palette picture by Pillow; ``None`` for every other one.

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
        except Exception as problem:  # noqa: BLE001 - Pillow's decoders raise whatever they meet
            raise source.problem(
                f"pixels are missing or damaged ({problem})",
                "Write the file again; it may still be copying or rendering",
            ) from None
    if indices.shape != header.header.data.shape:
        what = f"the picture is {indices.shape[1]}x{indices.shape[0]} by one reader, but not by another"
        raise source.problem(what, "Write the file again; it may still be copying or rendering")
    return Palette(indices, *table)


def _table(picture: Pillow.Image) -> tuple[NDArray[np.uint8], int]:
    """Return the colours of a palette with their alpha, and how many it defines."""
    table = np.zeros((256, 4), np.uint8)
    table[:, 3] = 255
    colours = np.reshape(picture.getpalette("RGB") or [], (-1, 3))[:256]
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


def _are_grey(colours: NDArray[np.uint8]) -> bool:
    return bool((colours[:, :3] == colours[:, :1]).all())
