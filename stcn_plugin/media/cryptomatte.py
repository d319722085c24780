"""Cryptomatte 1.2: object names as 32-bit float ids, coverage in ranks, on plain arrays.

A pixel stores its objects as pairs (id, coverage), ranked by coverage; the layers ``CryptoObject00``,
``CryptoObject01``... hold two pairs each, in their channels r, g, b and a.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import mmh3
import numpy as np
from numpy.typing import NDArray

MIN_RANKS = 6  # what the specification suggests, and what hosts show without being asked for more
MAX_RANKS = 12  # what lies behind the twelfth rank covers less than a thirteenth of its pixel

_EXPONENT = 0xFF << 23
_RED, _GREEN, _BLUE, _ALPHA = ("r", "red"), ("g", "green"), ("b", "blue"), ("a", "alpha")
_ROWS_AT_ONCE = 64  # bounds what sorting needs besides the picture itself


@dataclass(frozen=True)
class Cryptomatte:
    """One cryptomatte of a file, as its metadata describes it.

    Args:
        name: Name of its layers without their number, such as ``CryptoObject``.
        ids: Id of each object in the manifest; empty where the file has none.
        manifest_file: Sidecar manifest, relative to the picture.
    """

    name: str
    ids: Mapping[str, float]
    manifest_file: str | None = None

    def id_of(self, object_name: str) -> float:
        """Return the id the manifest gives a name, or the hash of the name where there is no manifest."""
        return self.ids[object_name] if object_name in self.ids else hash_id(object_name)


def hash_bits(name: str) -> int:
    """Return the 32 bits that a name's id consists of: MurmurHash3, kept away from infinity, NaN and denormals."""
    bits = mmh3.hash(name, 0, signed=False)
    return bits ^ (1 << 23) if bits & _EXPONENT in (0, _EXPONENT) else bits


def hash_id(name: str) -> float:
    """Return the id of a name as Cryptomatte stores it: its 32 bits read as a float.

    >>> f"{hash_id('hello'):.7e}"
    '6.0705627e-17'
    """
    return float(np.array(hash_bits(name), np.uint32).view(np.float32))


def rank_count(objects: int) -> int:
    """Return how many ranks a shot with this many objects has; even, and the same on all of its frames."""
    return min(MAX_RANKS, max(MIN_RANKS, objects + objects % 2))


def channel_names(name: str, ranks: int) -> tuple[str, ...]:
    """Return the channels of a cryptomatte in the order that `encode` gives: ``CryptoObject00.r``...

    Args:
        name: Name of its layers without their number.
        ranks: Pairs (id, coverage) in each pixel, an even number.
    """
    return tuple(f"{name}{layer:02d}.{channel}" for layer in range(ranks // 2) for channel in "rgba")


def metadata(name: str, objects: Sequence[str]) -> dict[str, str]:
    """Return the metadata of a file with one cryptomatte; the manifest is embedded.

    Args:
        name: Name of its layers without their number.
        objects: Names of the objects.
    """
    prefix = f"cryptomatte/{hash_bits(name):08x}"[: len("cryptomatte/") + 7]
    manifest = {object_name: f"{hash_bits(object_name):08x}" for object_name in objects}
    return {
        f"{prefix}/name": name,
        f"{prefix}/hash": "MurmurHash3_32",
        f"{prefix}/conversion": "uint32_to_float32",
        f"{prefix}/manifest": json.dumps(manifest, ensure_ascii=False, separators=(",", ":")),
    }


def cryptomattes(metadata: Mapping[str, str]) -> list[Cryptomatte]:
    """Return the cryptomattes that a file's metadata describe, in the order of their names."""
    groups: dict[str, dict[str, str]] = {}
    for key, value in metadata.items():
        parts = key.split("/", 2)
        if len(parts) == 3 and parts[0].lower() == "cryptomatte":
            groups.setdefault(parts[1], {})[parts[2]] = value
    found = [
        Cryptomatte(group["name"], manifest_ids(group.get("manifest", "")), group.get("manif_file"))
        for group in groups.values()
        if "name" in group
    ]
    return sorted(found, key=lambda one: one.name)


def manifest_ids(text: str) -> dict[str, float]:
    """Read a manifest, JSON of names and hexadecimal ids; one that cannot be read counts as absent."""
    try:
        content = json.loads(text)
        bits = {str(name): int(value, 16) for name, value in content.items()}
        return {name: float(np.array(value, np.uint32).view(np.float32)) for name, value in bits.items()}
    except (ValueError, TypeError, AttributeError, OverflowError):
        return {}


def rank_channels(name: str, channels: Sequence[str]) -> list[tuple[str, str]]:
    """Find the (id, coverage) channels of a cryptomatte, best rank first, in any of the spellings in use.

    Args:
        name: Name of its layers without their number.
        channels: All channels of the file, ``layer.channel``.
    """
    layers: dict[int, dict[str, str]] = {}
    pattern = re.compile(re.escape(name) + r"(?P<number>\d+)\.(?P<channel>\w+)")
    for channel in channels:
        if match := pattern.fullmatch(channel):
            layers.setdefault(int(match["number"]), {})[match["channel"].lower()] = channel
    pairs = []
    for _, layer in sorted(layers.items()):
        for id_spellings, coverage_spellings in ((_RED, _GREEN), (_BLUE, _ALPHA)):
            identifier = next((layer[spelling] for spelling in id_spellings if spelling in layer), None)
            coverage = next((layer[spelling] for spelling in coverage_spellings if spelling in layer), None)
            if identifier and coverage:
                pairs.append((identifier, coverage))
    return pairs


def encode(mattes: Mapping[str, NDArray[np.float32]], ranks: int) -> NDArray[np.float32]:
    """Rank the objects of each pixel by coverage.

    Args:
        mattes: Coverage ``(H, W)`` in [0, 1] of each object.
        ranks: Pairs kept in each pixel; what covers least is dropped beyond them.

    Returns:
        ``(H, W, 2 * ranks)``: id and coverage of each rank, 0 where there is no object.
    """
    layers = list(mattes.values())
    height, width = layers[0].shape
    ids = np.array([hash_id(name) for name in mattes], np.float32)
    encoded = np.zeros((height, width, ranks, 2), np.float32)
    kept = min(ranks, len(layers))
    for top in range(0, height, _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        coverage = np.stack([layer[rows] for layer in layers], axis=-1)  # (rows, W, objects)
        order = np.argsort(-coverage, axis=-1, kind="stable")[..., :kept]
        ranked = np.take_along_axis(coverage, order, axis=-1)
        encoded[rows, :, :kept, 0] = np.where(ranked > 0, ids[order], 0)
        encoded[rows, :, :kept, 1] = ranked
    return encoded.reshape(height, width, 2 * ranks)


def decode(pixels: NDArray[np.float32], identifier: float) -> NDArray[np.float32]:
    """Return the coverage of one object.

    Args:
        pixels: ``(H, W, 2 * ranks)``: id and coverage of each rank.
        identifier: Id of the object.

    Returns:
        ``(H, W)`` coverage, 0 where the object is absent.
    """
    ids, coverage = pixels[..., 0::2], pixels[..., 1::2]
    matched = np.where(ids == np.float32(identifier), coverage, np.float32(0))
    return cast("NDArray[np.float32]", matched.sum(axis=-1, dtype=np.float32))
