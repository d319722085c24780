"""A matte file of any kind, and its objects."""

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
    find_cryptomattes,
    object_choice_error,
    object_names,
    read_object,
)
from stcn_plugin.media.matte_reader.picture import Picture
from stcn_plugin.media.matte_reader.planes import Planes
from stcn_plugin.media.matte_reader.source import Plane, Source

UNNAMED = "matte"
"""Default name of an object that neither the file nor the shot names."""

_SEVERAL_PICTURES = {"tiff": "pages", "gif": "frames", "webp": "frames"}


@dataclass(frozen=True, eq=False)
class Contents:
    """The contents of a matte file.

    Args:
        kind: ``layers``: named objects; ``cryptomatte``; ``numbers``: numbered objects; ``matte``: one unnamed object;
            ``nothing``: only background; ``unclear``: ambiguous.
        names: Names or numbers of the objects.
        indices: All indices of a palette image that may be objects, independent of their colours.
        is_certain: Whether ``numbers`` follows from the file format, and not only from pixel values.
        error: The error to raise if the user has to choose what to read.
    """

    kind: Literal["layers", "cryptomatte", "numbers", "matte", "nothing", "unclear"]
    names: tuple[str, ...] = ()
    indices: tuple[str, ...] = ()
    is_certain: bool = False
    error: STCNError | None = None


