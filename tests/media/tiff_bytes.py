"""Writes TIFF files of kinds that no available library writes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

RGB, GREY, WHITE_IS_ZERO, PALETTE, CMYK = 2, 1, 0, 3, 5
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2
_SAMPLE_FORMAT = {"u": 1, "i": 2, "f": 3}


def write_tiff(
    path: Path,
    pages: np.ndarray | Sequence[np.ndarray],
    photometric: int,
    *,
    extra: Sequence[int] = (),
    planar: bool = False,
    palette: np.ndarray | None = None,
    bits: int | None = None,
) -> Path:
    """Write an uncompressed little-endian TIFF.

    Args:
        path: The file.
        pages: ``(H, W)`` or ``(H, W, C)``, or several of them.
        photometric: Photometric interpretation.
        extra: Meaning of each extra sample.
        planar: Store each sample as a separate plane.
        palette: ``(256, 3)`` uint16 colours.
        bits: 1 packs an image of 0 and 1.
    """
    pages = [pages] if isinstance(pages, np.ndarray) else list(pages)
    out = bytearray(b"II*\0" + struct.pack("<I", 0))
    link = 4
    for page in pages:
        pixels = np.atleast_3d(page)
        height, width, samples = pixels.shape
        depth = bits or pixels.dtype.itemsize * 8
        planes = [pixels[..., index] for index in range(samples)] if planar else [pixels]
        data = [np.packbits(plane, axis=1).tobytes() if bits == 1 else plane.tobytes() for plane in planes]
        offsets = []
        for each in data:
            offsets.append(len(out))
            out += each + b"\0" * (len(each) % 2)
        tags = [
            (256, "I", [width]),
            (257, "I", [height]),
            (258, "H", [depth] * samples),
            (259, "H", [1]),
            (262, "H", [photometric]),
            (273, "I", offsets),
            (277, "H", [samples]),
            (278, "I", [height]),
            (279, "I", [len(each) for each in data]),
            (284, "H", [2 if planar else 1]),
            (339, "H", [_SAMPLE_FORMAT[pixels.dtype.kind]] * samples),
        ]
        tags += [(338, "H", list(extra))] if extra else []
        tags += [(320, "H", palette.T.ravel().tolist())] if palette is not None else []
        entries = b""
        for tag, kind, values in sorted(tags):
            packed = struct.pack(f"<{len(values)}{kind}", *values)
            if len(packed) > 4:
                at = len(out)
                out += packed + b"\0" * (len(packed) % 2)
                packed = struct.pack("<I", at)
            entries += struct.pack("<HHI", tag, 3 if kind == "H" else 4, len(values)) + packed.ljust(4, b"\0")
        struct.pack_into("<I", out, link, len(out))
        out += struct.pack("<H", len(tags)) + entries
        link = len(out)
        out += struct.pack("<I", 0)
    path.write_bytes(out)
    return path
