"""Identifies file formats by their first bytes, and explains what to do about those that cannot be read.

Unknown files are rejected before OpenImageIO tries each of its two dozen readers on them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

PICTURES = (".exr", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dpx", ".cin", ".tga", ".hdr", ".webp", ".bmp")
"""Extensions of image files, for finding sequences in a folder."""

HEAD_BYTES = 192
"""Bytes at the start of a file that identify its format."""

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
"""Extensions of movie files."""

_MOVIE = "a movie", "Write its frames as a sequence, such as plate.####.exr"
_RAW = "a camera raw image", "Develop it to EXR or TIFF first"
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (rb"....ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)", "a HEIC image", "Convert it to EXR, TIFF or PNG"),
    (rb"....ftyp(avif|avis)", "an AVIF image", "Convert it to EXR, TIFF or PNG"),
    (rb"....ftypcrx ", *_RAW),
    (rb"....(ftyp|moov|mdat|wide|free|skip|pnot)", *_MOVIE),
    (rb"\x06\x0e\x2b\x34", *_MOVIE),  # MXF
    (rb"\x1a\x45\xdf\xa3", *_MOVIE),  # Matroska, WebM
    (rb"RIFF....AVI |OggS|FLV\x01|\0\0\x01[\xb3\xba]|G.{187}G", *_MOVIE),
    (rb"....RED[12]|ARRI", *_MOVIE),
    (rb"#\?.*32-bit_rle_xyze", "a Radiance image in XYZ", "Convert it to RGB, such as with ra_xyze -r"),
    (rb"II\x2a\0....CR|II[RU]|MMOR|FUJIFILMCCD-RAW|FOVb|\0MRM", *_RAW),
)
_RAW_SUFFIXES = [
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
_CINEON_HEADER_SIZE = 2048  # bytes before the user data
_CINEON_USER_SIZE = slice(16, 20)  # field with the size of the user data
_UNDEFINED = 0xFFFFFFFF
_TARGA = (".tga", ".tpic")  # the only format without a signature


@dataclass(frozen=True)
class Unreadable:
    """Why a file cannot be read as an image.

    Args:
        what: What is wrong, for an error.
        fix: What the user can do.
    """

    what: str
    fix: str


def unreadable(head: bytes, suffix: str) -> Unreadable | None:
    """Return why a file cannot be read; ``None`` if its format is supported.

    Args:
        head: Its first `HEAD_BYTES` bytes, or all of a shorter file.
        suffix: Extension, lower-case with its dot.
    """
    for start, kind, fix in _OTHERS:
        if re.match(start, head, re.DOTALL):
            return Unreadable(f"this is {kind}, which cannot be read", fix)
    if suffix in _RAW_SUFFIXES:  # most are TIFF inside, of which OpenImageIO would read the thumbnail
        return Unreadable(f"this is {_RAW[0]}, which cannot be read", _RAW[1])
    if _READ.match(head) or suffix in _TARGA:
        return None
    return Unreadable(
        "the file cannot be opened as an image (its format is unknown)",
        "Convert it to EXR, PNG, JPEG, TIFF or DPX; if it should be one of these, write it again",
    )


def is_truncated(head: bytes, size: int) -> bool:
    """Whether a Cineon file is shorter than its user data field claims; OpenImageIO would allocate the claimed size.

    Args:
        head: Its first `HEAD_BYTES` bytes, or all of a shorter file.
        size: Size of the file in bytes.
    """
    order = _CINEON.get(head[:4])
    if order is None or len(head) < _CINEON_USER_SIZE.stop:
        return False
    user_size = int.from_bytes(head[_CINEON_USER_SIZE], order)
    return user_size != _UNDEFINED and _CINEON_HEADER_SIZE + user_size > size
