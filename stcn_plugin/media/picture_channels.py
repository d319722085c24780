"""Which channels of a file are its picture."""

from __future__ import annotations

from collections.abc import Sequence

from stcn_plugin.errors import PlateError
from stcn_plugin.media.images import ImageHeader

_COLOURS = (("r", "red"), ("g", "green"), ("b", "blue"))
_ALPHAS = ("a", "alpha")


def picture_channels(
    parts: Sequence[ImageHeader], *, part: str | None, layer: str | None, where: str
) -> tuple[ImageHeader, tuple[str, ...]]:
    """Find the channels that are the picture.

    ``R``, ``G`` and ``B`` or ``red``, ``green`` and ``blue`` in any case; or else the one channel there is besides
    alpha, as grey.

    Args:
        parts: The headers of all parts of the file.
        part: Part by name; ``None`` takes the first that has the picture.
        layer: Layer by name; ``None`` is the unnamed one.
        where: Told first in an error.

    Returns:
        The header of the part, and three channel names or one.

    Raises:
        PlateError: There is no such part or layer, or no picture in it.
    """
    for header in parts:
        if part in {None, header.part} and (found := _picture_in(header.channels, layer or "")):
            return header, found
    raise _no_picture(parts, part, layer, where)


def _picture_in(channels: Sequence[str], layer: str) -> tuple[str, ...]:
    """Return red, green and blue of a layer, or its only channel besides alpha, or nothing."""
    names = {}
    for channel in channels:
        prefix, _, name = channel.rpartition(".")
        if prefix.casefold() == layer.casefold():
            names[name.casefold()] = channel
    colours = [next((names[name] for name in spellings if name in names), None) for spellings in _COLOURS]
    if all(colours):
        return tuple(name for name in colours if name)
    others = [channel for name, channel in names.items() if name not in _ALPHAS]
    return tuple(others) if len(others) == 1 else ()


def _no_picture(parts: Sequence[ImageHeader], part: str | None, layer: str | None, where: str) -> PlateError:
    names = [header.part for header in parts if header.part]
    if part is not None and part not in names:
        fix = f"Set read.part to one of: {', '.join(names)}" if names else "Leave read.part out: no part has a name"
        return PlateError(f"the file has no part '{part}'", where=where, fix=fix)
    seen = [channel for header in parts if part in {None, header.part} for channel in header.channels]
    layers = dict.fromkeys(channel.rpartition(".")[0] for channel in seen)
    usable = [name for name in layers if name and _picture_in(seen, name)]
    what = f"the layer '{layer}' is not in the file, or is no picture" if layer else "the file has no RGB picture"
    advice = f"Set read.layer to one of: {', '.join(usable)}" if usable else "No layer of it has red, green and blue"
    return PlateError(f"{what}; its channels are {', '.join(seen)}", where=where, fix=advice)
