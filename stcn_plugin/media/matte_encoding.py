"""Encodes single matte files: EXR and grey images with the plate's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses
from numpy.typing import NDArray

from stcn_plugin.atomic import output_errors, write_atomic
from stcn_plugin.media.image_encoding import Part, encode_image
from stcn_plugin.media.window import FrameHeader, Window

Planes: TypeAlias = Mapping[str, NDArray[np.float32]] | Mapping[str, NDArray[np.float16]]
"""Channel name to ``(H, W)``."""


def encode_exr(planes: Planes, depth: str, *, header: FrameHeader, attributes: Mapping[str, str]) -> bytes:
    """Return an EXR with the windows, pixel aspect, timecode and frame rate of the plate.

    Args:
        planes: As for `exr_part`.
        depth: ``half`` or ``float``.
        header: Header of the plate's frame.
        attributes: Further metadata, including ``compression``.

    Raises:
        OSError: It cannot be encoded.
    """
    return encode_image([exr_part(planes, depth, header=header, attributes=attributes)], ".exr")


def exr_part(
    planes: Planes, depth: str, *, header: FrameHeader, attributes: Mapping[str, str], name: str | None = None
) -> Part:
    """Return a part of an EXR for `encode_image`.

    Args:
        planes: Channel name to ``(H, W)`` over ``header.data``; channels may share an array.
        depth: ``half`` or ``float``.
        header: Header of the plate's frame.
        attributes: Further metadata, including ``compression``.
        name: Name of the part, in a file with several.
    """
    spec = _spec(header.data, header, len(planes), depth)
    spec.channelnames = tuple(planes)
    spec.full_x, spec.full_y = header.display.x, header.display.y
    spec.full_width, spec.full_height = header.display.width, header.display.height
    if header.timecode:
        spec.attribute("smpte:TimeCode", oiio.TypeDesc("timecode"), header.timecode)
    if header.frame_rate:
        spec.attribute("framesPerSecond", oiio.TypeDesc("rational"), header.frame_rate)
    if name is not None:
        spec.attribute("oiio:subimagename", name)
    for key, value in attributes.items():
        spec.attribute(key, value)
    # Converted here, since OpenImageIO's conversion takes as long as the compression.
    number = np.float16 if depth == "half" else np.float32
    converted = {id(plane): plane.astype(number, copy=False) for plane in planes.values()}
    pixels = np.stack([converted[id(plane)] for plane in planes.values()], axis=-1)
    return spec, pixels


def write_exr(
    path: Path,
    planes: Planes,
    depth: str,
    *,
    header: FrameHeader,
    attributes: Mapping[str, str],
) -> None:
    """Write an EXR; arguments as for `encode_exr`.

    Raises:
        OutputError: The file cannot be written.
    """
    with output_errors(path):
        content = encode_exr(planes, depth, header=header, attributes=attributes)
    write_atomic(path, content)


def encode_grey(
    pixels: NDArray[np.uint8] | NDArray[np.uint16], suffix: str, *, header: FrameHeader, attributes: Mapping[str, str]
) -> bytes:
    """Return a grey image of the display window, such as a PNG, without colour encoding.

    Args:
        pixels: ``(H, W)`` coverage over ``header.display``.
        suffix: File extension of the format, such as ``.png``.
        header: Header of the plate's frame.
        attributes: Further metadata.

    Raises:
        OSError: It cannot be encoded.
    """
    display = header.display
    spec = _spec(Window(0, 0, display.width, display.height), header, 1, pixels.dtype.name)
    spec.channelnames = ("Y",)
    for key, value in attributes.items():
        spec.attribute(key, value)
    return encode_image([(spec, pixels[..., np.newaxis])], suffix)


def _spec(window: Window, header: FrameHeader, channels: int, pixel_format: str) -> oiio.ImageSpec:
    spec = oiio.ImageSpec(window.width, window.height, channels, pixel_format)
    spec.x, spec.y = window.x, window.y
    spec.attribute("PixelAspectRatio", float(header.pixel_aspect))
    spec.attribute("DateTime", "")  # otherwise OpenImageIO adds the time, and equal mattes would not be equal files
    return spec
