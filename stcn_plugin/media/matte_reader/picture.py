"""An image without layers, and the mattes in its alpha, grey, object numbers or flat colours."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import STCNError
from stcn_plugin.media.images import ImageHeader
from stcn_plugin.media.matte_reader.colours import FlatColours
from stcn_plugin.media.matte_reader.interpretation import (
    Interpretation,
    interpret_colours,
    interpret_grey,
    interpret_palette,
    unclear,
    whole_numbers,
)
from stcn_plugin.media.matte_reader.palette import Palette
from stcn_plugin.media.matte_reader.source import Plane, Source, plane_of
from stcn_plugin.media.matte_reader.values import PixelValues, classify_values
from stcn_plugin.media.pixels import to_float

_GREY_TOLERANCE = 0.01  # lossy compression makes the channels of a grey differ slightly
_BOGUS_ALPHA = ("targa", "bmp")  # formats whose fourth byte is often 0 throughout, contrary to the header


class Picture:
    """An image without layers, or the main layer of an EXR.

    Args:
        source: The file.
        header: The header of its part.
        planes: ``(H, W)`` as stored: ``r``, ``g`` and ``b``, or ``y``; optionally ``a``.
        grey_channel: Name of the channel that selects a grey image.
        palette: The palette and its indices, if ``planes`` are the colours of a palette image.
        choice_error: The error that asks the user to choose a channel.
    """

    def __init__(
        self,
        source: Source,
        header: ImageHeader,
        planes: Mapping[str, NDArray[Any]],
        *,
        grey_channel: str,
        palette: Palette | None = None,
        choice_error: STCNError,
    ) -> None:
        self._source = source
        self._header = header
        self._planes = planes
        self._grey_channel = grey_channel
        self._palette = palette
        self._choice_error = choice_error

    @cached_property
    def interpretation(self) -> Interpretation:
        """What kind of matte image this is."""
        if self._palette is not None:
            return interpret_palette(self._source, self._palette, self._grey_channel)
        alpha, grey = self._planes.get("a"), self._grey
        if alpha is not None and self._has_information(alpha):
            if grey is not None and _is_key(alpha, grey):
                what = "grey and alpha of the image differ, and either may be the matte"
                name = self._source.path.name
                return unclear(self._source, what, f"Choose one: {name}:A or {name}:{self._grey_channel}")
            return Interpretation("matte", alpha)
        if grey is not None:
            return interpret_grey(self._source, grey, self._grey_channel)
        return interpret_colours(self._source, self._flat.names if "r" in self._planes else (), self._choice_error)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The distinct values or indices above 0, whether or not they are object numbers."""
        if self._palette is not None:
            return tuple(index for index in self._palette.used if index)
        if self._grey is None:
            return ()
        return self._pixel_values.present if self._pixel_values is not None else whole_numbers(self._grey)

    @property
    def is_blank(self) -> bool:
        """Whether the image is background alone."""
        interpretation = self.interpretation
        if self._palette is not None:
            return interpretation.kind == "nothing" and not self.numbers
        if interpretation.matte is None or interpretation.kind not in ("nothing", "matte"):
            return False
        colours = (plane for short, plane in self._planes.items() if short != "a")
        return not interpretation.matte.any() and not any(plane.any() for plane in colours)

    def matte(self) -> Plane:
        """Return the matte.

        Raises:
            STCNError: The image cannot be read as a matte.
        """
        if self.interpretation.matte is not None:
            return plane_of(self.interpretation.matte, self._header)
        raise self.interpretation.error or self._choice_error

    def only_object(self) -> Plane | None:
        """Return the matte of the only object, in whatever form it is stored; ``None`` if there are several."""
        interpretation = self.interpretation
        if interpretation.kind in ("matte", "nothing"):
            return self.matte()
        if interpretation.kind == "unclear" and (self._palette is not None or self._grey is None):
            names = self._flat.names if "r" in self._planes else []
            is_alone = len(names) == 1 and self._flat.cover_picture and self._flat.has_background
            return self.colours({"": names[0]})[""] if is_alone else None
        numbers = interpretation.numbers or self.numbers
        return self.number(numbers[0]) if len(numbers) == 1 else None

    def number(self, number: int) -> Plane:
        """Return the matte of an object by its number.

        Raises:
            STCNError: The image has no such number, or is not a label image.
        """
        values: NDArray[Any] | None = self._grey if self._palette is None else self._palette.indices
        if values is None or (self._palette is None and not self.numbers):
            raise self._choice_error
        classified = self._pixel_values if self._palette is None else None
        if classified is not None and classified.kind == "coverage" and len(classified.present) > 1:
            what = f"the image is a soft matte, which has no object number {number}"
            fix = f"Choose its channel, such as {self._source.path.name}:{self._grey_channel}, or list one name"
            raise self._source.problem(what, fix)
        mask = np.equal(values, number)
        if not mask.any():
            kind = "number" if self._palette is None else "index"
            raise self._source.not_found(kind, str(number), map(str, self.numbers))
        return Plane(mask.astype(np.float32), self._header, self._note_on(number))

    def colours(self, wanted: Mapping[str, str]) -> dict[str, Plane]:
        """Return the mattes of objects by their flat colours.

        Args:
            wanted: Key to colour, ``#rrggbb``.

        Raises:
            STCNError: A colour is absent, or edges are anti-aliased.
        """
        found = self._flat.read(self._source, wanted)
        return {key: Plane(matte, self._header) for key, matte in found.items()}

    @cached_property
    def _grey(self) -> NDArray[Any] | None:
        """The grey values; ``None`` if the image is coloured."""
        if "y" in self._planes:
            return self._planes["y"]
        if "r" not in self._planes:
            return None
        red, green, blue = (self._planes[short] for short in "rgb")
        if np.array_equal(red, green) and np.array_equal(blue, green):
            return green
        # NaN or infinity in all three channels is grey.
        clipped = [np.nan_to_num(to_float(plane).clip(0, 1)) for plane in (red, green, blue)]
        difference = max(float(np.abs(clipped[0] - clipped[1]).max()), float(np.abs(clipped[2] - clipped[1]).max()))
        maximum = max(float(plane.max()) for plane in clipped)  # object numbers in one channel are small, but not grey
        return green if difference <= _GREY_TOLERANCE * maximum else None

    @cached_property
    def _pixel_values(self) -> PixelValues | None:
        """The classified grey values; ``None`` for floats."""
        if self._grey is None or not np.issubdtype(self._grey.dtype, np.integer):
            return None
        return classify_values(self._grey)

    @cached_property
    def _flat(self) -> FlatColours:
        colours = "rgb" if "r" in self._planes else "yyy"
        shorts = f"{colours}a" if "a" in self._planes else colours
        return FlatColours([self._planes[short] for short in shorts])

    def _note_on(self, number: int) -> str | None:
        """Return a warning if a selected index is black and another one is white."""
        palette = self._palette
        if palette is None or not palette.is_grey or palette.table[number, :3].any():
            return None
        white = [index for index in palette.used if palette.table[index, :3].min() == 255]
        return f"index {number} is black, and white is index {white[0]}" if white else None

    def _has_information(self, alpha: NDArray[Any]) -> bool:
        """Whether an alpha holds information, and is not the same everywhere."""
        if len(self._planes) == 1:
            return True
        lowest, highest = alpha.min(), alpha.max()
        if lowest != highest:
            return True
        display, data = self._header.header.display, self._header.header.data
        if to_float(np.atleast_1d(highest))[0] >= 1:
            return data.intersection(display) != display  # it is 0 outside the data window
        return bool(highest == 0) and self._header.file_format not in _BOGUS_ALPHA


def _is_key(alpha: NDArray[Any], grey: NDArray[Any]) -> bool:
    """Whether a hard alpha covers exactly the non-black pixels of a soft grey matte, as PNG's transparent colour does."""
    if not np.issubdtype(alpha.dtype, np.integer) or alpha.dtype != grey.dtype:
        return False
    white = np.iinfo(alpha.dtype).max
    is_hard = bool(((alpha == 0) | (alpha == white)).all())
    is_soft = bool(((grey > 0) & (grey < white)).any())
    return is_hard and is_soft and bool(cast("NDArray[np.bool_]", (alpha > 0) == (grey > 0)).all())
