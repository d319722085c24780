"""Reads matrix-and-curve ICC profiles, as cameras, displays and working spaces have."""

from __future__ import annotations

import struct
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.bridge.printable import printable
from stcn_plugin.media.colour_encoding import Curve, Encoding, Matrix, matrix_from_xyz

_D50 = np.array([0.9642, 1.0, 0.8249])
_STEPS = 1024  # samples of a curve
_TOLERANCE = 4e-3  # distance between two curves that count as equal: one 8-bit step


@lru_cache(32)
def icc_encoding(profile: bytes) -> Encoding | None:
    """Return the encoding of an ICC profile.

    Args:
        profile: The whole profile.

    Returns:
        Matrix and curve, or a ``warning`` if the profile uses lookup tables or is not for RGB or grey; ``None`` for
        sRGB.
    """
    source = "the ICC profile"
    try:
        tags = _tags(profile)
        source = f"the ICC profile '{_name(tags)}'" if _name(tags) else source
        kind = profile[16:20]
        if kind == b"GRAY":
            return _none_if_srgb(source, None, _curve([_table(tags[b"kTRC"])]))
        if kind != b"RGB ":
            colours = kind.decode("latin-1").strip()
            return Encoding(source, warning=f"{source} is for {colours} colours and is not used")
        columns = [_xyz(tags[tag]) for tag in (b"rXYZ", b"gXYZ", b"bXYZ")]
        matrix = matrix_from_xyz(np.array(columns).T, white=_D50)
        return _none_if_srgb(source, matrix, _curve([_table(tags[tag]) for tag in (b"rTRC", b"gTRC", b"bTRC")]))
    except (KeyError, ValueError, struct.error, IndexError, ArithmeticError):
        return Encoding(source, warning=f"{source} has no readable matrix and curve, and is not used")


def _none_if_srgb(source: str, matrix: Matrix | None, curve: Curve | float | tuple[float, ...]) -> Encoding | None:
    return None if matrix is None and curve == "srgb" else Encoding(source, matrix, curve)


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """Return the tagged elements of a profile."""
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > 1000:
        raise ValueError("too many tags")
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(count))
    return {tag: profile[offset : offset + size] for tag, offset, size in entries}


def _name(tags: dict[bytes, bytes]) -> str:
    """Return the description of a profile as plain text."""
    element = tags.get(b"desc", b"")
    if element[:4] == b"mluc" and len(element) >= 28:
        size, offset = struct.unpack_from(">II", element, 20)
        text = element[offset : offset + size].decode("utf-16-be", "replace")
    else:
        text = element[12:].split(b"\0")[0].decode("latin-1")
    return printable(text)[:60]


def _xyz(element: bytes) -> tuple[float, float, float]:
    x, y, z = struct.unpack_from(">3i", element, 8)
    return x / 65536, y / 65536, z / 65536


def _table(element: bytes) -> NDArray[np.float64]:
    """Return a curve element as light over evenly spaced values."""
    numbers = np.linspace(0, 1, _STEPS)
    if element[:4] == b"curv":
        (count,) = struct.unpack_from(">I", element, 8)
        if count == 0:
            return numbers
        if count == 1:
            return np.asarray(numbers ** (struct.unpack_from(">H", element, 12)[0] / 256))
        if count > 65536:
            raise ValueError("curve too long")
        stored = np.frombuffer(element, ">u2", count, 12) / 65535
        return np.asarray(np.interp(numbers, np.linspace(0, 1, count), stored))
    if element[:4] != b"para":
        raise ValueError("unknown curve type")
    (kind,) = struct.unpack_from(">H", element, 8)
    gamma, *rest = (value / 65536 for value in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", element, 12))
    a, b, c, d, e, f = 1.0, 0.0, 0.0, 0.0, 0.0, 0.0
    if kind in (1, 2):
        a, b = rest[:2]
        d, e = -b / a, rest[2] if kind == 2 else 0.0
        f = e
    elif kind > 2:
        a, b, c, d = rest[:4]
        e, f = rest[4:] or (0.0, 0.0)
    above = np.maximum(a * numbers + b, 0) ** gamma + e
    return np.asarray(np.clip(np.where(numbers >= d, above, c * numbers + f), 0, 1), np.float64)


def _curve(tables: list[NDArray[np.float64]]) -> Curve | float | tuple[float, ...]:
    """Return the curve that all channels share, by name if it has one."""
    if any(np.abs(table - tables[0]).max() > _TOLERANCE for table in tables):
        raise ValueError("the channels have different curves")
    light = np.clip(np.nan_to_num(tables[0]), 0, 1)
    numbers = np.linspace(0, 1, _STEPS)
    shown = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    if np.abs(shown - numbers).max() < _TOLERANCE:
        return "srgb"
    if not light[-1] >= 0.5:
        raise ValueError("white is black")
    middle = float(light[_STEPS // 2])
    exponent = float(np.log(middle) / np.log(numbers[_STEPS // 2])) if 0 < middle < 1 else 1.0
    if 0.1 < exponent < 10 and np.abs(light - numbers**exponent).max() < 1e-3:
        return "linear" if abs(exponent - 1) < 1e-3 else exponent
    return tuple(float(value) for value in light)
