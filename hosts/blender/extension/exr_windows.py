"""Data and display window of EXR files, which Blender neither reports nor writes.

Blender shows the data window alone, so a mask drawn over a plate with overscan is an image of that window. The file that
is rendered from it gets the plate's windows, which define its position in the format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from stcn_plugin.errors import HostError

_MAGIC = 20000630
_BOX = struct.Struct("<4i")
_LINES_PER_CHUNK = {0: 1, 1: 1, 2: 1, 3: 16}  # by compression: none, rle, zips, zip


class Window(NamedTuple):
    """First column and row, last column and row, inclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.right - self.left + 1, self.bottom - self.top + 1


def read_windows(file: Path) -> tuple[Window, Window] | None:
    """Return the data and display window of a file; ``None`` if it is not an EXR."""
    try:
        with file.open("rb") as stream:
            head = stream.read(1 << 20)
    except OSError:
        return None
    if head[:4] != struct.pack("<i", _MAGIC):
        return None
    try:
        boxes = {
            name: Window(*_BOX.unpack_from(head, at)) for name, kind, at, _ in _attributes(head) if kind == b"box2i"
        }
    except (struct.error, ValueError):
        return None
    data, display = boxes.get(b"dataWindow"), boxes.get(b"displayWindow")
    return (data, display) if data and display else None


def write_windows(file: Path, data: Window, display: Window) -> None:
    """Replace the windows of a file that Blender rendered; its pixels stay unchanged.

    Args:
        file: A file with one scanline part, uncompressed or with RLE, ZIPS or ZIP compression.
        data: The data window, of the same size as the old one.
        display: The display window.

    Raises:
        HostError: The file has another structure.
    """
    content = bytearray(file.read_bytes())
    attributes = {name: (at, size) for name, _, at, size in _attributes(content)}
    old = Window(*_BOX.unpack_from(content, attributes[b"dataWindow"][0]))
    lines = _LINES_PER_CHUNK.get(content[attributes[b"compression"][0]])
    if lines is None or old.size != data.size:
        raise HostError("Blender rendered the mask in an unexpected format", where=str(file))
    _BOX.pack_into(content, attributes[b"dataWindow"][0], *data)
    _BOX.pack_into(content, attributes[b"displayWindow"][0], *display)
    table = max(at + size for at, size in attributes.values()) + 1  # after the byte that ends the header
    for chunk in range(-(-old.size[1] // lines)):
        (offset,) = struct.unpack_from("<Q", content, table + 8 * chunk)
        (row,) = struct.unpack_from("<i", content, offset)
        struct.pack_into("<i", content, offset, row - old.top + data.top)
    file.write_bytes(content)


def _attributes(head: bytes | bytearray) -> Iterator[tuple[bytes, bytes, int, int]]:
    """Yield name, type, offset and size of every attribute of the first header."""
    at = 8
    while head[at] != 0:
        name_end = head.index(0, at)
        kind_end = head.index(0, name_end + 1)
        (size,) = struct.unpack_from("<i", head, kind_end + 1)
        yield bytes(head[at:name_end]), bytes(head[name_end + 1 : kind_end]), kind_end + 5, size
        at = kind_end + 5 + size
