"""A matte file, whatever is in it: the one place that decides what the objects of a file are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from numpy.typing import NDArray

from stcn_plugin.errors import STCNError
from stcn_plugin.media.images import ImageHeader
from stcn_plugin.media.matte_reader import channels as layout
from stcn_plugin.media.matte_reader.channels import Channel
from stcn_plugin.media.matte_reader.colours import is_colour
from stcn_plugin.media.matte_reader.cryptomatte import choose_object, find_cryptomattes, object_names, read_object
from stcn_plugin.media.matte_reader.palette import Palette, read_palette
from stcn_plugin.media.matte_reader.picture import Picture
from stcn_plugin.media.matte_reader.source import Plane, Source, listed, plane_of

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
        doubt: What a file is refused with where somebody has to choose.
    """

    kind: Literal["layers", "cryptomatte", "numbers", "matte", "nothing", "unclear"]
    names: tuple[str, ...] = ()
    indices: tuple[str, ...] = ()
    is_certain: bool = False
    doubt: STCNError | None = None


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
        self._check_format()
        self._channels = layout.channels_of(self.headers)
        self._is_exr = self.header.file_format == "openexr"
        self._read: dict[Channel, tuple[ImageHeader, NDArray[Any]]] = {}

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
            doubt = choose_object(self.source, self._cryptomattes) if self._cryptomattes else None
            return Contents(self.layer_kind, self.layer_names, doubt=doubt)
        reading = self._picture.reading
        numbers = tuple(map(str, reading.numbers))
        indices = tuple(map(str, self._palette.numbers())) if self._palette is not None else ()
        return Contents(reading.kind, numbers, indices, is_certain=reading.is_certain, doubt=reading.doubt)

    def name_of(self, selector: str) -> str | None:
        """Return the name that a selector gives an object, ``None`` where it picks something without one.

        A layer has a name, and so have an object of a Cryptomatte, a number, and a channel whose name is no letter.
        """
        found = self._find(selector)
        if not found:
            return None if is_colour(selector) else selector
        if not self._is_exr:
            return None
        return found[0].layer or (found[0].name if len(found[0].short) > 1 else None)

    def has(self, selector: str) -> bool:
        """Whether a selector is a channel, a layer, an object or a number of the file.

        Raises:
            STCNError: Pixels that have to be looked at are damaged.
        """
        return bool(self._find(selector)) or selector in self.contents.names or is_colour(selector)

    def matte(self) -> Plane:
        """Return the one matte of a file without layers; of an unclear one what it is if it is a matte.

        Raises:
            STCNError: The file does not say what its matte is, or its pixels are damaged.
        """
        return self._picture.matte()

    def has_number(self, number: str) -> bool:
        """Whether the pixels of a file without layers hold a number."""
        return number.isdecimal() and int(number) in self._picture.numbers

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
            wanted = {name: self._layers[name] for name in names}
            return {name: self._plane(channel) for name, channel in self._loaded(wanted).items()}
        return {name: self._picture.number(int(name)) for name in names}

    def read(self, wanted: Mapping[str, str]) -> dict[str, Plane]:
        """Return what selectors pick.

        Args:
            wanted: Any keys, each with a channel, a layer, an object of a Cryptomatte, a number or a colour.

        Raises:
            STCNError: The file has no such thing, or its pixels are damaged.
        """
        found = {key: self._find(selector) for key, selector in wanted.items()}
        mattes = {key: channel for key, members in found.items() if (channel := layout.matte_channel(members))}
        planes = {key: self._plane(channel) for key, channel in self._loaded(mattes).items()}
        colours = {key: wanted[key] for key in found if not found[key] and is_colour(wanted[key])}
        planes |= self._picture.colours(colours) if colours and self._has_colours else {}
        for key, selector in wanted.items():
            if key not in planes:
                planes[key] = self._colour_layer(found[key]) if found[key] else self._other(selector)
        return {key: planes[key] for key in wanted}

    def _other(self, selector: str) -> Plane:
        """Return what a selector picks that is no channel, layer or colour."""
        if self._cryptomattes:
            return read_object(self.source, self._cryptomattes, selector)
        if selector.isdecimal() and (self._palette is not None or self._has_picture):
            return self._picture.number(int(selector))
        if self._palette is not None:
            raise self.source.unknown("index", selector, map(str, self._picture.numbers))
        kind = (
            "channel or layer"
            if self._is_exr
            else "number or channel"
            if self.contents.kind == "numbers"
            else "channel"
        )
        present = [*(self.contents.names if not self._is_exr else ()), *layout.alpha_first(self._channels)]
        raise self.source.unknown(kind, selector, present)

    def _find(self, selector: str) -> list[Channel]:
        return layout.find_channels(self._channels, selector)

    @cached_property
    def _cryptomattes(self) -> list[Any]:
        return find_cryptomattes(self.source, self.headers, self._channels) if self._is_exr else []

    @cached_property
    def _layers(self) -> dict[str, Channel]:
        """The layers that are objects; the layer of a lone channel is one, whatever the channel."""
        if not self._is_exr:
            return {}
        only = self._channels[0]
        return {only.layer: only} if len(self._channels) == 1 and only.layer else layout.object_layers(self._channels)

    @cached_property
    def _palette(self) -> Palette | None:
        return read_palette(self.source, self.header)

    @cached_property
    def _main(self) -> dict[str, Channel]:
        """The channels of the picture without layers, by what they are."""
        if len(self._channels) == 1:
            return {"y": self._channels[0]}
        main = [channel for channel in self._channels if not channel.layer]
        by_short = {channel.short: channel for channel in reversed(main)}
        colours = {channel.short: channel for channel in layout.colour_channels(main)}
        grey = {} if colours else {"y": by_short["y"]} if "y" in by_short else {}
        return colours | grey | ({"a": by_short["a"]} if "a" in by_short else {})

    @property
    def _has_picture(self) -> bool:
        return bool(self._main)

    @property
    def _has_colours(self) -> bool:
        return self._palette is not None or "r" in self._main or "y" in self._main

    @cached_property
    def _picture(self) -> Picture:
        palette = self._palette
        if palette is not None:
            pixels = palette.pixels
            planes = {short: pixels[..., index] for index, short in enumerate("rgba")}
            return Picture(self.source, self.header, planes, palette=palette, choose=self._choose())
        if not self._main:
            raise self._choose()
        loaded = self._loaded(self._main)
        header = next(iter(loaded.values()))
        return Picture(
            self.source,
            self._read[header][0],
            {short: self._read[channel][1] for short, channel in loaded.items()},
            choose=self._choose(),
        )

    def _colour_layer(self, found: Sequence[Channel]) -> Plane:
        """Return the matte of a layer of colours, which is grey."""
        colours = {channel.short: channel for channel in layout.colour_channels(found)}
        if not colours:
            raise self._choose(found)
        self._loaded(colours)
        planes = {short: self._read[channel][1] for short, channel in colours.items()}
        header = self._read[colours["g"]][0]
        return Picture(self.source, header, planes, choose=self._choose(found)).matte()

    def _loaded(self, wanted: Mapping[str, Channel]) -> Mapping[str, Channel]:
        """Read channels that were not read yet, a part at a time; return them."""
        parts: dict[str | None, list[Channel]] = defaultdict(list)
        for channel in dict.fromkeys(wanted.values()):
            if channel not in self._read:
                parts[channel.part].append(channel)
        for part, members in parts.items():
            if self._palette is not None:
                pixels, header = self._palette.pixels, self.header
                stored = [pixels[..., max(0, "RGBA".find(channel.stored))] for channel in members]
            else:
                header, every = self.source.stored(part, [channel.stored for channel in members])
                stored = [every[..., index] for index in range(len(members))]
            self._read.update({channel: (header, plane) for channel, plane in zip(members, stored, strict=True)})
        return wanted

    def _plane(self, channel: Channel) -> Plane:
        header, stored = self._read[channel]
        return plane_of(stored, header)

    def _choose(self, channels: Sequence[Channel] = ()) -> STCNError:
        """Return the error that asks for a channel."""
        names = layout.alpha_first(channels or self._channels)
        if not self._is_exr:
            fix = f"Choose a channel, such as {self.source.path.name}:{names[0]}, or save the matte as grey or alpha"
            return self.source.problem("the picture is coloured: it does not say what the matte is", fix)
        fix = f"Choose a channel or layer, such as {self.source.path.name}:{names[0]}. It has: {listed(names)}"
        return self.source.problem("the file does not say which channel is the matte", fix)

    def _check_format(self) -> None:
        """Refuse files that hold several pictures, and those whose alpha cannot be had."""
        file_format = self.header.file_format
        if file_format == "psd":
            fix = "Save the matte as PNG, TIFF or EXR"
            raise self.source.problem("layered Photoshop documents are not read as mattes", fix)
        is_white_zero = self.header.metadata.get("tiff:PhotometricInterpretation") == "0"
        if file_format == "tiff" and is_white_zero and self.header.format != "uint8":
            what = f"the TIFF stores white as 0 in {self.header.format}, which OpenImageIO reads as the negative"
            raise self.source.problem(what, "Save it with black as 0 (photometric interpretation BlackIsZero)")
        if file_format not in _SEVERAL_PICTURES:
            return
        alike = [header for header in self.headers if header.header.data.shape == self.header.header.data.shape]
        if len(alike) > 1:
            what = f"the file holds {len(alike)} pictures, as {_SEVERAL_PICTURES[file_format]}"
            raise self.source.problem(what, "Save the one that is the matte as a file of its own")
