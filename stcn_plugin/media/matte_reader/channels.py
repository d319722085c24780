"""Channels and layers of a file, by the names that people pick them by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stcn_plugin.media.images import ImageHeader

_MATTE = ("a", "y", "v")
_SPELLINGS = {"red": "r", "green": "g", "blue": "b", "alpha": "a"}  # Nuke shows hero.A as hero.alpha
_MAIN_LAYERS = ("", "rgba", "rgb")  # Nuke calls the unnamed layer rgba
_NOT_MATTES = ("depth", "z", "mist", "indexob", "indexma")  # passes of one channel that hold other data


@dataclass(frozen=True)
class Channel:
    """A channel of a file: the name people pick it by, and where it is.

    Args:
        name: ``layer.channel``, or the channel alone in the main layer; the part's name is the layer of channels that
            name none.
        part: Part of a multi-part file, ``None`` where it has no name.
        stored: Its name within the part.
    """

    name: str
    part: str | None
    stored: str

    @property
    def layer(self) -> str:
        """Layer, empty for the main one."""
        return self.name.rpartition(".")[0]

    @property
    def short(self) -> str:
        """Channel within its layer, lower-case and as EXR abbreviates it: ``a`` for ``alpha``."""
        last = self.name.rpartition(".")[2].lower()
        return _SPELLINGS.get(last, last)


def channels_of(headers: Sequence[ImageHeader]) -> list[Channel]:
    """Return all channels of a file.

    A part that holds one channel is a layer by the part's name, and so are parts with colours, except the first such
    one, whose R, G, B and A are those of the main layer. A layer ``rgba`` is the main layer where nothing else is.
    """
    if headers[0].file_format != "openexr":
        return _channels_of_picture(headers[0])
    main_taken = False
    channels = []
    for header in headers:
        bare = [stored for stored in header.channels if "." not in stored]
        as_layer = bool(header.part) and len(headers) > 1 and (len(bare) == 1 or main_taken)
        main_taken = main_taken or (bool(bare) and not as_layer)
        for stored in header.channels:
            name = f"{header.part}.{stored}" if as_layer and stored in bare else stored
            channels.append(Channel(name, header.part or None, stored))
    if all(channel.layer for channel in channels):
        channels = [_in_main_layer(channel) for channel in channels]
    return channels


def find_channels(channels: Sequence[Channel], selector: str) -> list[Channel]:
    """Return the channels that a selector means: one for a channel, all of a layer for a layer, none if unknown."""
    exact = [channel for channel in channels if channel.name == selector]
    if exact:
        return exact[:1]
    wanted = Channel(selector, None, selector)
    layer = "" if wanted.layer.lower() in _MAIN_LAYERS else wanted.layer.lower()
    alike = [channel for channel in channels if (channel.layer.lower(), channel.short) == (layer, wanted.short)]
    by_layer = [channel for channel in channels if channel.layer and channel.layer.lower() == selector.lower()]
    by_part = [channel for channel in channels if (channel.part or "").lower() == selector.lower()]
    main = [channel for channel in channels if not channel.layer] if selector.lower() in _MAIN_LAYERS else []
    return alike[:1] or by_layer or by_part or main


def matte_channel(channels: Sequence[Channel]) -> Channel | None:
    """Return the channel of a layer that is its matte, ``None`` where it has none."""
    if len(channels) == 1:
        return channels[0]
    by_short = {channel.short: channel for channel in reversed(channels)}
    return next((by_short[short] for short in _MATTE if short in by_short), None)


def colour_channels(channels: Iterable[Channel]) -> list[Channel]:
    """Return red, green and blue, or nothing."""
    by_short = {channel.short: channel for channel in reversed(list(channels))}
    return [by_short[short] for short in "rgb"] if {"r", "g", "b"} <= by_short.keys() else []


def object_layers(channels: Iterable[Channel]) -> dict[str, Channel]:
    """Return the layers that are objects, each with its matte: the layers of one alpha, luminance or value channel.

    Where there is no such layer, those of one red channel are, as Nuke writes layers that were made with one channel.
    Depth and other passes of a render are none.
    """
    layers: dict[str, list[Channel]] = defaultdict(list)
    for channel in channels:
        layers[channel.layer].append(channel)
    alone = {
        layer: members[0]
        for layer, members in layers.items()
        if layer and len(members) == 1 and layer.rpartition(".")[2].lower() not in _NOT_MATTES
    }
    mattes = {layer: channel for layer, channel in alone.items() if channel.short in _MATTE}
    return mattes or {layer: channel for layer, channel in alone.items() if channel.short == "r"}


def alpha_first(channels: Iterable[Channel]) -> list[str]:
    """Return the names of channels as an error suggests them: what may be a matte before colours and data."""
    order = {"a": 0, "y": 1, "v": 1}
    return [channel.name for channel in sorted(channels, key=lambda channel: order.get(channel.short, 2))]


def _channels_of_picture(header: ImageHeader) -> list[Channel]:
    """Return the channels of a format without layers; a lone sample behind grey or colours is alpha.

    TIFF may leave open what a sample beyond the colours means, and OpenImageIO then numbers it; two samples of a grey
    TIFF or TGA it calls R and G.
    """
    names = list(header.channels)
    if names == ["R", "G"]:
        names = ["Y", "A"]
    elif len(names) in (2, 4) and names[-1] == f"channel{len(names) - 1}":
        names[-1] = "A"
    return [Channel(name, None, stored) for name, stored in zip(names, header.channels, strict=True)]


def _in_main_layer(channel: Channel) -> Channel:
    if channel.layer.lower() in _MAIN_LAYERS:
        return Channel(channel.name.rpartition(".")[2], channel.part, channel.stored)
    return channel
