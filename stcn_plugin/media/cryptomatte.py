"""Encodes and decodes Cryptomatte 1.2 on arrays.

A pixel stores (id, coverage) pairs ranked by coverage; ids are hashes of object names, stored as 32-bit floats. Each of
the layers ``CryptoObject00``, ``CryptoObject01``... holds two pairs in its channels r, g, b and a.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import mmh3
import numpy as np
from numpy.typing import NDArray

MIN_RANKS = 6  # suggested by the specification, and the default of hosts
MAX_RANKS = 12  # objects beyond the twelfth rank cover less than a thirteenth of the pixel

_EXPONENT = 0xFF << 23
_ROWS_AT_ONCE = 64  # limits the memory for sorting


def hash_bits(name: str) -> int:
    """Return the 32 bits of a name's id: MurmurHash3, changed where the float would be infinity, NaN or denormal."""
    bits = mmh3.hash(name, 0, signed=False)
    return bits ^ (1 << 23) if bits & _EXPONENT in (0, _EXPONENT) else bits


def hash_id(name: str) -> float:
    """Return the id of a name: the bits of its hash as a float.

    >>> f"{hash_id('hello'):.7e}"
    '6.0705627e-17'
    """
    return float(np.array(hash_bits(name), np.uint32).view(np.float32))


def key_of(name: str) -> str:
    """Return the metadata key of a Cryptomatte: the first seven digits of its name's hash."""
    return f"{hash_bits(name):08x}"[:7]


def rank_count(objects: int) -> int:
    """Return the number of ranks for a shot with this many objects; always even."""
    return min(MAX_RANKS, max(MIN_RANKS, objects + objects % 2))


def channel_names(name: str, ranks: int) -> tuple[str, ...]:
    """Return the channel names, such as ``CryptoObject00.r``, in the order of `encode`.

    Args:
        name: Name of the Cryptomatte: its layers without their number.
        ranks: (id, coverage) pairs per pixel; even.
    """
    return tuple(f"{name}{layer:02d}.{channel}" for layer in range(ranks // 2) for channel in "rgba")


def metadata(name: str, objects: Sequence[str]) -> dict[str, str]:
    """Return the metadata of a Cryptomatte, with its manifest embedded.

    Args:
        name: Name of the Cryptomatte: its layers without their number.
        objects: Names of the objects.
    """
    prefix = f"cryptomatte/{key_of(name)}"
    manifest = {object_name: f"{hash_bits(object_name):08x}" for object_name in objects}
    return {
        f"{prefix}/name": name,
        f"{prefix}/hash": "MurmurHash3_32",
        f"{prefix}/conversion": "uint32_to_float32",
        f"{prefix}/manifest": json.dumps(manifest, ensure_ascii=False, separators=(",", ":")),
    }


def encode(mattes: Mapping[str, NDArray[np.float32]], ranks: int) -> NDArray[np.float32]:
    """Rank the objects of each pixel by coverage.

    Args:
        mattes: Object name to ``(H, W)`` coverage in [0, 1].
        ranks: (id, coverage) pairs per pixel; further objects, which cover least, are dropped.

    Returns:
        ``(H, W, 2 * ranks)``: id and coverage of each rank; unused ranks are 0.
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


def decode(pixels: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Return the coverage of one object.

    Args:
        pixels: ``(H, W, 2 * ranks)``: id and coverage of each rank, C-contiguous.
        bits: The 32 bits of the object's id; compared as integers, since some ids are NaN as floats.

    Returns:
        ``(H, W)`` coverage.
    """
    ids, coverage = pixels.view(np.uint32)[..., 0::2], pixels[..., 1::2]
    total = np.zeros(pixels.shape[:2], np.float32)
    for rank in range(ids.shape[-1]):  # a temporary array of all ranks would be as large as the file
        np.add(total, coverage[..., rank], out=total, where=ids[..., rank] == np.uint32(bits))
    return total