class MatteFile:
    """A matte file.

    * EXR: layers with one matte channel, the objects of a Cryptomatte, or an image.
    * Palette image: numbered objects, or a matte in its greys or its alpha.
    * Other images: a matte in the alpha or the grey, numbered objects, or flat colours.

    The headers are read on creation; pixels are read when needed, and cached.

    Args:
        source: The file.

    Raises:
        STCNError: Of the source's class: the file is missing, not an image, or has several images.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.headers = source.headers()
        _check_format(source, self.headers)
        self._planes = Planes(source, self.headers)

    @property
    def header(self) -> ImageHeader:
        """The header of the first part."""
        return self.headers[0]

    @property
    def layer_kind(self) -> Literal["layers", "cryptomatte"] | None:
        """How the file names its objects, according to its header; ``None`` if it does not."""
        return "cryptomatte" if self._cryptomattes else "layers" if self._layers else None

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The object names of layers or of Cryptomattes.

        Raises:
            STCNError: The side file of a Cryptomatte is invalid.
        """
        return tuple(object_names(self._cryptomattes) if self._cryptomattes else self._layers)

    @cached_property
    def contents(self) -> Contents:
        """The contents of the file.

        Raises:
            STCNError: Pixels that have to be examined are missing or damaged.
        """
        if self.layer_kind is not None:
            error = object_choice_error(self.source, self._cryptomattes) if self._cryptomattes else None
            return Contents(self.layer_kind, self.layer_names, error=error)
        interpretation, palette = self._picture.interpretation, self._planes.palette
        numbers = tuple(map(str, interpretation.numbers))
        indices = tuple(map(str, palette.numbers())) if palette is not None else ()
        return Contents(
            interpretation.kind, numbers, indices, is_certain=interpretation.is_certain, error=interpretation.error
        )

    def name_of(self, selector: str) -> str | None:
        """Return the object name that a selector implies; ``None`` if it implies none.

        Layers, objects of a Cryptomatte, numbers, and channels with names of several letters imply names.
        """
        found = self._find(selector)
        if not found:
            return None if is_colour(selector) else selector
        if not self._planes.is_exr:
            return None
        return found[0].layer or (found[0].name if len(found[0].short) > 1 else None)

    def has(self, selector: str) -> bool:
        """Whether a selector is a colour, or a channel, layer, object or number of the file.

        Raises:
            STCNError: Pixels that have to be examined are damaged.
        """
        return bool(self._find(selector)) or selector in self.contents.names or is_colour(selector)

    def has_number(self, number: str) -> bool:
        """Whether the pixels of a file without layers contain an object number."""
        return number.isdecimal() and int(number) in self._picture.numbers

    def is_background(self, selector: str) -> bool:
        """Whether a selector is a number or a colour, and the file is an image of background alone.

        Raises:
            STCNError: Pixels that have to be examined are damaged.
        """
        if self.layer_kind or not (selector.isdecimal() or is_colour(selector)) or self._find(selector):
            return False
        return self.is_blank

    def colour_beside_alpha(self, selector: str) -> str | None:
        """Return the red or grey channel in the layer of a selected alpha; ``None`` if it is not an alpha, or alone."""
        alpha = matte_channel(self._find(selector))
        if alpha is None or alpha.short != "a":
            return None
        channels = (channel for channel in self._planes.channels if channel.layer == alpha.layer)
        return next((channel.name for channel in channels if channel.short in ("r", "y")), None)

    @property
    def is_blank(self) -> bool:
        """Whether a file without layers is background alone, without coverage, numbers, colours or void pixels.

        Raises:
            STCNError: Pixels that have to be examined are damaged.
        """
        return self._picture.is_blank

    def matte(self) -> Plane:
        """Return the matte of a file without layers; also of an ``unclear`` one that can be read as a matte.

        Raises:
            STCNError: The file cannot be read as a matte, or its pixels are damaged.
        """
        return self._picture.matte()

    def only_object(self) -> Plane | None:
        """Return the matte of the only object in a file without layers; ``None`` if it has none or several.

        Raises:
            STCNError: Its pixels are damaged.
        """
        return self._picture.only_object()

    def objects(self, names: Sequence[str] | None = None) -> dict[str, Plane]:
        """Return the mattes of objects by their names or numbers in the file.

        Args:
            names: Names from `contents`; ``None`` reads all.

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
        """Read mattes by selectors.

        Args:
            wanted: Key to selector: a channel, a layer, an object of a Cryptomatte, a number or a colour.

        Raises:
            STCNError: The file has no match for a selector, or its pixels are damaged.
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
        """Return the matte of a layer with grey colours."""
        colours = {channel.short: channel for channel in colour_channels(found)}
        if not colours:
            raise self._planes.choice_error(found)
        return self._planes.picture(colours).matte()

    def _other(self, selector: str) -> Plane:
        """Read a matte by a selector that is not a channel, layer or colour."""
        if self._cryptomattes:
            return read_object(self.source, self._cryptomattes, selector)
        palette = self._planes.palette
        if selector.isdecimal() and (palette is not None or self._planes.picture_channels):
            return self._picture.number(int(selector))
        if palette is not None:
            raise self.source.not_found("index", selector, map(str, self._picture.numbers))
        channels = alpha_first(self._planes.channels)
        if self._planes.is_exr:
            raise self.source.not_found("channel or layer", selector, channels)
        numbers = self.contents.names
        raise self.source.not_found("number or channel" if numbers else "channel", selector, [*numbers, *channels])

    def _find(self, selector: str) -> list[Channel]:
        return find_channels(self._planes.channels, selector)

    @cached_property
    def _cryptomattes(self) -> list[Cryptomatte]:
        if not self._planes.is_exr:
            return []
        return find_cryptomattes(self.source, self.headers, self._planes.channels)

    @cached_property
    def _layers(self) -> dict[str, Channel]:
        """The layers that are objects; always includes the layer of a file's only channel."""
        if not self._planes.is_exr:
            return {}
        only, *others = self._planes.channels
        return {only.layer: only} if not others and only.layer else object_layers(self._planes.channels)

    @cached_property
    def _picture(self) -> Picture:
        return self._planes.picture(self._planes.picture_channels)


def _check_format(source: Source, headers: Sequence[ImageHeader]) -> None:
    """Reject files with several images, and files that OpenImageIO reads incorrectly."""
    first = headers[0]
    if first.file_format == "psd":
        raise source.problem("Photoshop documents are not read as mattes", "Save the matte as PNG, TIFF or EXR")
    alike = [header for header in headers if header.header.data.shape == first.header.data.shape]
    if first.file_format in _SEVERAL_PICTURES and len(alike) > 1:
        what = f"the file holds {len(alike)} images, as {_SEVERAL_PICTURES[first.file_format]}"
        raise source.problem(what, "Save the matte as a separate file")
