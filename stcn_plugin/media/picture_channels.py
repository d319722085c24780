"""Finds the colour channels of a plate."""

from __future__ import annotations

from collections.abc import Sequence

from stcn_plugin.errors import PlateError
from stcn_plugin.media.images import ImageHeader

_COLOUR_NAMES = (("r", "red"), ("g", "green"), ("b", "blue"))
_ALPHA_NAMES = ("a", "alpha")


def picture_channels(
    parts: Sequence[ImageHeader], *, part: str | None, layer: str | None, where: str
) -> tuple[ImageHeader, tuple[str, ...]]:
    """Find the channels of the image.

    These are ``R``, ``G`` and ``B``, or ``red``, ``green`` and ``blue``, in any case; else the only channel besides
    alpha, as grey.

    Args:
        parts: The headers of all parts of the file.
        part: Name of the part; ``None`` is the first with colours that is not a Cryptomatte, else the first with an image.
        layer: Name of the layer; ``None`` is the unnamed one.
        where: ``where`` of the errors.

    Returns:
        The header of the part, and one or three channel names.

    Raises:
        PlateError: There is no such part or layer, or no image in it.
    """
    pictures = [
        (header, found)
        for header in parts
        if part in {None, header.part} and (found := _picture_in(header.channels, layer or ""))
    ]
    if not pictures:
        raise _no_picture_error(parts, part, layer, where)
    return min(pictures, key=lambda picture: (len(picture[1]) == 1, "crypto" in picture[0].part.lower()))


def other_colour_parts(parts: Sequence[ImageHeader], chosen: ImageHeader, *, layer: str | None) -> list[str]:
    """Return the names of other parts that have colours and are no Cryptomatte, and could be the image.

    Args:
        parts: The headers of all parts of the file.
        chosen: The part that is used.
        layer: As for `picture_channels`.
    """
    return [
        header.part
        for header in parts
        if header.part
        and header is not chosen
        and len(_picture_in(header.channels, layer or "")) == len(_COLOUR_NAMES)
        and "crypto" not in header.part.lower()
    ]


def _picture_in(channels: Sequence[str], layer: str) -> tuple[str, ...]:
    """Return red, green and blue of a layer, else its only channel besides alpha, else nothing."""
    names = {}
    for channel in channels:
        prefix, _, name = channel.rpartition(".")
        if prefix.casefold() == layer.casefold():
            names[name.casefold()] = channel
    colours = [next((names[name] for name in spellings if name in names), None) for spellings in _COLOUR_NAMES]
    if all(colours):
        return tuple(name for name in colours if name)
    others = [channel for name, channel in names.items() if name not in _ALPHA_NAMES]
    return tuple(others) if len(others) == 1 else ()


def _no_picture_error(parts: Sequence[ImageHeader], part: str | None, layer: str | None, where: str) -> PlateError:
    names = [header.part for header in parts if header.part]
    if part is not None and part not in names:
        fix = f"Set read.part to one of: {', '.join(names)}" if names else "Remove read.part: no part has a name"
        return PlateError(f"the file has no part '{part}'", where=where, fix=fix)
    channels = [channel for header in parts if part in {None, header.part} for channel in header.channels]
    layers = dict.fromkeys(channel.rpartition(".")[0] for channel in channels)
    usable = [name for name in layers if name and _picture_in(channels, name)]
    what = f"the layer '{layer}' is not in the file, or is not an image" if layer else "the file has no RGB image"
    fix = f"Set read.layer to one of: {', '.join(usable)}" if usable else "Write a layer with red, green and blue"
    return PlateError(f"{what}; its channels are {', '.join(channels)}", where=where, fix=fix)
