"""A matte file, whatever is in it: the one place that decides what the objects of a file are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from stcn_plugin.errors import STCNError
from stcn_plugin.media.images import ImageHeader
from stcn_plugin.media.matte_reader.channels import (
    Channel,
    alpha_first,
    colour_channels,
    find_channels,
    matte_channel,
    object_layers,
)
from stcn_plugin.media.matte_reader.colours import is_colour
from stcn_plugin.media.matte_reader.cryptomatte import (
    Cryptomatte,
    choose_object,
    find_cryptomattes,
    object_names,
    read_object,
)
from stcn_plugin.media.matte_reader.picture import Picture
from stcn_plugin.media.matte_reader.planes import Planes
from stcn_plugin.media.matte_reader.source import Plane, Source

UNNAMED = "matte"
"""Name of an object that neither its file nor anybody else names."""

_SEVERAL_PICTURES = {"tiff": "pages", "gif": "frames", "webp": "frames"}


@dataclass(frozen=True, eq=False)
class Contents:
    """What a matte file holds.

    Args:
        kind: ``layers``, each an object by name; ``cryptomatte``; ``numbers``, each an object; ``matte``, of one object
            without a name; ``nothing``, but background; ``unclear``, where the file does not say.
        names: Names or numbers of its objects.
        indices: Of a palette picture, every index that may be an object, whatever the colours make of it.
        is_certain: Whether numbers follow from the file format, and not from the values of its pixels.
        error: What a file is refused with where somebody has to choose.
    """

    kind: Literal["layers", "cryptomatte", "numbers", "matte", "nothing", "unclear"]
    names: tuple[str, ...] = ()
    indices: tuple[str, ...] = ()
    is_certain: bool = False
    error: STCNError | None = None


class MatteFile:
    """A matte file.

    * EXR: layers with one matte channel, by name; a Cryptomatte, by the names of its objects; or else one picture.
    * Palette picture: indices, or the matte that its greys or its alpha are.
    * Any other picture: its alpha; its grey; numbers, where its values are those of labels; or flat colours.

    Headers are read at once, pixels when they are asked for, and kept.

    Args:
        source: Where it is.

    Raises:
        STCNError: Of the source's class: the file is missing, no picture, or several.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.headers = source.headers()
        _check_format(source, self.headers)
        self._planes = Planes(source, self.headers)

    @property
    def header(self) -> ImageHeader:
        """Header of the first part."""
        return self.headers[0]

    @property
    def layer_kind(self) -> Literal["layers", "cryptomatte"] | None:
        """Whether the file names its objects itself, as its header tells, and how."""
        return "cryptomatte" if self._cryptomattes else "layers" if self._layers else None

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the objects of layers or of a Cryptomatte.

        Raises:
            STCNError: The side file of a Cryptomatte cannot be trusted.
        """
        return tuple(object_names(self._cryptomattes) if self._cryptomattes else self._layers)

    @cached_property
    def contents(self) -> Contents:
        """What the file holds.

        Raises:
            STCNError: Pixels that have to be looked at are missing or damaged.
        """
        if self.layer_kind is not None:
            error = choose_object(self.source, self._cryptomattes) if self._cryptomattes else None
            return Contents(self.layer_kind, self.layer_names, error=error)
        interpretation, palette = self._picture.interpretation, self._planes.palette
        numbers = tuple(map(str, interpretation.numbers))
        indices = tuple(map(str, palette.numbers())) if palette is not None else ()
        return Contents(
            interpretation.kind, numbers, indices, is_certain=interpretation.is_certain, error=interpretation.error
        )

    def name_of(self, selector: str) -> str | None:
        """Return the name that a selector gives an object, ``None`` where it picks something without one.

        A layer has a name, and so have an object of a Cryptomatte, a number, and a channel whose name is no letter.
        """
        found = self._find(selector)
        if not found:
            return None if is_colour(selector) else selector
        if not self._planes.is_exr:
            return None
        return found[0].layer or (found[0].name if len(found[0].short) > 1 else None)

    def has(self, selector: str) -> bool:
        """Whether a selector is a channel, a layer, an object or a number of the file.

        Raises:
            STCNError: Pixels that have to be looked at are damaged.
        """
        return bool(self._find(selector)) or selector in self.contents.names or is_colour(selector)

    def has_number(self, number: str) -> bool:
        """Whether the pixels of a file without layers hold a number."""
        return number.isdecimal() and int(number) in self._picture.numbers

    def matte(self) -> Plane:
        """Return the one matte of a file without layers; of an unclear one what it is if it is a matte.

        Raises:
            STCNError: The file does not say what its matte is, or its pixels are damaged.
        """
        return self._picture.matte()

    def only_object(self) -> Plane | None:
        """Return the matte of the one object that a file without layers shows; ``None`` where it shows none or several.

        Raises:
            STCNError: Its pixels are damaged.
        """
        return self._picture.only_object()

    def objects(self, names: Sequence[str] | None = None) -> dict[str, Plane]:
        """Return the mattes of objects by the names or numbers that the file itself gives.

        Args:
            names: Some of those of `contents`; ``None`` takes all.

        Raises:
            STCNError: There is no such object, or its pixels are damaged.
        """
        names = self.contents.names if names is None else names
        if self._cryptomattes:
            return {name: read_object(self.source, self._cryptomattes, name) for name in names}
        if self._layers:
            return self._planes.read({name: self._layers[name] for name in names})
        return {name: self._picture.number(int(name)) for name in names}

    def read(self, wanted: Mapping[str, str]) -> dict[str, Plane]:
        """Return what selectors pick.

        Args:
            wanted: Any keys, each with a channel, a layer, an object of a Cryptomatte, a number or a colour.

        Raises:
            STCNError: The file has no such thing, or its pixels are damaged.
        """
        found = {key: self._find(selector) for key, selector in wanted.items()}
        mattes = {key: channel for key, members in found.items() if (channel := matte_channel(members))}
        planes = self._planes.read(mattes)
        colours = {key: selector for key, selector in wanted.items() if not found[key] and is_colour(selector)}
        if colours and (self._planes.palette is not None or {"r", "y"} & self._planes.picture_channels.keys()):
            planes |= self._picture.colours(colours)
        for key, selector in wanted.items():
            if key not in planes:
                planes[key] = self._grey_layer(found[key]) if found[key] else self._other(selector)
        return {key: planes[key] for key in wanted}

    def _grey_layer(self, found: Sequence[Channel]) -> Plane:
        """Return the matte of a layer of colours, which is grey."""
        colours = {channel.short: channel for channel in colour_channels(found)}
        if not colours:
            raise self._planes.choose(found)
        return self._planes.picture(colours).matte()

    def _other(self, selector: str) -> Plane:
        """Return what a selector picks that is no channel, layer or colour."""
        if self._cryptomattes:
            return read_object(self.source, self._cryptomattes, selector)
        palette = self._planes.palette
        if selector.isdecimal() and (palette is not None or self._planes.picture_channels):
            return self._picture.number(int(selector))
        if palette is not None:
            raise self.source.unknown("index", selector, map(str, self._picture.numbers))
        channels = alpha_first(self._planes.channels)
        if self._planes.is_exr:
            raise self.source.unknown("channel or layer", selector, channels)
        numbers = self.contents.names
        raise self.source.unknown("number or channel" if numbers else "channel", selector, [*numbers, *channels])

    def _find(self, selector: str) -> list[Channel]:
        return find_channels(self._planes.channels, selector)

    @cached_property
    def _cryptomattes(self) -> list[Cryptomatte]:
        if not self._planes.is_exr:
            return []
        return find_cryptomattes(self.source, self.headers, self._planes.channels)

    @cached_property
    def _layers(self) -> dict[str, Channel]:
        """The layers that are objects; the layer of a lone channel is one, whatever the channel."""
        if not self._planes.is_exr:
            return {}
        only, *others = self._planes.channels
        return {only.layer: only} if not others and only.layer else object_layers(self._planes.channels)

    @cached_property
    def _picture(self) -> Picture:
        return self._planes.picture(self._planes.picture_channels)


def _check_format(source: Source, headers: Sequence[ImageHeader]) -> None:
    """Refuse files that hold several pictures, and those that are not read as they look."""
    first = headers[0]
    if first.file_format == "psd":
        raise source.problem("Photoshop documents are not read as mattes", "Save the matte as PNG, TIFF or EXR")
    if first.metadata.get("tiff:PhotometricInterpretation") == "0" and first.format != "uint8":
        what = f"the TIFF stores white as 0 in {first.format}, which would be read as the negative"
        raise source.problem(what, "Save it with black as 0 (photometric interpretation BlackIsZero)")
    alike = [header for header in headers if header.header.data.shape == first.header.data.shape]
    if first.file_format in _SEVERAL_PICTURES and len(alike) > 1:
        what = f"the file holds {len(alike)} pictures, as {_SEVERAL_PICTURES[first.file_format]}"
        raise source.problem(what, "Save the one that is the matte as a file of its own")
