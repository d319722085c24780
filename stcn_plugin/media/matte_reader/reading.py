"""What a picture without layers is taken for, and what it is refused with where it could be two things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import STCNError
from stcn_plugin.media.images import to_float
from stcn_plugin.media.matte_reader.levels import is_whole, levels_of
from stcn_plugin.media.matte_reader.palette import MOST_OBJECTS, VOID, Palette
from stcn_plugin.media.matte_reader.source import Source, listed

_MOST_SUGGESTED = 8
_DARK = 0.1  # share of white below which a whole picture is too dark to be a matte


@dataclass(frozen=True, eq=False)
class Reading:
    """What a picture is taken for.

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


def reading_of_grey(source: Source, grey: NDArray[Any], channel: str) -> Reading:
    """Tell a soft matte from the numbers of objects.

    Args:
        source: The file, for errors.
        grey: ``(H, W)`` as stored.
        channel: Name of the channel that it is.
    """
    if not np.issubdtype(grey.dtype, np.integer):
        return _reading_of_floats(source, grey)
    levels = levels_of(grey)
    if levels.kind in ("coverage", "nothing"):
        return Reading("matte" if levels.present else "nothing", grey)
    numbers = tuple(number for number in levels.present if number != VOID)
    if levels.kind == "numbers" and numbers:
        return Reading("numbers", grey, numbers)
    if levels.present[-1] < _DARK * levels.white:
        what = f"the highest value of the picture is {levels.present[-1]} of {levels.white}"
        fix = f"{_number_advice(levels.present)}. Else write the matte from 0 to {levels.white}"
    else:
        what = f"the grey picture has flat areas ({_some(levels.present)} of {levels.white}): coverage, or the numbers of objects"
        fix = f"{_number_advice(levels.present)}. {_channel_advice(source, channel)}"
    return unclear(source, what, fix, matte=grey)


def reading_of_palette(source: Source, palette: Palette, channel: str) -> Reading:
    """Tell a matte that was saved with a palette from indices that number objects.

    Args:
        source: The file, for errors.
        palette: The picture.
        channel: Name of a channel that has its greys.
    """
    brightest = max(palette.used, key=lambda index: int(palette.table[index, :3].sum()))
    known = listed(f"{index} ({palette.colour(index)})" for index in palette.used[:MOST_OBJECTS])
    fix = f"Name the indices or colours that are objects, such as hero: {brightest}. It has: {known}"
    alpha, grey = palette.pixels[..., 3], palette.pixels[..., 0]
    alphas = {int(palette.table[index, 3]) for index in palette.used}
    if len(alphas - {0}) > 1:
        return Reading("matte", alpha)
    if 0 in alphas and palette.opaque:
        if len({palette.colour(index) for index in palette.opaque}) == 1 or palette.doubt() is not None:
            return _reading_of_cut_out(source, alpha)
    elif palette.is_grey and not palette.says_nothing:
        reading = reading_of_grey(source, grey, channel)
        if reading.kind in ("matte", "nothing"):
            return reading
        if not palette.has_colours and (reading.kind == "unclear" or not np.array_equal(grey, palette.indices)):
            what = "the palette picture has flat greys: coverage, or the numbers of objects"
            return unclear(source, what, f"{fix}. {_channel_advice(source, channel)}", matte=grey)
    if (doubt := palette.doubt()) is not None:
        return replace(unclear(source, doubt, fix), is_certain=palette.has_colours)
    numbers = palette.numbers()
    return Reading("numbers" if numbers else "nothing", grey, numbers, is_certain=palette.has_colours)


def reading_of_colours(source: Source, flat: Sequence[str], choose: STCNError) -> Reading:
    """Return the reading of a picture in colour: its flat colours are objects once they are named.

    Args:
        source: The file, for errors.
        flat: Its flat colours.
        choose: The error that asks for a channel.
    """
    if not 0 < len(flat) <= MOST_OBJECTS:
        return Reading("unclear", doubt=choose)
    what = "the picture is coloured, and no colour of it has an object's name"
    fix = f"Name its objects by their colours, such as hero: '{flat[0]}'. Its flat colours are: {listed(flat)}"
    return unclear(source, what, fix)


def unclear(source: Source, what: str, fix: str, *, matte: NDArray[Any] | None = None) -> Reading:
    """Return the reading of a picture that does not say what it is."""
    return Reading("unclear", matte, doubt=source.problem(what, fix))


def whole_numbers(values: NDArray[Any]) -> tuple[int, ...]:
    """Return the numbers above 0 in a picture of whole floats; none where there are others.

    Args:
        values: ``(H, W)`` floats.
    """
    if not is_whole(to_float(values)):
        return ()
    return tuple(int(value) for value in np.unique(values[np.isfinite(values)]) if value > 0)


def _reading_of_floats(source: Source, grey: NDArray[Any]) -> Reading:
    numbers = whole_numbers(grey)
    if not numbers:
        return Reading("matte", grey)
    what = f"the values of the picture are whole numbers up to {numbers[-1]}, not coverage from 0 to 1"
    fix = f"Divide them by the value of full coverage, such as {numbers[-1]}. {_number_advice(numbers)}"
    return unclear(source, what, fix, matte=grey)


def _reading_of_cut_out(source: Source, alpha: NDArray[Any]) -> Reading:
    """Return the reading of colours of one alpha over nothing; a translucent one may mean anything."""
    if alpha.max() == np.iinfo(alpha.dtype).max:
        return Reading("matte", alpha)
    what = f"all that shows in the picture has the alpha {int(alpha.max())} of 255"
    fix = f"Name the indices that are objects, or choose the channel: {source.path.name}:A"
    return unclear(source, what, fix, matte=alpha)


def _number_advice(numbers: Sequence[int]) -> str:
    return f"If its values number the objects, name them, such as objects: {{hero: {numbers[0]}}}. It has: {_some(numbers)}"


def _channel_advice(source: Source, channel: str) -> str:
    return f"To take it as coverage, choose its channel: {source.path.name}:{channel}"


def _some(numbers: Sequence[int]) -> str:
    shown = listed(str(number) for number in numbers[:_MOST_SUGGESTED])
    return f"{shown}, ..." if len(numbers) > _MOST_SUGGESTED else shown
