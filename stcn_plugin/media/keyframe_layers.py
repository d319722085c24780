"""Mattes in the channels and layers of an EXR."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stcn_plugin.errors import KeyframeError
from stcn_plugin.media.images import ImageHeader, read_image
from stcn_plugin.media.keyframe_file import KeyframeFile, Matte, listed

GREY_TOLERANCE = 0.01
"""Difference of colours that still are grey: lossy compression moves them a little apart."""

_MATTE_CHANNELS = ("a", "y", "v")
_SPELLINGS = {"red": "r", "green": "g", "blue": "b", "alpha": "a"}  # Nuke shows hero.A as hero.alpha


@dataclass(frozen=True)
class Channel:
    """A channel of a file: the name people pick it by, and where it is.

    Args:
        name: ``layer.channel``, or the channel alone; the part is the layer of channels that name none.
        part: Part of a multi-part file, ``None`` where it has no name.
        stored: Its name within the part.
    """

    name: str
    part: str | None
    stored: str

    @property
    def layer(self) -> str:
        """Layer, empty for the unnamed one."""
        return self.name.rpartition(".")[0]

    @property
    def short(self) -> str:
        """Channel within its layer, lower-case and as EXR abbreviates it: ``a`` for ``alpha``."""
        last = self.name.rpartition(".")[2].lower()
        return _SPELLINGS.get(last, last)


def channels_of(headers: Sequence[ImageHeader]) -> list[Channel]:
    """Return all channels of a file.

    A part that holds one channel is a layer by the part's name, and so are parts with colours, except the first such
    one, whose R, G, B and A are the unnamed ones of the file.
    """
    unnamed_taken = False
    channels = []
    for header in headers:
        bare = [stored for stored in header.channels if "." not in stored]
        as_layer = bool(header.part) and len(headers) > 1 and (len(bare) == 1 or unnamed_taken)
        unnamed_taken = unnamed_taken or (bool(bare) and not as_layer)
        for stored in header.channels:
            name = f"{header.part}.{stored}" if as_layer and stored in bare else stored
            channels.append(Channel(name, header.part or None, stored))
    return channels


def find_channels(channels: Sequence[Channel], selector: str) -> list[Channel]:
    """Return the channels that a selector means: one for a channel, all of a layer for a layer, none if unknown."""
    exact = [channel for channel in channels if channel.name == selector]
    if exact:
        return exact[:1]
    wanted = Channel(selector, None, selector)
    layer = "" if wanted.layer.lower() in ("rgba", "rgb") else wanted.layer.lower()
    alike = [channel for channel in channels if (channel.layer.lower(), channel.short) == (layer, wanted.short)]
    by_layer = [channel for channel in channels if channel.layer and channel.layer.lower() == selector.lower()]
    by_part = [channel for channel in channels if (channel.part or "").lower() == selector.lower()]
    return alike[:1] or by_layer or by_part


def object_name(channels: Sequence[Channel], selector: str, default_name: str) -> str:
    """Return the name of the object that a selector means: its layer, or a channel's name that is no letter."""
    found = find_channels(channels, selector)
    if not found:
        return selector
    name = found[0].layer or found[0].name
    return default_name if len(name) == 1 else name


def read_picked(file: KeyframeFile, name: str, found: Sequence[Channel]) -> Matte:
    """Read the matte of a channel or layer that was picked.

    Raises:
        KeyframeError: The layer holds colours and no matte, or its pixels cannot be read.
    """
    matte = _matte_channel(found)
    if matte:
        return _read(file, {name: matte})[name]
    return _read_grey(file, name, found, found)


def read_layers(file: KeyframeFile, channels: Sequence[Channel]) -> dict[str, Matte]:
    """Read the mattes of a file from which nothing was picked.

    Every layer with a single matte channel is an object by the layer's name. A file without such layers is one
    object: its alpha, its only channel, or its colours where they are grey.

    Raises:
        KeyframeError: The file does not say what the matte is, or its pixels cannot be read.
    """
    layers: dict[str, list[Channel]] = defaultdict(list)
    for channel in channels:
        layers[channel.layer].append(channel)
    objects = {
        layer: members[0]
        for layer, members in layers.items()
        if layer and len(members) == 1 and members[0].short in _MATTE_CHANNELS
    }
    if objects:
        return _read(file, objects)
    if len(channels) == 1:
        return _read(file, {channels[0].layer or file.default_name: channels[0]})
    unnamed = layers[""]
    alpha = next((channel for channel in unnamed if channel.short == "a"), None)
    if alpha and (len(unnamed) == 1 or not _is_solid(file, alpha)):
        return _read(file, {file.default_name: alpha})
    luminance = next((channel for channel in unnamed if channel.short == "y"), None)
    if luminance:
        return _read(file, {file.default_name: luminance})
    return {file.default_name: _read_grey(file, file.default_name, unnamed, channels)}


def _choose(file: KeyframeFile, channels: Sequence[Channel]) -> KeyframeError:
    """Return the error that asks for a channel."""
    names = [channel.name for channel in channels]
    fix = f"Choose a channel or layer, such as {file.path.name}:{names[0]}. It has: {listed(names)}"
    return file.error("the file does not say which channel is the matte", fix)


def _matte_channel(channels: Sequence[Channel]) -> Channel | None:
    """Return the channel of a layer that is its matte."""
    if len(channels) == 1:
        return channels[0]
    by_short = {channel.short: channel for channel in reversed(channels)}
    return next((by_short[short] for short in _MATTE_CHANNELS if short in by_short), None)


def _is_solid(file: KeyframeFile, alpha: Channel) -> bool:
    """Whether an alpha is 1 all over the format, as of a picture without a matte."""
    image = read_image(file.path, part=alpha.part, channels=[alpha.stored], error=KeyframeError, where=file.where)
    display, data = image.header.display, image.header.data
    return data.intersection(display) == display and bool((image.pixels == 1).all())


def _read_grey(file: KeyframeFile, name: str, channels: Sequence[Channel], choices: Sequence[Channel]) -> Matte:
    """Read colours that are all grey as one matte; where they are not, ask for one of the choices."""
    by_short = {channel.short: channel for channel in reversed(channels)}
    if not {"r", "g", "b"} <= by_short.keys():
        raise _choose(file, choices)
    stored = [by_short[short].stored for short in "rgb"]
    image = read_image(file.path, part=channels[0].part, channels=stored, error=KeyframeError, where=file.where)
    # Three NaN, or three infinities, are as grey as three zeros.
    red, green, blue = (np.nan_to_num(np.clip(image.pixels[..., index], 0, 1)) for index in range(3))
    if max(float(np.abs(red - green).max()), float(np.abs(blue - green).max())) > GREY_TOLERANCE:
        raise _choose(file, choices)
    return file.fit(name, green, image)


def _read(file: KeyframeFile, wanted: dict[str, Channel]) -> dict[str, Matte]:
    """Read one channel for each object, a part at a time."""
    mattes = {}
    parts: dict[str | None, dict[str, Channel]] = defaultdict(dict)
    for name, channel in wanted.items():
        parts[channel.part][name] = channel
    for part, members in parts.items():
        stored = [channel.stored for channel in members.values()]
        image = read_image(file.path, part=part, channels=stored, error=KeyframeError, where=file.where)
        for index, name in enumerate(members):
            mattes[name] = file.fit(name, image.pixels[..., index], image)
    return {name: mattes[name] for name in wanted}
