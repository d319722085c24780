"""One picture without layers: its alpha, its grey, the numbers of its objects, or their flat colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import STCNError
from stcn_plugin.media.images import ImageHeader, to_float
from stcn_plugin.media.matte_reader.colours import FlatColours
from stcn_plugin.media.matte_reader.levels import Levels, is_whole, levels_of
from stcn_plugin.media.matte_reader.palette import MOST_OBJECTS, VOID, Palette
from stcn_plugin.media.matte_reader.source import Plane, Source, listed, plane_of

GREY_TOLERANCE = 0.01
"""Difference of colours that still are grey: lossy compression moves them a little apart."""

_BOGUS_ALPHA = ("targa", "bmp")  # their fourth byte often is 0 all over, whatever the header says
_MOST_SUGGESTED = 8


@dataclass(frozen=True, eq=False)
class Reading:
    """What a picture without layers is taken for.

    Args:
        kind: ``matte``: one matte; ``numbers``: a number for each object; ``nothing``: background alone; ``unclear``.
        matte: The one matte as it is stored; of an unclear picture, what it is if it is one.
        numbers: Numbers of its objects.
        is_certain: Whether the file format says that these are numbers, not only the values.
        doubt: What an unclear picture is refused with.
    """

    kind: Literal["matte", "numbers", "nothing", "unclear"]
    matte: NDArray[Any] | None = None
    numbers: tuple[int, ...] = ()
    is_certain: bool = False
    doubt: STCNError | None = None


class Picture:
    """A picture without layers, or what an EXR holds beside its layers.

    Args:
        source: The file.
        header: The header of its part.
        planes: ``(H, W)`` as stored: ``r``, ``g`` and ``b``, or ``y``; and ``a``.
        palette: Indices of a palette picture, whose colours the planes are.
        choose: The error that asks for a channel.
    """

    def __init__(
        self,
        source: Source,
        header: ImageHeader,
        planes: Mapping[str, NDArray[Any]],
        *,
        palette: Palette | None = None,
        choose: STCNError,
    ) -> None:
        self._source = source
        self._header = header
        self._planes = planes
        self._palette = palette
        self._choose = choose

    @cached_property
    def reading(self) -> Reading:
        """What the picture is taken for."""
        if self._palette is not None:
            return self._reading_of_palette(self._palette)
        alpha, grey = self._planes.get("a"), self._grey
        if alpha is not None and self._says_something(alpha):
            if grey is not None and _is_key(alpha, grey):
                what = "grey and alpha of the picture differ, and either may be the matte"
                return self._unclear(what, f"Choose one: {self._name}:A or {self._name}:R")
            return Reading("matte", alpha)
        if grey is None:
            return Reading("unclear", doubt=self._colours_doubt())
        return self._reading_of_grey(grey)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers above 0 that the picture holds, whatever they mean."""
        if self._palette is not None:
            return tuple(index for index in self._palette.used if index)
        if self._levels is not None:
            return self._levels.present
        if self._grey is None or not self._has_whole_floats:
            return ()
        return tuple(int(value) for value in np.unique(self._grey[np.isfinite(self._grey)]) if value > 0)

    def matte(self) -> Plane:
        """Return the one matte.

        Raises:
            STCNError: The picture does not say what it is.
        """
        if self.reading.matte is not None:
            return plane_of(self.reading.matte, self._header)
        raise self.reading.doubt or self._choose

    def only_object(self) -> Plane | None:
        """Return the matte of the one object that the picture shows, if it shows one and no more, however it is stored."""
        reading = self.reading
        if reading.kind in ("matte", "nothing"):
            return self.matte()
        numbers = reading.numbers if reading.kind == "numbers" else self.numbers
        if reading.kind == "unclear" and (self._palette is not None or self._grey is None):
            names = self._flat.names if "r" in self._planes else []
            if len(names) == 1 and self._flat.are_all and self._flat.has_background:
                return self.colours({"": names[0]})[""]
            return None
        return self.number(numbers[0]) if len(numbers) == 1 else None

    def number(self, number: int) -> Plane:
        """Return the matte of an object by its number.

        Raises:
            STCNError: There is no such number.
        """
        values = self._grey if self._palette is None else self._palette.indices
        if values is None or (self._palette is None and self._levels is None and not self._has_whole_floats):
            raise self._choose
        levels = self._levels if self._palette is None else None
        if levels is not None and levels.kind == "coverage" and len(levels.present) > 1:
            what = f"the picture is a soft matte, which has no object numbered {number}"
            raise self._source.problem(what, f"Choose its channel, such as {self._name}:Y, or list one name")
        mine = values == number
        if not mine.any():
            raise self._source.unknown(
                "number" if self._palette is None else "index", str(number), [str(each) for each in self.numbers]
            )
        return Plane(mine.astype(np.float32), self._header, self._note_on(number))

    def colours(self, wanted: Mapping[str, str]) -> dict[str, Plane]:
        """Return the mattes of objects by their flat colours.

        Args:
            wanted: Any keys, with colours ``#rrggbb``.

        Raises:
            STCNError: A colour is absent, or edges are anti-aliased.
        """
        found = self._flat.read(self._source, wanted)
        return {key: Plane(matte, self._header) for key, matte in found.items()}

    def _note_on(self, number: int) -> str | None:
        """Tell what is odd about an index: in a black and white palette it may be the other one that was meant."""
        palette = self._palette
        if palette is None or not palette.is_grey or palette.table[number, :3].any():
            return None
        white = [index for index in palette.used if palette.table[index, :3].min() == 255]
        return f"index {number} is black, and white is index {white[0]}" if white else None

    @property
    def _name(self) -> str:
        return self._source.path.name

    @cached_property
    def _grey(self) -> NDArray[Any] | None:
        """The grey of the picture, ``None`` where it is coloured."""
        if "y" in self._planes:
            return self._planes["y"]
        if "r" not in self._planes:
            return None
        red, green, blue = (self._planes[short] for short in "rgb")
        if np.array_equal(red, green) and np.array_equal(blue, green):
            return green
        # Three NaN, or three infinities, are as grey as three zeros.
        seen = [np.nan_to_num(to_float(plane).clip(0, 1)) for plane in (red, green, blue)]
        apart = max(float(np.abs(seen[0] - seen[1]).max()), float(np.abs(seen[2] - seen[1]).max()))
        return green if apart <= GREY_TOLERANCE else None

    @cached_property
    def _levels(self) -> Levels | None:
        """What the grey values mean, ``None`` for floats."""
        if self._grey is None or not np.issubdtype(self._grey.dtype, np.integer):
            return None
        return levels_of(self._grey)

    @cached_property
    def _has_whole_floats(self) -> bool:
        return self._grey is not None and self._levels is None and is_whole(to_float(self._grey))

    @cached_property
    def _flat(self) -> FlatColours:
        shorts = ["r", "g", "b"] if "r" in self._planes else ["y"] * 3
        return FlatColours(
            np.stack([self._planes[short] for short in (*shorts, *("a" if "a" in self._planes else ""))], -1)
        )

    def _says_something(self, alpha: NDArray[Any]) -> bool:
        """Whether an alpha is a matte, and not the same all over."""
        if len(self._planes) == 1:
            return True
        lowest, highest = alpha.min(), alpha.max()
        if lowest != highest:
            return True
        display, data = self._header.header.display, self._header.header.data
        if to_float(np.atleast_1d(highest))[0] >= 1:
            return data.intersection(display) != display  # around the data window it is 0
        return bool(highest == 0) and self._header.file_format not in _BOGUS_ALPHA

    def _reading_of_grey(self, grey: NDArray[Any]) -> Reading:
        levels = self._levels
        if levels is None:
            if self._has_whole_floats:
                top = self.numbers[-1]
                what = f"the values of the picture are whole numbers up to {top}, not coverage from 0 to 1"
                fix = f"Divide them by the value of full coverage, such as {top}. {self._numbers_fix(self.numbers)}"
                return self._unclear(what, fix, matte=grey)
            return Reading("matte", grey)
        if levels.kind in ("coverage", "nothing"):
            return Reading("matte" if levels.present else "nothing", grey)
        numbers = tuple(number for number in levels.present if number != VOID)
        if levels.kind == "numbers" and numbers:
            return Reading("numbers", grey, numbers)
        if levels.present[-1] < levels.white / 10:
            what = f"the highest value of the picture is {levels.present[-1]} of {levels.white}"
            fix = f"{self._numbers_fix(levels.present)}. Else write the matte from 0 to {levels.white}"
        else:
            shown = listed(str(each) for each in levels.present[:_MOST_SUGGESTED])
            what = f"the grey picture has flat areas ({shown} of {levels.white}): coverage, or the numbers of objects"
            fix = f"{self._numbers_fix(levels.present)}. To take it as coverage, choose its channel: {self._name}:Y"
        return self._unclear(what, fix, matte=grey)

    def _reading_of_palette(self, palette: Palette) -> Reading:
        """Tell a matte that was saved with a palette from indices that number objects."""
        alphas = {int(palette.table[index, 3]) for index in palette.used}
        is_cut_out = 0 in alphas and len(palette.opaque) > 0
        alpha = self._planes["a"]
        if len(alphas - {0}) > 1:
            return Reading("matte", alpha)
        if is_cut_out:
            colours = {palette.colour(index) for index in palette.opaque}
            if len(colours) == 1 or palette.doubt() is not None:
                return self._reading_of_grey_alpha(alpha)
        elif palette.is_grey and not palette.says_nothing:
            grey = self._planes["r"]
            reading = self._reading_of_grey(grey)
            if reading.kind in ("matte", "nothing"):
                return reading
            if not palette.has_colours and (reading.kind == "unclear" or not np.array_equal(grey, palette.indices)):
                return reading
        if (doubt := palette.doubt()) is not None:
            names = listed(f"{index} ({palette.colour(index)})" for index in palette.used[:MOST_OBJECTS])
            fix = f"Name the indices or colours that are objects, such as hero: {palette.used[-1]}. It has: {names}"
            return self._unclear(doubt, fix)
        numbers = palette.numbers()
        return Reading("numbers" if numbers else "nothing", self._planes["r"], numbers, is_certain=palette.has_colours)

    def _reading_of_grey_alpha(self, alpha: NDArray[Any]) -> Reading:
        """Return the reading of a palette whose visible colours share one alpha; a translucent one may mean anything."""
        if alpha.max() == np.iinfo(alpha.dtype).max:
            return Reading("matte", alpha)
        what = f"all that shows in the picture has the alpha {int(alpha.max())} of 255"
        return self._unclear(
            what, f"Name the indices that are objects, or choose the channel: {self._name}:A", matte=alpha
        )

    def _numbers_fix(self, numbers: tuple[int, ...]) -> str:
        shown = listed(str(number) for number in numbers[:_MOST_SUGGESTED]) + (
            " ..." if len(numbers) > _MOST_SUGGESTED else ""
        )
        return f"If its values number the objects, name them, such as objects: {{hero: {numbers[0]}}}. It has: {shown}"

    def _colours_doubt(self) -> STCNError:
        names = self._flat.names if "r" in self._planes else []
        if 0 < len(names) <= MOST_OBJECTS:
            fix = (
                f"Name its objects by their colours, such as hero: '{names[0]}'. Its flat colours are: {listed(names)}"
            )
            return self._source.problem("the picture is coloured, and no colour of it has an object's name", fix)
        return self._choose

    def _unclear(self, what: str, fix: str, *, matte: NDArray[Any] | None = None) -> Reading:
        return Reading("unclear", matte, doubt=self._source.problem(what, fix))


def _is_key(alpha: NDArray[Any], grey: NDArray[Any]) -> bool:
    """Whether an alpha only cuts out what is not black of a soft grey matte, as PNG's transparent colour does."""
    if not np.issubdtype(alpha.dtype, np.integer) or alpha.dtype != grey.dtype:
        return False
    white = np.iinfo(alpha.dtype).max
    is_hard = bool(((alpha == 0) | (alpha == white)).all())
    is_soft = bool(((grey > 0) & (grey < white)).any())
    return is_hard and is_soft and bool(cast("NDArray[np.bool_]", (alpha > 0) == (grey > 0)).all())
