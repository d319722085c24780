"""The Cryptomattes of an EXR: their channels, however a program spells them, and the mattes of their objects."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import STCNError
from stcn_plugin.media.cryptomatte import decode, hash_bits, key_of
from stcn_plugin.media.images import ImageHeader
from stcn_plugin.media.matte_reader.channels import Channel
from stcn_plugin.media.matte_reader.crypto_layers import (
    Layers,
    Ranks,
    by_layer,
    cryptomatte_names,
    pairs,
    ranks_by_name,
)
from stcn_plugin.media.matte_reader.manifest import ManifestError, parse_manifest, read_side_file
from stcn_plugin.media.matte_reader.source import Plane, Source, listed

_KEY = re.compile(r"(?:.*/)?cryptomatte/(?P<group>[^/]+)/(?P<field>[^/]+)", re.IGNORECASE)
_UNNAMED_OBJECT = re.compile(r"<(?P<id>[^<>]+)>")  # how hosts call an object whose name no manifest gives
_EXPONENT = 1 << 23
_MOST = 64  # Cryptomattes of one file; renders have three


class Cryptomatte:
    """One Cryptomatte of a file.

    Args:
        source: The file.
        name: Name of its layers without their number, such as ``CryptoObject``.
        fields: What the metadata say of it: ``manifest``, ``manif_file``, ``conversion``, ``hash``.
        layers: The channels of the file by layer, among which its own are found.
    """

    def __init__(self, source: Source, name: str, fields: Mapping[str, str], layers: Layers) -> None:
        self.name = name
        self._source = source
        self._fields = fields
        self._layers = layers

    @cached_property
    def ids(self) -> Mapping[str, int]:
        """The 32-bit id of each name in the manifest; empty where there is none that can be read.

        Raises:
            STCNError: The side file cannot be trusted.
        """
        try:
            if inside := parse_manifest(self._fields.get("manifest", "{}")):
                return inside
        except ManifestError:
            pass  # names still are found by their hash
        side_file = self._fields.get("manif_file")
        return (side_file and read_side_file(self._source, side_file)) or {}

    def candidate_ids(self, object_name: str) -> Iterator[int]:
        """Yield the ids that a name may have: of the manifest, of ``<1a2b3c4d>`` and ``<6.07e-17>``, or its hash."""
        if object_name in self.ids:
            yield self.ids[object_name]
            return
        if match := _UNNAMED_OBJECT.fullmatch(object_name):
            yield from _ids_of(match["id"])
        if not self.ids and self._fields.get("hash", "MurmurHash3_32") == "MurmurHash3_32":
            yield hash_bits(object_name)

    def matte(self, object_name: str) -> Plane | None:
        """Return the matte of an object; ``None`` where it has no such one.

        Raises:
            STCNError: Its channels are absent, or cannot hold ids.
        """
        found = None
        for bits in self.candidate_ids(object_name):
            pixels, header = self._pixels
            for spelling in _id_variants(bits):
                found = Plane(decode(pixels, spelling), header)
                if found.pixels.any():
                    return found
        return found if object_name in self.ids else None

    @cached_property
    def _pixels(self) -> tuple[NDArray[np.float32], ImageHeader]:
        """The ranks: ``(H, W, 2 * ranks)`` ids and coverage."""
        conversion = self._fields.get("conversion", "uint32_to_float32")
        if conversion != "uint32_to_float32":
            what = f"the Cryptomatte '{self.name}' stores ids as {conversion!r}, which is unknown"
            raise self._source.problem(what, "Render it with the conversion uint32_to_float32")
        ranks = ranks_by_name(self.name, self._layers) or self._ranks_by_ids()
        if not ranks:
            layers = listed(sorted({layer for layer in self._layers if layer}))
            raise self._source.problem(
                f"the file says that it holds the Cryptomatte '{self.name}', but has no channels of it",
                f"Write the layers {self.name}00, {self.name}01... with it" + (f"; it has {layers}" if layers else ""),
            )
        return self._read([channel for pair in ranks for channel in pair])

    def _read(self, channels: Sequence[Channel]) -> tuple[NDArray[np.float32], ImageHeader]:
        """Read channels, a part at a time."""
        parts: dict[str | None, list[Channel]] = defaultdict(list)
        for channel in channels:
            parts[channel.part].append(channel)
        planes: dict[Channel, NDArray[Any]] = {}
        headers = []
        for part, members in parts.items():
            header, pixels = self._source.stored(part, [channel.stored for channel in members])
            if header.format != "float":
                raise self._source.problem(
                    f"the Cryptomatte '{self.name}' is stored as {header.format}, which destroys its ids",
                    "Write its channels as 32-bit float, without lossy compression",
                )
            headers.append(header)
            planes.update({channel: pixels[..., index] for index, channel in enumerate(members)})
        if len({header.header.data for header in headers}) > 1:
            raise self._source.problem(
                f"the parts of the Cryptomatte '{self.name}' have different data windows",
                "Write all of its layers with one data window",
            )
        if len(parts) == 1:
            return np.ascontiguousarray(pixels), header
        return np.stack([planes[channel] for channel in channels], axis=-1), headers[0]

    def _ranks_by_ids(self) -> Ranks:
        """Find the ranks of layers that a program has renamed: those whose ids are in the manifest."""
        known = np.array(sorted({each for bits in self.ids.values() for each in _id_variants(bits)}), np.uint32)
        ranks: list[tuple[Channel, Channel]] = []
        for members in self._layers.values():
            found = pairs(members)
            if len(found) != 2 or not known.size:
                continue
            pixels, _ = self._read([channel for pair in found for channel in pair])
            shown = pixels[..., 1::2] > 0
            ids = np.ascontiguousarray(pixels[..., 0::2]).view(np.uint32)[shown]
            ids = ids[ids != 0]
            if ids.size and np.isin(ids, known).all():
                ranks += found
        return ranks


def find_cryptomattes(source: Source, headers: Sequence[ImageHeader], channels: Sequence[Channel]) -> list[Cryptomatte]:
    """Return the Cryptomattes of a file: those that its metadata describe, and those known by their layers' names alone.

    Args:
        source: The file.
        headers: The headers of all parts; a Cryptomatte may be described in any.
        channels: All channels.

    Raises:
        STCNError: It describes too many.
    """
    layers = by_layer(channels)
    groups: dict[str, dict[str, str]] = {}
    for header in headers:
        for key, value in header.metadata.items():
            if match := _KEY.fullmatch(key):
                groups.setdefault(match["group"], {})[match["field"]] = value
    if len(groups) > _MOST:
        what = f"the file describes {len(groups)} Cryptomattes"
        raise source.problem(what, f"Write it with {_MOST} at most")
    called = cryptomatte_names(layers)
    if not groups:
        return [Cryptomatte(source, name, {}, layers) for name in sorted(called)]
    found = []
    for group, fields in groups.items():
        name = fields.get("name") or next((each for each in called if key_of(each) == group), None)
        if name:
            found.append(Cryptomatte(source, name, fields, layers))
    return sorted(found, key=lambda one: one.name)


def choose_object(source: Source, found: Sequence[Cryptomatte]) -> STCNError:
    """Return the error that asks for an object of a Cryptomatte."""
    names = object_names(found)
    example = names[0] if names else "NAME"
    known = f"It has: {listed(names)}" if names else "It carries no manifest of their names"
    fix = f"Choose an object, such as {source.path.name}:{example}. {known}"
    return source.problem("the file is a Cryptomatte, and no object of it was chosen", fix)


def read_object(source: Source, found: Sequence[Cryptomatte], selector: str) -> Plane:
    """Return the matte of an object, by its name or by ``CryptoObject:name`` where several Cryptomattes have it.

    Raises:
        STCNError: There is no such object, or it is not the same in all Cryptomattes that have it.
    """
    mattes = {one.name: matte for one in found if (matte := one.matte(selector)) is not None}
    if not mattes:
        for one in found:
            prefix, _, rest = selector.partition(":")
            if prefix == one.name and (matte := one.matte(rest)) is not None:
                return matte
        names = object_names(found)
        if names:
            raise source.unknown("object", selector, names)
    shown = {name: matte for name, matte in mattes.items() if matte.pixels.any()}
    if not shown and any(not one.ids for one in found):
        raise source.problem(
            f"there is no object '{selector}' in this frame of the file",
            "Check the spelling: this Cryptomatte carries no manifest of the names that it has",
        )
    first = next(iter((shown or mattes).values()))
    if any(not np.array_equal(first.pixels, other.pixels) for other in shown.values()):
        names = list(shown)
        what = f"the object '{selector}' is in {listed(names)}, and not the same in each"
        raise source.problem(what, f"Choose one, such as {source.path.name}:{names[0]}:{selector}")
    return first


def object_names(found: Iterable[Cryptomatte]) -> list[str]:
    """Return the names in all manifests, sorted."""
    return sorted({name for one in found for name in one.ids})


def _ids_of(text: str) -> Iterator[int]:
    """Yield the ids that a number in angle brackets may be: eight digits of their bits, or the float that Nuke shows."""
    if re.fullmatch(r"[0-9a-fA-F]{8}", text):
        yield int(text, 16)
    with suppress(ValueError, OverflowError):
        yield int(np.float32(text).view(np.uint32))


def _id_variants(bits: int) -> tuple[int, ...]:
    """Return an id, and what it is where infinities, NaN and denormals were avoided in one place and not in the other."""
    return (bits, bits ^ _EXPONENT) if (bits >> 23 & 0xFF) in (0, 1, 0xFE, 0xFF) else (bits,)
