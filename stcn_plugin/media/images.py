"""Reads image files by OpenImageIO.

Every failure of OpenImageIO (no reader, no pixels, or pixels with a pending error) becomes one error that names the
file. Channels are selected by name, since files do not preserve the order in which they were written.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses
from numpy.typing import NDArray

from stcn_plugin.errors import PlateError, STCNError
from stcn_plugin.media.image_header import ImageHeader, decode_text, read_spec
from stcn_plugin.media.listing import as_on_disk
from stcn_plugin.media.opening import RENDER_AGAIN, oiio_error, open_image
from stcn_plugin.media.pixels import place_in_window, to_float
from stcn_plugin.media.window import MAX_PIXELS, Window

__all__ = ["Image", "ImageHeader", "read_header", "read_headers", "read_image", "read_stored"]

_DTYPES: Mapping[str, type[np.generic]] = {"half": np.float16, "float": np.float32, "uint": np.uint32}  # of OpenEXR
_ROWS_PER_READ = 64  # fits the CPU cache, and is a multiple of the rows per compressed chunk
_ROWS_PER_READ_BY_COMPRESSION = {"dwab": 256}
_MAX_READ_BYTES = 1 << 26
_MAX_PARTS = 4096


@dataclass(frozen=True, eq=False, kw_only=True)
class Image(ImageHeader):
    """Header and pixels of a file; ``channels`` names the last axis.

    Args:
        pixels: ``(H, W, C)`` float32 over the data window; integer formats are value / maximum, 0 to 1.
    """

    pixels: NDArray[np.float32]

    def channel(self, name: str) -> NDArray[np.float32]:
        """Return one channel, ``(H, W)``."""
        return self.pixels[..., self.channels.index(name)]


def read_header(
    path: str | Path, *, part: str | None = None, error: type[STCNError] = PlateError, where: str | None = None
) -> ImageHeader:
    """Read the header of one part.

    Args:
        path: The file.
        part: Part of a multi-part file by name; ``None`` is the first.
        error: Class of the errors raised.
        where: ``where`` of the errors; by default the path.

    Raises:
        STCNError: Of class ``error``: the file is missing, empty, not an image, deep, or lacks the part.
    """
    headers = read_headers(path, error=error, where=where)
    return headers[_index_of_part(headers, part, None, error, where or str(path))]


def read_headers(
    path: str | Path, *, error: type[STCNError] = PlateError, where: str | None = None
) -> tuple[ImageHeader, ...]:
    """Read the headers of all parts, including deep ones, in the order of the file.

    Args:
        path: The file.
        error: Class of the errors raised.
        where: ``where`` of the errors; by default the path.

    Raises:
        STCNError: Of class ``error``: the file is missing, empty, or not an image.
    """
    label, path = where or str(path), as_on_disk(Path(path))
    with open_image(path, error, label, unassociated=False) as source:
        return _headers(source, path, error, label)


def read_image(
    path: str | Path,
    *,
    part: str | None = None,
    channels: Sequence[str] | None = None,
    unassociated: bool = False,
    error: type[STCNError] = PlateError,
    where: str | None = None,
) -> Image:
    """Read pixels.

    Args:
        path: The file.
        part: Part of a multi-part file by name; ``None`` is the first that has all ``channels``.
        channels: Channels to read, in the order of the result; ``None`` reads all.
        unassociated: Do not premultiply colours by alpha if the file stores them unassociated (PNG).
        error: Class of the errors raised.
        where: ``where`` of the errors; by default the path.

    Raises:
        STCNError: Of class ``error``: as for `read_header`; or a channel is absent, or pixels are missing or damaged.
    """
    header, pixels = read_stored(
        path, part=part, channels=channels, unassociated=unassociated, error=error, where=where
    )
    return Image(**vars(header), pixels=to_float(pixels))


def read_stored(
    path: str | Path,
    *,
    part: str | None = None,
    channels: Sequence[str] | None = None,
    unassociated: bool = False,
    window: Window | None = None,
    error: type[STCNError] = PlateError,
    where: str | None = None,
) -> tuple[ImageHeader, NDArray[Any]]:
    """Read pixels in the number format of the file.

    Args:
        path: As for `read_image`.
        part: As for `read_image`.
        channels: As for `read_image`.
        unassociated: As for `read_image`.
        window: Window of the result, padded with 0; ``None`` is the data window.
        error: As for `read_image`.
        where: As for `read_image`.

    Returns:
        The header of the part, reduced to the channels read, and ``(H, W, C)`` pixels.

    Raises:
        STCNError: As for `read_image`.
    """
    label, path = where or str(path), as_on_disk(Path(path))
    with open_image(path, error, label, unassociated=unassociated) as source:
        headers = _headers(source, path, error, label)
        index = _index_of_part(headers, part, channels, error, label)
        header = headers[index]
        wanted = _indices(header, channels, error, label)
        data = header.header.data
        shared = data if window is None else data.intersection(window)
        pixels = _pixels(source, index, header, wanted, shared, error, label)
    header = replace(header, channels=tuple(header.channels[i] for i in wanted))
    return header, pixels if window is None else place_in_window(pixels, shared, window)


def _headers(source: Any, path: Path, error: type[STCNError], label: str) -> tuple[ImageHeader, ...]:
    """Read the header of every part."""
    specs = [source.spec(0, 0)]
    # Seek only if there can be more parts: the WebP reader cannot return to the image of a still file.
    may_have_more = source.supports("multiimage") or specs[0].get_int_attribute("oiio:Movie")
    while may_have_more and source.seek_subimage(len(specs), 0):
        specs.append(source.spec(len(specs), 0))
        if len(specs) > _MAX_PARTS:
            what = f"the file has more than {_MAX_PARTS:,} parts"
            raise error(what, where=label, fix="Write it with fewer, or as several files")
    oiio_error(source)  # clear the error of the last seek, which always fails
    parts = tuple(decode_text(spec.get_string_attribute("oiio:subimagename")) for spec in specs)
    file_format = str(source.format_name())
    headers = tuple(read_spec(spec, name, parts, path, file_format) for spec, name in zip(specs, parts, strict=True))
    if problem := next((header.problem for header in headers if header.problem), None):
        raise error(problem, where=label, fix="Convert it to RGB, or write it again")
    return headers


def _index_of_part(
    headers: Sequence[ImageHeader], part: str | None, channels: Sequence[str] | None, error: type[STCNError], label: str
) -> int:
    """Return the index of the named part, else of the first that has the channels, else of the first."""
    names = headers[0].parts
    if part is not None and part not in names:
        named = [name for name in names if name]
        fix = f"Its parts are: {', '.join(named)}" if named else "It has no named parts; leave the part out"
        raise error(f"the file has no part '{part}'", where=label, fix=fix)
    if part is not None:
        index = names.index(part)
    else:
        holds = (i for i, header in enumerate(headers) if set(channels or ()) <= set(header.channels))
        index = next(holds, 0)
    if headers[index].deep:
        raise error("this is a deep image", where=label, fix="Flatten it first (DeepToImage in Nuke)")
    return index


def _indices(header: ImageHeader, channels: Sequence[str] | None, error: type[STCNError], label: str) -> list[int]:
    """Return the positions of channels in a part."""
    if channels is None:
        return list(range(len(header.channels)))
    for name in channels:
        if name not in header.channels:
            near = difflib.get_close_matches(name, header.channels, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise error(
                f"the file has no channel '{name}'", where=label, fix=f"{hint}It has: {', '.join(header.channels)}"
            )
    return [header.channels.index(name) for name in channels]


def _pixels(
    source: Any,
    part: int,
    header: ImageHeader,
    wanted: list[int],
    window: Window,
    error: type[STCNError],
    label: str,
) -> NDArray[Any]:
    """Read channels over a window inside the data window, in the number format of the file.

    Reads the contiguous range from the first to the last wanted channel, and selects from it.
    """
    first, last = min(wanted), max(wanted) + 1
    is_contiguous = wanted == list(range(first, last))
    selection = slice(None) if is_contiguous else [index - first for index in wanted]
    data = header.header.data
    if data.pixels > MAX_PIXELS:
        what = f"the image is {data.width}x{data.height}, above the limit of {MAX_PIXELS:,} pixels"
        raise error(what, where=label, fix="Write it smaller, or crop its data window")

    if not window.pixels:
        return np.zeros((*window.shape, len(wanted)), np.float32 if header.is_float else np.uint8)

    def checked(pixels: NDArray[Any] | None) -> NDArray[Any]:
        # A truncated JPEG is returned with grey pixels and a pending error.
        problem = oiio_error(source)
        if pixels is None or problem:
            what = f"pixels are missing or damaged ({problem or 'no reason given'})"
            raise error(what, where=label, fix=RENDER_AGAIN)
        return pixels[..., selection]

    spec = source.spec(part, 0)
    if header.file_format != "openexr" or spec.tile_width:
        return checked(source.read_image(part, 0, first, last, oiio.UNKNOWN))[window.slices_in(data)]
    # In bands, since OpenImageIO copies the pixels that it returns while it holds the GIL.
    dtype = np.dtype(_DTYPES[header.format])
    row_bytes = data.width * (last - first) * dtype.itemsize
    rows = _ROWS_PER_READ_BY_COMPRESSION.get(header.metadata.get("compression", ""), _ROWS_PER_READ)
    rows = min(rows, max(1, _MAX_READ_BYTES // row_bytes))
    pixels = np.empty((*window.shape, len(wanted)), dtype)
    columns = window.slices_in(data)[1]
    for row in range(0, window.height, rows):
        top, bottom = window.y + row, window.y + min(row + rows, window.height)
        band = source.read_scanlines(part, 0, top, bottom, 0, first, last, spec.format)
        pixels[row : row + rows] = checked(band)[:, columns]
    _reset_vector_registers()
    return pixels


def _reset_vector_registers() -> None:
    """Run an AVX operation in NumPy, to clear the vector state that ZIP decompression leaves behind.

    libdeflate returns with dirty upper halves of the vector registers. On some CPUs, SSE code on the same thread,
    such as Pillow's resizing, then runs at a third of its speed until AVX code clears them.
    """
    numbers = np.ones(64, np.float32)
    np.add(numbers, numbers, out=numbers)
