"""Which files are pictures that can be read, by their first bytes; the others are told by name, with what to do.

A file of no known kind is refused here, before each of OpenImageIO's two dozen readers has a try at it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

PICTURES = (".exr", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dpx", ".cin", ".tga", ".hdr", ".webp", ".bmp")
"""How the names of the pictures end that sequences are found by."""

HEAD_BYTES = 192
"""Bytes of a file that tell its kind."""

_READ = re.compile(
    rb"""
      \x76\x2f\x31\x01                          # OpenEXR
    | \x89PNG\r\n\x1a\n
    | \xff\xd8\xff                              # JPEG
    | II[\x2a\x2b]\0 | MM\0[\x2a\x2b]           # TIFF
    | SDPX | XPDS                               # DPX
    | \x80\x2a\x5f\xd7 | \xd7\x5f\x2a\x80       # Cineon
    | \#\?RADIANCE | \#\?RGBE
    | RIFF....WEBP
    | BM
    | GIF8 | 8BPS | P[1-7Ff]\s                  # GIF, Photoshop, Netpbm
    | \0\0\0\x0cjP\x20\x20 | \xff\x4f\xff\x51   # JPEG 2000
    | \0\0\0\x0cJXL\x20 | \xff\x0a              # JPEG XL
    | \x01\xda | FOR4                           # SGI, Maya IFF
    """,
    re.VERBOSE | re.DOTALL,
)

MOVIES = (".mov", ".mp4", ".m4v", ".mxf", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".r3d", ".braw")
"""How the names of movies end."""

_MOVIE = "a movie", "Write its frames as a sequence, such as plate.####.exr"
_RAW = "a camera raw picture", "Develop it to EXR or TIFF first"
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (rb"....ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)", "a HEIC picture", "Convert it to EXR, TIFF or PNG"),
    (rb"....ftyp(avif|avis)", "an AVIF picture", "Convert it to EXR, TIFF or PNG"),
    (rb"....ftypcrx ", *_RAW),
    (rb"....(ftyp|moov|mdat|wide|free|skip|pnot)", *_MOVIE),
    (rb"\x06\x0e\x2b\x34", *_MOVIE),  # MXF
    (rb"\x1a\x45\xdf\xa3", *_MOVIE),  # Matroska, WebM
    (rb"RIFF....AVI |OggS|FLV\x01|\0\0\x01[\xb3\xba]|G.{187}G", *_MOVIE),
    (rb"....RED[12]|ARRI", *_MOVIE),
    (rb"#\?.*32-bit_rle_xyze", "a Radiance picture in XYZ", "Convert it to RGB, such as with ra_xyze -r"),
    (rb"II\x2a\0....CR|II[RU]|MMOR|FUJIFILMCCD-RAW|FOVb|\0MRM", *_RAW),
)
_RAW_ENDINGS = [
    ".3fr",
    ".ari",
    ".arw",
    ".cr2",
    ".cr3",
    ".crw",
    ".dcr",
    ".dng",
    ".erf",
    ".iiq",
    ".kdc",
    ".mef",
    ".mos",
    ".mrw",
    ".nef",
    ".nrw",
    ".orf",
    ".pef",
    ".raf",
    ".raw",
    ".rw2",
    ".sr2",
    ".srf",
    ".srw",
    ".x3f",
]
_CINEON: dict[bytes, Literal["big", "little"]] = {b"\x80\x2a\x5f\xd7": "big", b"\xd7\x5f\x2a\x80": "little"}
_CINEON_HEAD = 2048  # bytes before its user data
_CINEON_USER = slice(16, 20)  # where it says how many there are
_UNDEFINED = 0xFFFFFFFF
_TARGA = (".tga", ".tpic")  # the one format whose files do not say what they are


@dataclass(frozen=True)
class Unreadable:
    """Why a file cannot be read as a picture.

    Args:
        what: What it is, for an error.
        fix: What to do.
    """

    what: str
    fix: str


def unreadable(head: bytes, suffix: str) -> Unreadable | None:
    """Return why a file cannot be read; ``None`` where it is of a kind that can.

    Args:
        head: Its first bytes, `HEAD_BYTES` of them where it is that long.
        suffix: How its name ends, lower-case with its dot.
    """
    for start, kind, fix in _OTHERS:
        if re.match(start, head, re.DOTALL):
            return Unreadable(f"this is {kind}, which cannot be read", fix)
    if suffix in _RAW_ENDINGS:  # most are TIFF inside, and would be read as the small picture for the camera's screen
        return Unreadable(f"this is {_RAW[0]}, which cannot be read", _RAW[1])
    if _READ.match(head) or suffix in _TARGA:
        return None
    return Unreadable(
        "the file cannot be opened as a picture (it begins as none does that is known)",
        "Write it as EXR, PNG, JPEG, TIFF or DPX; or again, if it should be one",
    )


def is_truncated(head: bytes, size: int) -> bool:
    """Whether a Cineon file says that it has more user data than there is, for which OpenImageIO would make room.

    Args:
        head: Its first bytes, `HEAD_BYTES` of them where it is that long.
        size: How many bytes the file has.
    """
    order = _CINEON.get(head[:4])
    if order is None or len(head) < _CINEON_USER.stop:
        return False
    user = int.from_bytes(head[_CINEON_USER], order)
    return user != _UNDEFINED and _CINEON_HEAD + user > size
