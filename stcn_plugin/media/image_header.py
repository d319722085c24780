"""What a picture file says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from stcn_plugin.media.window import FrameHeader, Window

# Primaries and white point by which an EXR may tell its colour space; names as in the OCIO configs.
_CHROMATICITIES = {
    "lin_rec709_scene": (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    "lin_rec2020_scene": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    "lin_p3d65_scene": (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),
    "lin_ap1_scene": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767),
    "lin_ap0_scene": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageHeader:
    """Everything a file says of itself besides pixels.

    Args:
        path: The file.
        header: Windows, pixel aspect, timecode and frame rate.
        channels: Channel names in the file's own order.
        format: Number format of the pixels: ``uint8``, ``uint16``, ``half``, ``float``...
        file_format: ``openexr``, ``png``, ``jpeg``, ``tiff``, ``dpx``...
        part: Name of this part, empty where the file names none.
        parts: Names of all parts of the file.
        colour_space: What the file says its colours are, as the file spells it; ``None`` where it says nothing.
        metadata: All attributes as text, such as ``cryptomatte/…/manifest``.
        deep: Whether it has any number of samples per pixel; such pixels are not read.
    """

    path: Path
    header: FrameHeader
    channels: tuple[str, ...]
    format: str
    file_format: str
    part: str
    parts: tuple[str, ...]
    colour_space: str | None
    metadata: Mapping[str, str]
    deep: bool = False

    @property
    def is_float(self) -> bool:
        """Whether pixels are floating point, and so may be scene-linear, above 1, or no numbers at all."""
        return self.format in {"half", "float", "double"}


def image_header(spec: Any, part: str, parts: tuple[str, ...], path: Path, file_format: str) -> ImageHeader:
    """Translate what OpenImageIO says of one part.

    Args:
        spec: Its ``ImageSpec``.
        part: Name of the part.
        parts: Names of all parts of the file.
        path: The file.
        file_format: OpenImageIO's name of the file format.
    """
    attributes = {item.name: item.value for item in spec.extra_attribs}
    aspect = float(attributes.get("PixelAspectRatio", 1.0))
    return ImageHeader(
        path=path,
        header=FrameHeader(
            display=Window(spec.full_x, spec.full_y, spec.full_width, spec.full_height),
            data=Window(spec.x, spec.y, spec.width, spec.height),
            pixel_aspect=aspect if 0 < aspect < float("inf") else 1.0,
            timecode=_pair(attributes.get("smpte:TimeCode")),
            frame_rate=_pair(attributes.get("framesPerSecond")),
        ),
        channels=tuple(spec.channelnames),
        format=str(spec.format),
        file_format=file_format,
        part=part,
        parts=parts,
        colour_space=_colour_space(attributes),
        metadata=MappingProxyType({name: str(value) for name, value in attributes.items()}),
        deep=bool(spec.deep),
    )


def _pair(value: Any) -> tuple[int, int] | None:
    """Return a rational or a timecode; some formats give frame rates as one number, which is left out."""
    return (int(value[0]), int(value[1])) if isinstance(value, tuple) and len(value) == 2 else None


def _colour_space(attributes: Mapping[str, Any]) -> str | None:
    """Return the colour space that a file declares by name, or else by its primaries."""
    if name := attributes.get("oiio:ColorSpace"):
        return str(name)
    primaries = attributes.get("chromaticities")
    if isinstance(primaries, tuple) and len(primaries) == 8:
        for name, known in _CHROMATICITIES.items():
            if np.allclose(primaries, known, atol=1e-3):
                return name
    return None
