"""Reads the colour metadata of an image file: a name, primaries and a transfer curve, or an ICC profile.

OpenImageIO reads names, EXR chromaticities and ICC profiles. This module reads what it leaves out: the primaries in PNG,
TIFF and Radiance files.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from stcn_plugin.bridge.printable import printable
from stcn_plugin.media.colour_encoding import Curve, Encoding, matrix_from_primaries, power_curve
from stcn_plugin.media.icc import icc_encoding

_ADOBE_RGB = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.329)
_AP0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)
_D65 = (0.3127, 0.329)
_C = (0.31, 0.316)
_CURVE_ONLY = ("linear", "lin", "scene-linear", "unknown")  # names that do not define primaries

# Code points of ITU-T H.273.
_CICP_PRIMARIES: Mapping[int, Sequence[float] | None] = {
    1: None,
    2: None,  # unspecified
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, *_C),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *_D65),
    7: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *_D65),
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, *_C),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    10: (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1 / 3, 1 / 3),
    11: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.314, 0.351),
    12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, *_D65),
    22: (0.63, 0.34, 0.295, 0.605, 0.155, 0.077, *_D65),
}
# Programs display video (1, 6, 7, 14, 15) as sRGB.
_CICP_CURVES: Mapping[int, Curve | float | None] = {
    **dict.fromkeys((1, 6, 7, 11, 13, 14, 15), "srgb"),
    2: None,
    4: power_curve(2.2),
    5: 2.8,
    8: "linear",
    16: "pq",
    17: 2.6,
    18: "hlg",
}
_DPX_LOG_TRANSFERS = ("Printing density", "ADX")  # OpenImageIO handles "Logarithmic"


def file_colours(path: Path, file_format: str, attributes: Mapping[str, Any]) -> str | Encoding | None:
    """Return the colour space or encoding of a file.

    Args:
        path: The file.
        file_format: OpenImageIO's name of the file format.
        attributes: Attributes read by OpenImageIO.

    Returns:
        A name as the file spells it, or a numeric encoding; ``None`` if the file has neither.
    """
    name = attributes.get("oiio:ColorSpace")
    name = name if isinstance(name, str) and name else None
    profile = attributes.get("ICCProfile")
    if file_format == "openexr":
        return _exr(name, attributes)
    if file_format == "png":
        return _png(path, profile)
    if profile is not None:
        return icc_encoding(bytes(profile)) or "sRGB"
    if file_format == "jpeg" and _is_adobe_rgb(attributes):
        return _encoding("Exif:ColorSpace", _ADOBE_RGB, 563 / 256)
    if file_format == "tiff":
        return _tiff(path) or name
    if file_format == "hdr":
        return _radiance(path) or name
    if file_format == "dpx" and attributes.get("dpx:Transfer") in _DPX_LOG_TRANSFERS:
        return str(attributes["dpx:Transfer"])
    gamma = attributes.get("oiio:Gamma")
    if file_format == "targa" and isinstance(gamma, float) and 0.1 < gamma < 10:
        return Encoding("oiio:Gamma", curve=power_curve(gamma))
    return name


def _encoding(
    source: str, primaries: Sequence[float] | None, curve: Curve | float | None = None, name: str | None = None
) -> Encoding:
    """Return the encoding of primaries and a curve; with a warning if the primaries are invalid."""
    if primaries is None:
        return Encoding(source, None, curve, name)
    if not (isinstance(primaries, Sequence) and all(isinstance(value, int | float) for value in primaries)):
        warning = f"{source} does not hold valid primaries ({printable(str(primaries))[:100]})"
        return Encoding(source, None, curve, name, warning)
    try:
        return Encoding(source, matrix_from_primaries(tuple(primaries)), curve, name)
    except ValueError as problem:
        shown = ", ".join(f"{value:.6g}" for value in primaries)
        warning = f"{source} does not hold valid primaries ({shown[:100]}: {problem})"
        return Encoding(source, None, curve, name, warning)


def _exr(name: str | None, attributes: Mapping[str, Any]) -> str | Encoding | None:
    """Read an EXR's interop name, else its chromaticities, else its ACES container flag."""
    primaries = attributes.get("chromaticities")
    interop = attributes.get("colorInteropID")
    name = interop if isinstance(interop, str) and interop else name  # OpenImageIO prefers the ACES flag
    if name and name.casefold() in _CURVE_ONLY and (primaries is not None or name.casefold() == "unknown"):
        name = None
    if primaries is None:
        return name
    if not attributes.get("acesImageContainerFlag") or interop:
        return _encoding("chromaticities", primaries, name=name)
    encoding = _encoding("chromaticities", primaries)
    if encoding.warning or np.allclose(primaries, _AP0, atol=1e-3):
        return Encoding("chromaticities", name=name, warning=encoding.warning)
    warning = "acesImageContainerFlag means ACES2065-1, but the chromaticities differ from it"
    return Encoding("chromaticities", encoding.matrix, "linear", warning=warning)


