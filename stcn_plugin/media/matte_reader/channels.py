"""Finds the channels and layers of a file by the names that users select them with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stcn_plugin.media.images import ImageHeader
from stcn_plugin.media.listing import to_nfc

_MATTE_CHANNELS = ("a", "y", "v")
_SPELLINGS = {"red": "r", "green": "g", "blue": "b", "alpha": "a"}  # Nuke shows hero.A as hero.alpha
_MAIN_LAYERS = ("", "rgba", "rgb")  # Nuke calls the unnamed layer rgba
_NOT_MATTES = ("depth", "z", "mist", "indexob", "indexma", "confidence")  # layers with other data in a single channel


@dataclass(frozen=True)
class Channel:
    """A channel of a file: its name for users, and its location.

    Args:
        name: ``layer.channel``, or only the channel in the main layer, in the normal form NFC. The layer may be the name
            of the part.
        part: Name of its part; ``None`` if unnamed.
        stored: Its name within the part.
    """

    name: str
    part: str | None
    stored: str

    @property
    def layer(self) -> str:
        """Name of the layer; empty for the main layer."""
        return self.name.rpartition(".")[0]

    @property
    def short(self) -> str:
        """Name within the layer, lower-case and abbreviated as in EXR: ``a`` for ``alpha``."""
        last = self.name.rpartition(".")[2].lower()
        return _SPELLINGS.get(last, last)


def channels_of(headers: Sequence[ImageHeader]) -> list[Channel]:
    """Return all channels of a file.

    Channels without a layer belong to a layer with the name of their part if they are alone in it, or if an earlier part
    has the main layer. If all channels have layers, the layer ``rgba`` is the main layer.
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
            channels.append(Channel(to_nfc(name), header.part or None, stored))
    if all(channel.layer for channel in channels):
        channels = [_in_main_layer(channel) for channel in channels]
    return channels


def find_channels(channels: Sequence[Channel], selector: str) -> list[Channel]:
    """Return the channels that a selector names: a single channel, all channels of a layer, or none."""
    selector = to_nfc(selector)
    exact = [channel for channel in channels if channel.name == selector]
    if exact:
        return exact[:1]
    wanted = Channel(selector, None, selector)
    layer = "" if wanted.layer.lower() in _MAIN_LAYERS else wanted.layer.lower()
    alike = [channel for channel in channels if (channel.layer.lower(), channel.short) == (layer, wanted.short)]
    by_layer = [channel for channel in channels if channel.layer and channel.layer.lower() == selector.lower()]
    by_part = [channel for channel in channels if to_nfc(channel.part or "").lower() == selector.lower()]
    main = [channel for channel in channels if not channel.layer] if selector.lower() in _MAIN_LAYERS else []
    return alike[:1] or by_layer or by_part or main


def matte_channel(channels: Sequence[Channel]) -> Channel | None:
    """Return the matte among the channels of a layer; ``None`` if there is none."""
    if len(channels) == 1:
        return channels[0]
    by_short = {channel.short: channel for channel in reversed(channels)}
    return next((by_short[short] for short in _MATTE_CHANNELS if short in by_short), None)


def colour_channels(channels: Iterable[Channel]) -> list[Channel]:
    """Return red, green and blue; empty if one is missing."""
    by_short = {channel.short: channel for channel in reversed(list(channels))}
    return [by_short[short] for short in "rgb"] if {"r", "g", "b"} <= by_short.keys() else []


def object_layers(channels: Iterable[Channel]) -> dict[str, Channel]:
    """Return the layers that are objects, with their mattes: layers whose only channel is alpha, luminance or value.

    If there are none, layers whose only channel is red, which Nuke writes for single-channel layers. Depth and other
    render passes are excluded, unless the channel is alpha: then an object has the name of a pass.
    """
    layers: dict[str, list[Channel]] = defaultdict(list)
    for channel in channels:
        layers[channel.layer].append(channel)
    alone = {
        layer: members[0]
        for layer, members in layers.items()
        if layer and len(members) == 1 and not _is_other_data(members[0])
    }
    mattes = {layer: channel for layer, channel in alone.items() if channel.short in _MATTE_CHANNELS}
    return mattes or {layer: channel for layer, channel in alone.items() if channel.short == "r"}


def alpha_first(channels: Iterable[Channel]) -> list[str]:
    """Return the names of channels in the order for an error message: likely mattes first."""
    order = {"a": 0, "y": 1, "v": 1}
    return [channel.name for channel in sorted(channels, key=lambda channel: order.get(channel.short, 2))]


def _is_other_data(channel: Channel) -> bool:
    return channel.layer.rpartition(".")[2].lower() in _NOT_MATTES and channel.short != "a"


def _channels_of_picture(header: ImageHeader) -> list[Channel]:
    """Return the channels of a format without layers; one extra channel after grey or colours is alpha.

    OpenImageIO numbers the extra samples of a TIFF that have no declared meaning, and names the two channels of grey
    TIFF and TGA files with alpha R and G.
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
