"""The pictures of a trial: a plate with discs that drift over a pattern, and their mattes, as PNG files."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

WIDTH, HEIGHT = 128, 80
_COLOURS = ((230, 120, 30), (40, 150, 230), (60, 200, 90), (220, 60, 160))
_CENTRES = ((34.0, 26.0), (92.0, 52.0), (36.0, 60.0), (98.0, 20.0))
_RADIUS = 12.0
_SPEED = 1.5
_CORNERS = 64


@dataclass(frozen=True)
class Disc:
    """The outline of an object on a frame, in plate pixels from the top left corner.

    Args:
        x: Column of the centre.
        y: Row of the centre.
        radius: The radius.
    """

    x: float
    y: float
    radius: float

    @classmethod
    def of(cls, number: int, step: int) -> Disc:
        """Return the disc of an object, after a number of frames."""
        x, y = _CENTRES[number]
        return cls(x + _SPEED * step * (1 if x < WIDTH / 2 else -1), y, _RADIUS)

    @property
    def outline(self) -> tuple[tuple[float, float], ...]:
        """The corners of a polygon that looks like the disc."""
        angles = [2 * math.pi * corner / _CORNERS for corner in range(_CORNERS)]
        return tuple((self.x + self.radius * math.cos(a), self.y + self.radius * math.sin(a)) for a in angles)

    def coverage(self, column: int, row: int) -> float:
        """Return how much of a pixel the disc covers, 0 to 1."""
        distance = math.hypot(column + 0.5 - self.x, row + 0.5 - self.y)
        return min(1.0, max(0.0, self.radius - distance + 0.5))


def write_plate(file: Path, discs: tuple[Disc, ...]) -> None:
    """Write a frame of the plate, 8-bit RGB."""
    rows = []
    for row in range(HEIGHT):
        line = bytearray()
        for column in range(WIDTH):
            shade = 40 + 60 * ((column // 8 + row // 8) % 2) + column // 4
            pixel = [float(shade), float(shade), shade * 0.8]
            for disc, colour in zip(discs, _COLOURS):  # noqa: B905 - Python 3.9 has no strict zip
                covered = disc.coverage(column, row)
                pixel = [old + covered * (new - old) for old, new in zip(pixel, colour)]  # noqa: B905
            line += bytes(round(value) for value in pixel)
        rows.append(bytes(line))
    _write_png(file, rows, colour_type=2)


def write_matte(file: Path, disc: Disc) -> None:
    """Write the matte of an object, 8-bit grey."""
    rows = [bytes(round(255 * disc.coverage(column, row)) for column in range(WIDTH)) for row in range(HEIGHT)]
    _write_png(file, rows, colour_type=0)


def _write_png(file: Path, rows: list[bytes], *, colour_type: int) -> None:
    header = struct.pack(">2I5B", WIDTH, HEIGHT, 8, colour_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    content = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