def _png(path: Path, profile: Any) -> str | Encoding | None:
    """Read a PNG's cICP, else iCCP, else sRGB, else gAMA and cHRM."""
    with path.open("rb") as file:
        chunks = _chunks(file)
    if len(code := chunks.get(b"cICP", b"")) == 4:
        return _cicp(*code)
    if profile is not None:
        return icc_encoding(bytes(profile)) or "sRGB"
    if b"sRGB" in chunks:
        return "sRGB"
    curve: Curve | float | None = None
    if len(gamma := chunks.get(b"gAMA", b"")) == 4:
        (value,) = struct.unpack(">I", gamma)
        if not 10_000 <= value <= 1_000_000:
            return Encoding("gAMA", warning=f"gAMA is {value / 100_000}, which is not a valid exponent")
        curve = power_curve(100_000 / value)
    if len(primaries := chunks.get(b"cHRM", b"")) == 32:
        white_first = [value / 100_000 for value in struct.unpack(">8I", primaries)]
        return _encoding("cHRM", (*white_first[2:], *white_first[:2]), curve)
    if curve in (None, "srgb"):
        return None
    return Encoding("gAMA", curve=curve)


def _chunks(file: BinaryIO) -> dict[bytes, bytes]:
    """Return the small chunks of a PNG that precede the pixels."""
    file.seek(8)
    found: dict[bytes, bytes] = {}
    for _ in range(1000):
        head = file.read(8)
        if len(head) < 8 or head[4:] in (b"IDAT", b"IEND"):
            break
        (size,) = struct.unpack(">I", head[:4])
        if size > 64:
            file.seek(size + 4, 1)
        else:
            found.setdefault(head[4:], file.read(size + 4)[:size])
    return found


def _cicp(primaries: int, transfer: int, _matrix: int, is_full: int) -> str | Encoding | None:
    if primaries not in _CICP_PRIMARIES or transfer not in _CICP_CURVES:
        return Encoding("cICP", warning=f"cICP has code points that are not supported ({primaries} and {transfer})")
    encoding = _encoding("cICP", _CICP_PRIMARIES[primaries], _CICP_CURVES[transfer])
    if not is_full:
        warning = "cICP declares video range, which is not expanded"
        return Encoding("cICP", encoding.matrix, encoding.curve, warning=warning)
    return encoding if encoding.matrix is not None or encoding.curve not in (None, "srgb") else "sRGB"


def _is_adobe_rgb(attributes: Mapping[str, Any]) -> bool:
    """Whether the Exif data of a JPEG declares Adobe RGB, in either of the two ways that cameras use."""
    space = attributes.get("Exif:ColorSpace")
    index = str(attributes.get("Exif:InteroperabilityIndex", ""))
    return space == 2 or (space == 0xFFFF and index.startswith("R03"))


def _tiff(path: Path) -> Encoding | None:
    """Read the tags PrimaryChromaticities and WhitePoint of a TIFF's first image."""
    with path.open("rb") as file:
        order = "<" if file.read(2) == b"II" else ">"
        version, start = struct.unpack(f"{order}HI", file.read(6).ljust(6, b"\0"))
        if version != 42:
            return None  # BigTIFF
        file.seek(start)
        (count,) = struct.unpack(f"{order}H", file.read(2).ljust(2, b"\0"))
        entries = file.read(12 * count)
        found = {
            entry[0]: entry[1:] for entry in struct.iter_unpack(f"{order}HHII", entries[: len(entries) // 12 * 12])
        }
        primaries = _fractions(file, order, found.get(319), 6)
        white = _fractions(file, order, found.get(318), 2)
    return _encoding("PrimaryChromaticities", (*primaries, *(white or _D65))) if primaries else None


def _fractions(file: BinaryIO, order: str, entry: tuple[int, int, int] | None, count: int) -> list[float]:
    """Return the rationals of a TIFF field; empty if it is absent or has another type or count."""
    if entry is None or entry[:2] != (5, count):
        return []
    file.seek(entry[2])
    data = file.read(8 * count)
    pairs = struct.iter_unpack(f"{order}II", data) if len(data) == 8 * count else ()
    return [numerator / denominator if denominator else float("nan") for numerator, denominator in pairs]


def _radiance(path: Path) -> Encoding | None:
    """Read the primaries in the header of a Radiance image."""
    with path.open("rb") as file:
        header = file.read(4096).partition(b"\n\n")[0]
    line = re.search(rb"^PRIMARIES=\s*(.*)$", header, re.MULTILINE)
    if line is None:
        return None
    try:
        eight = tuple(float(number) for number in line[1].split())
    except ValueError:
        eight = ()
    return _encoding("PRIMARIES", eight, "linear")
