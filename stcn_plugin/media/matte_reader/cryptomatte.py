"""Reads the Cryptomattes of an EXR."""

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
from stcn_plugin.media.listing import to_nfc
from stcn_plugin.media.matte_reader.channels import Channel
from stcn_plugin.media.matte_reader.crypto_layers import (
    Layers,
    Ranks,
    by_layer,
    cryptomatte_names,
    pairs,
    ranks_by_layer,
)
from stcn_plugin.media.matte_reader.manifest import ManifestError, parse_manifest, read_side_file
from stcn_plugin.media.matte_reader.source import Plane, Source, listed

_KEY = re.compile(r"(?:.*/)?cryptomatte/(?P<group>[^/]+)/(?P<field>[^/]+)", re.IGNORECASE)
_UNNAMED_OBJECT = re.compile(r"<(?P<id>[^<>]+)>")  # name that hosts give an object without an entry in the manifest
_EXPONENT = 1 << 23
_MAX_CRYPTOMATTES = 64  # per file; renders have three


class Cryptomatte:
    """One Cryptomatte of a file.

    Args:
        source: The file.
        name: Name of its layers without their number, such as ``CryptoObject``.
        fields: Its metadata: ``manifest``, ``manif_file``, ``conversion``, ``hash``.
        layers: All layers of the file.
    """

    def __init__(self, source: Source, name: str, fields: Mapping[str, str], layers: Layers) -> None:
        self.name = name
        self._source = source
        self._fields = fields
        self._layers = layers

    @cached_property
    def ids(self) -> Mapping[str, int]:
        """Object name to 32-bit id, from the manifest; empty if there is no readable one.

        Raises:
            STCNError: The manifest is a side file that is invalid.
        """
        try:
            if embedded := parse_manifest(self._fields.get("manifest", "{}")):
                return embedded
        except ManifestError:
            pass  # objects can still be found by the hash of their name
        side_file = self._fields.get("manif_file")
        return (side_file and read_side_file(self._source, side_file)) or {}

    def candidate_ids(self, object_name: str) -> Iterator[int]:
        """Yield the possible ids of a name: from the manifest, from ``<1a2b3c4d>`` or ``<6.07e-17>``, or its hash."""
        if (known := self._name_in_manifest(object_name)) is not None:
            yield self.ids[known]
            return
        if match := _UNNAMED_OBJECT.fullmatch(object_name):
            yield from _ids_of(match["id"])
        if not self.ids and self._fields.get("hash", "MurmurHash3_32") == "MurmurHash3_32":
            yield hash_bits(object_name)

    def matte(self, object_name: str) -> Plane | None:
        """Return the matte of an object; ``None`` if there is no such object.

        Raises:
            STCNError: The channels are missing, or cannot hold ids.
        """
        found = None
        for bits in self.candidate_ids(object_name):
            pixels, header = self._pixels
            for variant in _id_variants(bits):
                found = Plane(decode(pixels, variant), header, self._note)
                if found.pixels.any():
                    return found
        return found if self._name_in_manifest(object_name) is not None else None

    def _name_in_manifest(self, object_name: str) -> str | None:
        """Return the manifest's spelling of a name, which may be in another normal form; ``None`` without such a name."""
        if object_name in self.ids:
            return object_name
        return next((name for name in self.ids if to_nfc(name) == to_nfc(object_name)), None)

    @cached_property
    def _ranks(self) -> Mapping[int, Ranks]:
        """Layer number to the ranks of that layer; empty if its layers cannot be found by name."""
        return ranks_by_layer(self.name, self._layers)

    @cached_property
    def _note(self) -> str | None:
        """A warning if layers are missing from the file, and with them part of the coverage; else ``None``."""
        numbers = range(max(self._ranks, default=0))
        missing = [f"{self.name}{number:02d}" for number in numbers if number not in self._ranks]
        return f"the Cryptomatte has no {listed(missing)}, and its mattes may lack coverage" if missing else None

    @cached_property
    def _pixels(self) -> tuple[NDArray[np.float32], ImageHeader]:
        """The ids and coverage of all ranks, ``(H, W, 2 * ranks)``, and their header."""
        conversion = self._fields.get("conversion", "uint32_to_float32")
        if conversion != "uint32_to_float32":
            what = f"the Cryptomatte '{self.name}' uses the unknown conversion {conversion!r}"
            raise self._source.problem(what, "Render it with the conversion uint32_to_float32")
        ranks = [pair for layer in self._ranks.values() for pair in layer] or self._ranks_by_ids()
        if not ranks:
            layers = listed(sorted({layer for layer in self._layers if layer}))
            raise self._source.problem(
                f"the metadata describes the Cryptomatte '{self.name}', but the file has no channels of it",
                f"Write the layers {self.name}00, {self.name}01... to it" + (f"; it has {layers}" if layers else ""),
            )
        return self._read([channel for pair in ranks for channel in pair])

    def _read(self, channels: Sequence[Channel]) -> tuple[NDArray[np.float32], ImageHeader]:
        """Read channels, which may be in several parts."""
        parts: dict[str | None, list[Channel]] = defaultdict(list)
        for channel in channels:
            parts[channel.part].append(channel)
        planes: dict[Channel, NDArray[Any]] = {}
        headers = []
        for part, members in parts.items():
            header, pixels = self._source.read_stored(part, [channel.stored for channel in members])
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
        """Find the ranks of renamed layers: those whose ids are in the manifest."""
        known = np.array(sorted({each for bits in self.ids.values() for each in _id_variants(bits)}), np.uint32)
        ranks: list[tuple[Channel, Channel]] = []
        for members in self._layers.values():
            found = pairs(members)
            if len(found) != 2 or not known.size:
                continue
            pixels, _ = self._read([channel for pair in found for channel in pair])
            covered = pixels[..., 1::2] > 0
            ids = np.ascontiguousarray(pixels[..., 0::2]).view(np.uint32)[covered]
            ids = ids[ids != 0]
            if ids.size and np.isin(ids, known).all():
                ranks += found
        return ranks


