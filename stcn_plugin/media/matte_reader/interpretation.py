"""Decides whether an image without layers is a matte or a label image, or raises an error if it is ambiguous."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import STCNError
from stcn_plugin.media.matte_reader.palette import MAX_OBJECTS, VOID, Palette
from stcn_plugin.media.matte_reader.source import Source, listed
from stcn_plugin.media.matte_reader.values import classify_values, is_whole
from stcn_plugin.media.pixels import to_float

_MAX_SUGGESTED = 8
_DARK = 0.1  # share of white; an image with a lower maximum is too dark to be a matte


@dataclass(frozen=True, eq=False)
class Interpretation:
    """What kind of matte image an image is.

    Args:
        kind: ``matte``: one matte; ``numbers``: numbered objects; ``nothing``: only background; ``unclear``: ambiguous.
        matte: The matte as stored; for an unclear image, the matte that it may be.
        numbers: Numbers of the objects.
        is_certain: Whether ``numbers`` follows from the file format, and not only from pixel values.
        error: The error to raise for an unclear image.
    """

    kind: Literal["matte", "numbers", "nothing", "unclear"]
    matte: NDArray[Any] | None = None
    numbers: tuple[int, ...] = ()
    is_certain: bool = False
    error: STCNError | None = None


def interpret_grey(source: Source, grey: NDArray[Any], channel: str) -> Interpretation:
    """Distinguish soft mattes from object numbers.

    Args:
        source: The file, for errors.
        grey: ``(H, W)`` as stored.
        channel: Name of its channel.
    """
    if not np.issubdtype(grey.dtype, np.integer):
        return _interpret_floats(source, grey)
    values = classify_values(grey)
    if values.kind in ("coverage", "nothing"):
        return Interpretation("matte" if values.present else "nothing", grey)
    numbers = tuple(number for number in values.present if number != VOID)
    if values.kind == "numbers" and numbers:
        return Interpretation("numbers", grey, numbers)
    if values.present[-1] < _DARK * values.white:
        what = f"the highest value of the image is {values.present[-1]} of {values.white}"
        fix = f"{_number_fix(values.present)}. Else write the matte from 0 to {values.white}"
    else:
        what = (
            f"the grey image has flat areas ({_some_of(values.present)} of {values.white}): coverage or object numbers"
        )
        fix = f"{_number_fix(values.present)}. {_channel_fix(source, channel)}"
    return unclear(source, what, fix, matte=grey)


def interpret_palette(source: Source, palette: Palette, channel: str) -> Interpretation:
    """Distinguish mattes that were saved with a palette from indices that are object numbers.

    Args:
        source: The file, for errors.
        palette: The image.
        channel: Name of the channel that selects its greys.
    """
    brightest = max(palette.used, key=lambda index: int(palette.table[index, :3].sum()))
    known = listed(f"{index} ({palette.colour(index)})" for index in palette.used[:MAX_OBJECTS])
    fix = f"Name the indices or colours that are objects, such as hero: {brightest}. It has: {known}"
    alpha, grey = palette.pixels[..., 3], palette.pixels[..., 0]
    alphas = {int(palette.table[index, 3]) for index in palette.used}
    if len(alphas - {0}) > 1:
        return Interpretation("matte", alpha)
    if 0 in alphas and palette.opaque:
        if len({palette.colour(index) for index in palette.opaque}) == 1 or palette.ambiguity() is not None:
            return _interpret_cut_out(source, alpha)
    elif palette.is_grey and not palette.is_one_colour:
        interpretation = interpret_grey(source, grey, channel)
        if interpretation.kind in ("matte", "nothing"):
            return interpretation
        if not palette.has_colours and (interpretation.kind == "unclear" or not np.array_equal(grey, palette.indices)):
            what = "the palette image has flat greys: coverage or object numbers"
            return unclear(source, what, f"{fix}. {_channel_fix(source, channel)}", matte=grey)
    if (ambiguity := palette.ambiguity()) is not None:
        return replace(unclear(source, ambiguity, fix), is_certain=palette.has_colours)
    numbers = palette.numbers()
    return Interpretation("numbers" if numbers else "nothing", grey, numbers, is_certain=palette.has_colours)


def interpret_colours(source: Source, flat: Sequence[str], choice_error: STCNError) -> Interpretation:
    """Interpret a coloured image: always unclear, since its flat colours are objects only if they are named.

    Args:
        source: The file, for errors.
        flat: Its flat colours.
        choice_error: The error that asks the user to choose a channel.
    """
    if not 0 < len(flat) <= MAX_OBJECTS:
        return Interpretation("unclear", error=choice_error)
    what = "the image is coloured, and none of its colours is named as an object"
    fix = f"Name its objects by their colours, such as hero: '{flat[0]}'. Its flat colours are: {listed(flat)}"
    return unclear(source, what, fix)


def unclear(source: Source, what: str, fix: str, *, matte: NDArray[Any] | None = None) -> Interpretation:
    """Return the interpretation of an ambiguous image."""
    return Interpretation("unclear", matte, error=source.problem(what, fix))


def whole_numbers(values: NDArray[Any]) -> tuple[int, ...]:
    """Return the distinct numbers above 0 in an image of whole floats; empty if not all are whole.

    Args:
        values: ``(H, W)`` floats.
    """
    if not is_whole(to_float(values)):
        return ()
    return tuple(int(value) for value in np.unique(values[np.isfinite(values)]) if value > 0)


def _interpret_floats(source: Source, grey: NDArray[Any]) -> Interpretation:
    numbers = whole_numbers(grey)
    if not numbers:
        return Interpretation("matte", grey)
    what = f"the values of the image are whole numbers up to {numbers[-1]}, not coverage from 0 to 1"
    fix = f"Divide them by the value of full coverage, such as {numbers[-1]}. {_number_fix(numbers)}"
    return unclear(source, what, fix, matte=grey)


def _interpret_cut_out(source: Source, alpha: NDArray[Any]) -> Interpretation:
    """Interpret a palette image whose visible pixels have a single alpha: a matte if opaque, else unclear."""
    if alpha.max() == np.iinfo(alpha.dtype).max:
        return Interpretation("matte", alpha)
    what = f"all visible pixels of the image have an alpha of {int(alpha.max())} of 255"
    fix = f"Name the indices that are objects, or choose the channel: {source.path.name}:A"
    return unclear(source, what, fix, matte=alpha)


def _number_fix(numbers: Sequence[int]) -> str:
    return f"If its values are object numbers, name them, such as objects: {{hero: {numbers[0]}}}. It has: {_some_of(numbers)}"


def _channel_fix(source: Source, channel: str) -> str:
    return f"To read it as coverage, choose its channel: {source.path.name}:{channel}"


def _some_of(numbers: Sequence[int]) -> str:
    shown = listed(str(number) for number in numbers[:_MAX_SUGGESTED])
    return f"{shown}, ..." if len(numbers) > _MAX_SUGGESTED else shown
