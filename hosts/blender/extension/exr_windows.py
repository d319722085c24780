"""Data and display window of an EXR, which Blender neither tells nor writes.

Blender shows the data window alone, so a mask drawn over an overscan plate is a picture of that window. What is rendered of it
has to say so, or nobody would know where in the format it belongs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from stcn_plugin.errors import HostError

_MAGIC = 20000630
_BOX = struct.Struct("<4i")
_LINES_PER_CHUNK = {0: 1, 1: 1, 2: 1, 3: 16}  # none, rle, zips, zip

Window = tuple[int, int, int, int]
"""First column and row, last column and row, both included."""


def windows(file: Path) -> tuple[Window, Window] | None:
    """Return the data and the display window of a file; ``None`` where it is no EXR."""
    try:
        with file.open("rb") as stream:
            head = stream.read(1 << 20)
    except OSError:
        return None
    if head[:4] != struct.pack("<i", _MAGIC):
        return None
    try:
        found = {name: _BOX.unpack_from(head, at) for name, kind, at, _ in _attributes(head) if kind == b"box2i"}
    except (struct.error, ValueError):
        return None
    data, display = found.get(b"dataWindow"), found.get(b"displayWindow")
    return (data, display) if data and display else None


def place(file: Path, data: Window, display: Window) -> None:
    """Say of a file that Blender rendered where in the format it belongs.

    Args:
        file: A file of single scanline part, without compression or with ZIP; its pixels stay as they are.
        data: Where its pixels are, of the size that it has.
        display: The format.

    Raises:
        HostError: The file is of another kind.
    """
    content = bytearray(file.read_bytes())
    attributes = {name: (at, size) for name, _, at, size in _attributes(content)}
    was = _BOX.unpack_from(content, attributes[b"dataWindow"][0])
    lines = _LINES_PER_CHUNK.get(content[attributes[b"compression"][0]])
    if lines is None or _size(was) != _size(data):
        raise HostError("what Blender rendered of the mask is not as expected", where=str(file))
    _BOX.pack_into(content, attributes[b"dataWindow"][0], *data)
    _BOX.pack_into(content, attributes[b"displayWindow"][0], *display)
    table = max(at + size for at, size in attributes.values()) + 1  # after the byte that ends the header
    for chunk in range(-(-_size(was)[1] // lines)):
        (offset,) = struct.unpack_from("<Q", content, table + 8 * chunk)
        (row,) = struct.unpack_from("<i", content, offset)
        struct.pack_into("<i", content, offset, row - was[1] + data[1])
    file.write_bytes(content)


def _attributes(head: bytes | bytearray) -> Iterator[tuple[bytes, bytes, int, int]]:
    """Yield name, type, place and size of every attribute of the first header."""
    at = 8
    while head[at] != 0:
        name_end = head.index(0, at)
        kind_end = head.index(0, name_end + 1)
        (size,) = struct.unpack_from("<i", head, kind_end + 1)
        yield bytes(head[at:name_end]), bytes(head[name_end + 1 : kind_end]), kind_end + 5, size
        at = kind_end + 5 + size


def _size(window: Window) -> tuple[int, int]:
    return window[2] - window[0] + 1, window[3] - window[1] + 1
