"""OpenEXR files of scan lines under ZIP, made for mattes.

Mattes repeat themselves: R, G, B and A are one picture, and most lines are clear or solid. A general writer copies and
prepares every channel of every line anew; here it is done once for each that differs, which takes a third of the time.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.media.window import FrameHeader, Window

LINES = {"zips": 1, "zip": 16}
"""Scan lines that are compressed together, by the name of the compression."""

_COMPRESSIONS = {"zips": 2, "zip": 3}  # as OpenEXR numbers them, and so are the types
_TYPES: Mapping[str, tuple[int, type[np.float16 | np.float32]]] = {"half": (1, np.float16), "float": (2, np.float32)}
_MAGIC, _VERSION, _LONG_NAMES = 20000630, 2, 0x400
_BAND = 16  # lines prepared at once: few enough for the processor's cache, and one chunk of zip
_EFFORT = 3  # of zlib; 4 takes twice the time to save a fifth of the file
_THREADS = min(4, os.cpu_count() or 1)


def write_zip_exr(
    path: Path,
    planes: Mapping[str, NDArray[np.float32]],
    depth: str,
    compression: str,
    *,
    header: FrameHeader,
    attributes: Mapping[str, str],
) -> None:
    """Write a file whose windows, pixel aspect, timecode and frame rate are those of the plate.

    Args:
        path: The file.
        planes: Channel name to ``(H, W)`` over ``header.data``; the same array may stand under several names.
        depth: ``half`` or ``float``.
        compression: One of `LINES`.
        header: What the plate's frame says of itself.
        attributes: Further metadata.

    Raises:
        OSError: The file cannot be written.
    """
    channels = sorted(planes, key=str.encode)
    code, number = _TYPES[depth]
    distinct = {id(plane): plane for plane in planes.values()}
    places = {key: place for place, key in enumerate(distinct)}
    band_of = _Bands(tuple(distinct.values()), tuple(places[id(planes[name])] for name in channels), number)
    lines, top, height = LINES[compression], header.data.y, header.data.height
    head = _head(channels, code, _COMPRESSIONS[compression], header, attributes)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="exr") as pool:
        bands = pool.map(lambda row: list(band_of.chunks(row, lines)), range(0, height, _BAND))
        chunks = [chunk for band in bands for chunk in band]
    sizes = np.array([0, *(8 + len(chunk) for chunk in chunks[:-1])], "<u8")
    with path.open("wb") as file:
        file.write(head)
        file.write((np.cumsum(sizes) + np.uint64(len(head) + sizes.nbytes)).astype("<u8").tobytes())
        for line, chunk in zip(range(top, top + height, lines), chunks, strict=True):
            file.write(struct.pack("<2i", line, len(chunk)))
            file.write(chunk)


@dataclass(frozen=True, eq=False)
class _Bands:
    """Compresses a picture in bands of lines; serves several threads.

    Args:
        planes: ``(H, W)`` each.
        order: For every channel of the file its plane.
        number: Number format of the file.
    """

    planes: Sequence[NDArray[np.float32]]
    order: Sequence[int]
    number: type[np.float16 | np.float32]

    def chunks(self, row: int, lines: int) -> Iterator[bytes]:
        """Compress the band from a row on, so many lines a chunk.

        Before zlib, OpenEXR parts a chunk's bytes into those at even and at odd places, and takes differences.
        """
        words = [self._words(plane[row : row + _BAND]) for plane in self.planes]
        rows, width = words[0].shape
        lines = min(lines, rows)
        parted = np.empty((rows // lines, 2, lines, len(self.order), width), np.uint8)
        for channel, place in enumerate(self.order):
            if (first := self.order.index(place)) < channel:
                parted[..., channel, :] = parted[..., first, :]
                continue
            of_chunks = words[place].reshape(-1, lines, width)
            parted[:, 0, :, channel] = of_chunks  # keeps the low byte
            parted[:, 1, :, channel] = of_chunks >> 8
        flat = parted.reshape(len(parted), -1)
        changes = flat.copy()
        np.subtract(flat[:, 1:], flat[:, :-1], out=changes[:, 1:])
        changes[:, 1:] ^= 128  # the same as adding it
        before, packed = b"", b""
        for chunk, change in zip(flat, changes, strict=True):
            now = change.tobytes()
            if now != before:
                packed = zlib.compress(now, _EFFORT)
                if len(packed) >= len(now):
                    packed = chunk.reshape(2, -1).T.tobytes()  # as it is, where that is not more
                before = now
            yield packed

    def _words(self, plane: NDArray[np.float32]) -> NDArray[np.uint16]:
        """Return pixels as the file's 16-bit words, the low ones first."""
        numbers = np.ascontiguousarray(plane, self.number)
        return numbers.astype(numbers.dtype.newbyteorder("<"), copy=False).view("<u2")


def _head(
    channels: Sequence[str], code: int, compression: int, header: FrameHeader, attributes: Mapping[str, str]
) -> bytes:
    """Return all that comes before the table of chunks."""
    sampled = b"".join(_text(name) + struct.pack("<i4x2i", code, 1, 1) for name in channels)
    fields = {
        "channels": ("chlist", sampled + b"\0"),
        "compression": ("compression", bytes([compression])),
        "dataWindow": ("box2i", _box(header.data)),
        "displayWindow": ("box2i", _box(header.display)),
        "lineOrder": ("lineOrder", b"\0"),
        "pixelAspectRatio": ("float", struct.pack("<f", header.pixel_aspect)),
        "screenWindowCenter": ("v2f", struct.pack("<2f", 0, 0)),
        "screenWindowWidth": ("float", struct.pack("<f", 1)),
        "capDate": ("string", time.strftime("%Y:%m:%d %H:%M:%S").encode()),
    }
    if header.timecode:
        fields["timeCode"] = ("timecode", struct.pack("<2I", *header.timecode))
    if header.frame_rate:
        fields["framesPerSecond"] = ("rational", struct.pack("<iI", *header.frame_rate))
    fields |= {name: ("string", text.encode()) for name, text in attributes.items()}
    is_long = any(len(name.encode()) > 31 for name in (*channels, *fields))
    body = b"".join(
        _text(name) + _text(kind) + struct.pack("<i", len(value)) + value for name, (kind, value) in fields.items()
    )
    return struct.pack("<2I", _MAGIC, _VERSION | (_LONG_NAMES if is_long else 0)) + body + b"\0"


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def _box(window: Window) -> bytes:
    """Return the first and the last column and row; the last one belongs to the window."""
    return struct.pack("<4i", window.x, window.y, window.right - 1, window.bottom - 1)
