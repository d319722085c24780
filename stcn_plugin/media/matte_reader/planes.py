"""Reads the channels of a matte file, each once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from stcn_plugin.errors import STCNError
from stcn_plugin.media.images import ImageHeader
from stcn_plugin.media.matte_reader.channels import Channel, alpha_first, channels_of, colour_channels
from stcn_plugin.media.matte_reader.palette import Palette, read_palette
from stcn_plugin.media.matte_reader.picture import Picture
from stcn_plugin.media.matte_reader.source import Plane, Source, listed, plane_of


class Planes:
    """Reads and caches the channels of a file.

    Args:
        source: The file.
        headers: The headers of its parts.
    """

    def __init__(self, source: Source, headers: Sequence[ImageHeader]) -> None:
        self._source = source
        self._header = headers[0]
        self._read: dict[Channel, tuple[ImageHeader, NDArray[Any]]] = {}
        self.channels = channels_of(headers)
        self.is_exr = headers[0].file_format == "openexr"

    @cached_property
    def palette(self) -> Palette | None:
        """The palette and its indices; ``None`` for other images.

        Raises:
            STCNError: Its pixels are damaged.
        """
        return read_palette(self._source, self._header)

    @cached_property
    def picture_channels(self) -> dict[str, Channel]:
        """The channels of the main layer by role: r, g and b, or y; optionally a."""
        if len(self.channels) == 1:
            return {"y": self.channels[0]}
        main = [channel for channel in self.channels if not channel.layer]
        by_short = {channel.short: channel for channel in reversed(main)}
        found = {channel.short: channel for channel in colour_channels(main)}
        for short in "ya":
            if short in by_short and (short == "a" or not found):
                found[short] = by_short[short]
        return found

    def read(self, wanted: Mapping[str, Channel]) -> dict[str, Plane]:
        """Read channels as coverage.

        Args:
            wanted: Key to channel.

        Raises:
            STCNError: Pixels are missing or damaged.
        """
        self._load(wanted.values())
        found = {key: self._read[channel] for key, channel in wanted.items()}
        return {key: plane_of(stored, header) for key, (header, stored) in found.items()}

    def picture(self, channels: Mapping[str, Channel]) -> Picture:
        """Read channels as an image.

        Args:
            channels: Role to channel, as in `picture_channels`.

        Raises:
            STCNError: ``channels`` is empty, or pixels are missing or damaged.
        """
        choice_error = self.choice_error(list(channels.values()))
        grey = channels.get("y") or channels.get("r")
        grey_channel = grey.name if grey else "Y"
        if self.palette is not None:
            planes = {short: self.palette.pixels[..., index] for index, short in enumerate("rgba")}
            return Picture(
                self._source,
                self._header,
                planes,
                grey_channel=grey_channel,
                palette=self.palette,
                choice_error=choice_error,
            )
        if not channels:
            raise choice_error
        self._load(channels.values())
        header = self._read[next(iter(channels.values()))][0]
        planes = {short: self._read[channel][1] for short, channel in channels.items()}
        return Picture(self._source, header, planes, grey_channel=grey_channel, choice_error=choice_error)

    def choice_error(self, channels: Sequence[Channel] = ()) -> STCNError:
        """Return the error that asks the user to choose a channel.

        Args:
            channels: The channels to choose from; all if empty.
        """
        names = alpha_first(channels or self.channels)
        example = f"{self._source.path.name}:{names[0]}"
        if not self.is_exr:
            fix = f"Choose a channel, such as {example}, or save the matte as grey or alpha"
            return self._source.problem("the image is coloured: it does not say what the matte is", fix)
        fix = f"Choose a channel or layer, such as {example}. It has: {listed(alpha_first(self.channels))}"
        return self._source.problem("the file does not say which channel is the matte", fix)

    def _load(self, wanted: Iterable[Channel]) -> None:
        """Read the channels that are not cached, one part at a time."""
        parts: dict[str | None, list[Channel]] = defaultdict(list)
        for channel in dict.fromkeys(wanted):
            if channel not in self._read:
                parts[channel.part].append(channel)
        for part, members in parts.items():
            if self.palette is not None:
                header, pixels = self._header, self.palette.pixels
                places = [max(0, "RGBA".find(channel.stored)) for channel in members]
            else:
                header, pixels = self._source.read_stored(part, [channel.stored for channel in members])
                places = list(range(len(members)))
            for channel, place in zip(members, places, strict=True):
                self._read[channel] = header, pixels[..., place]
