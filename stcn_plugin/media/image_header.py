"""Headers of image files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stcn_plugin.bridge.printable import printable
from stcn_plugin.media.colour_encoding import Encoding
from stcn_plugin.media.colour_tags import file_colours
from stcn_plugin.media.window import FrameHeader, Window

_ASPECTS = (0.1, 10.0)
"""Range of plausible pixel aspects; anamorphic lenses have at most 2."""

_TIFF_SUPPORTED = range(7)  # grey, RGB, palette, mask, CMYK and YCbCr
_TIFF_UNSUPPORTED = {8: "CIELAB", 9: "CIELAB", 10: "CIELAB", 32803: "camera raw", 34892: "camera raw", 32845: "LogLuv"}


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageHeader:
    """The header of one part of an image file.

    Args:
        path: The file.
        header: Windows, pixel aspect, timecode and frame rate.
        channels: Channel names in the order of the file.
        format: Number format of the pixels: ``uint8``, ``uint16``, ``half``, ``float``...
        file_format: ``openexr``, ``png``, ``jpeg``, ``tiff``, ``dpx``...
        part: Name of this part; empty if unnamed.
        parts: Names of all parts of the file.
        colour_space: Colour space in the metadata: a name as the file spells it, or a numeric encoding; ``None`` if
            there is none.
        metadata: All attributes as text, such as ``cryptomatte/…/manifest``.
        deep: Whether it is a deep image, whose pixels cannot be read.
        ignored: Names of invalid attributes, each with what is wrong and what is used instead.
        problem: Why its pixels cannot be read as colours; ``None`` if they can.
    """

    path: Path
    header: FrameHeader
    channels: tuple[str, ...]
    format: str
    file_format: str
    part: str
    parts: tuple[str, ...]
    colour_space: str | Encoding | None
    metadata: Mapping[str, str]
    deep: bool = False
    ignored: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None

    @property
    def is_float(self) -> bool:
        """Whether the file stores floating point, so that pixels may be scene-linear, above 1, or NaN."""
        return self.format in {"half", "float", "double"}


def read_spec(spec: Any, part: str, parts: tuple[str, ...], path: Path, file_format: str) -> ImageHeader:
    """Convert the OpenImageIO spec of one part.

    Args:
        spec: The ``ImageSpec``.
        part: Name of the part.
        parts: Names of all parts of the file.
        path: The file.
        file_format: OpenImageIO's name of the file format.
    """
    attributes, ignored = _attributes(spec)
    aspect = _pixel_aspect(attributes.get("PixelAspectRatio", 1.0), ignored)
    rate = _integer_pair(attributes.get("framesPerSecond"), 1, 1 << 31)
    if rate is None and isinstance(attributes.get("framesPerSecond"), tuple):
        ignored["framesPerSecond"] = "is not a valid frame rate; the mattes have none"
    return ImageHeader(
        path=path,
        header=FrameHeader(
            display=Window(spec.full_x, spec.full_y, spec.full_width, spec.full_height),
            data=Window(spec.x, spec.y, spec.width, spec.height),
            pixel_aspect=aspect,
            timecode=_integer_pair(attributes.get("smpte:TimeCode"), 0, 1 << 32),
            frame_rate=rate,
        ),
        channels=tuple(decode_text(name) for name in spec.channelnames),
        format=str(spec.format),
        file_format=file_format,
        part=part,
        parts=parts,
        colour_space=file_colours(path, file_format, attributes),
        metadata=MappingProxyType({name: str(value) for name, value in attributes.items()}),
        deep=bool(spec.deep),
        ignored=MappingProxyType(ignored),
        problem=_problem(spec, attributes),
    )


def decode_text(text: str) -> str:
    """Decode header text as UTF-8, else as Latin-1, which older programs wrote."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    return text


def _attributes(spec: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the readable attributes, and the names of unreadable ones with the reason."""
    attributes: dict[str, Any] = {}
    ignored: dict[str, str] = {}
    for number in range(len(spec.extra_attribs)):
        item = spec.extra_attribs[number]
        name = f"attribute {number + 1}"
        try:
            name = decode_text(item.name)
            attributes[name] = decode_text(item.value) if isinstance(item.value, str) else item.value
        except UnicodeDecodeError:  # raised by OpenImageIO before 3.2
            ignored[name] = "is not UTF-8 and is ignored"
    return attributes, ignored


def _pixel_aspect(value: Any, ignored: dict[str, str]) -> float:
    low, high = _ASPECTS
    if isinstance(value, int | float) and low <= value <= high:
        return float(value)
    text = f"{value:g}" if isinstance(value, int | float) else printable(str(value))[:40]
    ignored["PixelAspectRatio"] = f"is {text}, not a ratio from {low} to {high}; 1 is used"
    return 1.0


def _integer_pair(value: Any, low: int, stop: int) -> tuple[int, int] | None:
    """Return a rational or a timecode; ``None`` for other values, such as a frame rate stored as a single number."""
    if not isinstance(value, tuple) or len(value) != 2:
        return None
    first, second = value
    if not all(isinstance(number, int) and low <= number < stop for number in value):
        return None
    return first, second


def _problem(spec: Any, attributes: Mapping[str, Any]) -> str | None:
    """Return why pixels cannot be read as colours; ``None`` if they can."""
    if min(spec.width, spec.height, spec.full_width, spec.full_height) < 1:
        return "the image has no pixels"
    kind = attributes.get("tiff:PhotometricInterpretation", 2)
    if kind == 0 and (
        str(spec.format) != "uint8" or spec.nchannels > 1
    ):  # OpenImageIO inverts 8 bits only, and alpha too
        stored = "with alpha" if spec.nchannels > 1 else f"in {spec.format}"
        return f"this TIFF stores white as 0 {stored}, and would be read inverted"
    if kind not in _TIFF_SUPPORTED:
        return f"this is a TIFF with {_TIFF_UNSUPPORTED.get(kind, 'unknown')} colours, which cannot be read"
    descriptor = str(attributes.get("dpx:ImageDescriptor", ""))
    return f"this is a DPX with {descriptor} samples, which cannot be read" if descriptor.startswith("Cb") else None
