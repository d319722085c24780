"""One matte file on disk: its header and its pixels, by OpenImageIO."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses
from numpy.typing import NDArray

from stcn_plugin.atomic import write_whole
from stcn_plugin.media.window import FrameHeader, Window


def write_exr(
    path: Path,
    planes: Mapping[str, NDArray[np.float32]],
    depth: str,
    *,
    header: FrameHeader,
    attributes: Mapping[str, str],
) -> None:
    """Write an EXR whose windows, pixel aspect, timecode and frame rate are those of the plate.

    Args:
        path: The file.
        planes: Channel name to ``(H, W)`` over ``header.data``; the same array may stand under several names.
        depth: ``half`` or ``float``.
        header: What the plate's frame says of itself.
        attributes: Further metadata, ``compression`` among them.

    Raises:
        OutputError: The file cannot be written.
    """
    spec = _spec(header.data, header, len(planes), depth)
    spec.channelnames = tuple(planes)
    spec.full_x, spec.full_y = header.display.x, header.display.y
    spec.full_width, spec.full_height = header.display.width, header.display.height
    if header.timecode:
        spec.attribute("smpte:TimeCode", oiio.TypeDesc("timecode"), header.timecode)
    if header.frame_rate:
        spec.attribute("framesPerSecond", oiio.TypeDesc("rational"), header.frame_rate)
    for key, value in attributes.items():
        spec.attribute(key, value)
    # In the file's own format: OpenImageIO would convert a copy of its own, which takes as long as compressing does.
    number = np.float16 if depth == "half" else np.float32
    converted = {id(plane): plane.astype(number, copy=False) for plane in planes.values()}
    pixels = np.stack([converted[id(plane)] for plane in planes.values()], axis=-1)
    write_whole(path, lambda temporary: _write(temporary, spec, pixels))


def write_grey(
    path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16], *, header: FrameHeader, attributes: Mapping[str, str]
) -> None:
    """Write a grey picture of the display window, such as a PNG; its numbers are coverage, not light.

    Args:
        path: The file; its suffix says the format.
        pixels: ``(H, W)`` over ``header.display``.
        header: What the plate's frame says of itself.
        attributes: Further metadata.

    Raises:
        OutputError: The file cannot be written.
    """
    display = header.display
    spec = _spec(Window(0, 0, display.width, display.height), header, 1, pixels.dtype.name)
    spec.channelnames = ("Y",)
    for key, value in attributes.items():
        spec.attribute(key, value)

    def write(temporary: Path) -> None:
        _write(temporary, spec, pixels[..., np.newaxis])
        _compare(temporary, pixels)

    write_whole(path, write)


def _spec(window: Window, header: FrameHeader, channels: int, pixel_format: str) -> oiio.ImageSpec:
    spec = oiio.ImageSpec(window.width, window.height, channels, pixel_format)
    spec.x, spec.y = window.x, window.y
    spec.attribute("PixelAspectRatio", float(header.pixel_aspect))
    return spec


def _write(path: Path, spec: oiio.ImageSpec, pixels: NDArray[np.generic]) -> None:
    """Write a picture under its hidden name; every step of the format can refuse."""
    output = oiio.ImageOutput.create(str(path))
    if output is None:
        raise OSError(oiio.geterror() or f"{path.suffix} files cannot be written")
    try:
        if not output.open(str(path), spec) or not output.write_image(np.ascontiguousarray(pixels)):
            raise OSError(output.geterror())
    finally:
        closed = output.close()
    if not closed:
        raise OSError(output.geterror() or "the file could not be completed")


def _compare(path: Path, pixels: NDArray[np.generic]) -> None:
    """Read back what was written: the PNG and TIFF writers say nothing when the disk is full, unlike that of EXR."""
    source = oiio.ImageInput.open(str(path))
    written = source.read_image(pixels.dtype.name) if source else None
    if source:
        source.close()
    if written is None or not np.array_equal(written[..., 0], pixels):
        oiio.geterror()  # what it says of the half file is no news
        raise OSError("the file on disk is not what was written")