def find_cryptomattes(source: Source, headers: Sequence[ImageHeader], channels: Sequence[Channel]) -> list[Cryptomatte]:
    """Return the Cryptomattes that the metadata of a file describes, or else those found by the names of layers.

    Args:
        source: The file.
        headers: The headers of all parts; any may describe a Cryptomatte.
        channels: All channels.

    Raises:
        STCNError: The metadata describes too many.
    """
    layers = by_layer(channels)
    groups: dict[str, dict[str, str]] = {}
    for header in headers:
        for key, value in header.metadata.items():
            if match := _KEY.fullmatch(key):
                groups.setdefault(match["group"], {})[match["field"]] = value
    if len(groups) > _MAX_CRYPTOMATTES:
        what = f"the file describes {len(groups)} Cryptomattes"
        raise source.problem(what, f"Write it with at most {_MAX_CRYPTOMATTES}")
    layer_names = cryptomatte_names(layers)
    if not groups:
        return [Cryptomatte(source, name, {}, layers) for name in sorted(layer_names)]
    found = []
    for group, fields in groups.items():
        name = fields.get("name") or next((name for name in layer_names if key_of(name) == group), None)
        if name:
            found.append(Cryptomatte(source, name, fields, layers))
    return sorted(found, key=lambda cryptomatte: cryptomatte.name)


def object_choice_error(source: Source, found: Sequence[Cryptomatte]) -> STCNError:
    """Return the error that asks the user to choose an object of a Cryptomatte."""
    names = object_names(found)
    example = names[0] if names else "NAME"
    known = f"It has: {listed(names)}" if names else "It has no manifest of object names"
    fix = f"Choose an object, such as {source.path.name}:{example}. {known}"
    return source.problem("the file is a Cryptomatte, and no object was chosen", fix)


def read_object(source: Source, found: Sequence[Cryptomatte], selector: str) -> Plane:
    """Return the matte of an object by its name, or by ``CryptoObject:name`` to choose one of several Cryptomattes.

    Raises:
        STCNError: There is no such object, or several Cryptomattes have it with different mattes.
    """
    mattes = {cryptomatte.name: matte for cryptomatte in found if (matte := cryptomatte.matte(selector)) is not None}
    if not mattes:
        prefix, _, name = selector.partition(":")
        for cryptomatte in found:
            if cryptomatte.name == prefix and (matte := cryptomatte.matte(name)) is not None:
                return matte
        names = object_names(found)
        if names:
            raise source.not_found("object", selector, names)
    visible = {name: matte for name, matte in mattes.items() if matte.pixels.any()}
    if not visible and any(not cryptomatte.ids for cryptomatte in found):
        raise source.problem(
            f"there is no object '{selector}' in this frame of the file",
            "Check the spelling: this Cryptomatte has no manifest of object names",
        )
    first = next(iter((visible or mattes).values()))
    if any(not np.array_equal(first.pixels, other.pixels) for other in visible.values()):
        names = list(visible)
        what = f"the object '{selector}' has different mattes in {listed(names)}"
        raise source.problem(what, f"Choose one, such as {source.path.name}:{names[0]}:{selector}")
    return first


def object_names(found: Iterable[Cryptomatte]) -> list[str]:
    """Return the names in all manifests, sorted."""
    return sorted({name for cryptomatte in found for name in cryptomatte.ids})


def _ids_of(text: str) -> Iterator[int]:
    """Yield the possible ids of a number in angle brackets: eight hexadecimal digits, or the float that Nuke shows."""
    if re.fullmatch(r"[0-9a-fA-F]{8}", text):
        yield int(text, 16)
    with suppress(ValueError, OverflowError):
        yield int(np.float32(text).view(np.uint32))


def _id_variants(bits: int) -> tuple[int, ...]:
    """Return an id, with its variant if only one of writer and manifest avoids infinity, NaN and denormals."""
    return (bits, bits ^ _EXPONENT) if (bits >> 23 & 0xFF) in (0, 1, 0xFE, 0xFF) else (bits,)
