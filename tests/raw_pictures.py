"""Builds image files byte by byte from their specifications, independent of OpenImageIO."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np

Box = tuple[int, int, int, int]  # first column, first row, last column, last row


# --- OpenEXR ---------------------------------------------------------------------------------------------------------


def exr_attribute(name: str | bytes, kind: str, data: bytes) -> bytes:
    """Return one attribute of an EXR header; ``name`` may be bytes that are not UTF-8."""
    raw = name if isinstance(name, bytes) else name.encode()
    return raw + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(data)) + data


def exr(
    pixels: np.ndarray,
    *,
    channels: Sequence[str | bytes] = ("B", "G", "R"),
    data: tuple[int, int] = (0, 0),
    data_box: Box | None = None,
    display: Box | None = None,
    attributes: bytes = b"",
    pixel_aspect: float = 1.0,
    compression: int = 0,
    version: int = 2,
    sampling: Sequence[int] = (),
) -> bytes:
    """Return an uncompressed half EXR of scanlines.

    Args:
        pixels: ``(H, W, C)``, in the order of ``channels``.
        channels: Names; sorted, as the format requires.
        data: Column and row of the first pixel.
        data_box: Data window in the header, independent of the pixels.
        display: Display window in the header; by default the data window.
        attributes: Further attributes, each of `exr_attribute`.
        pixel_aspect: Pixel aspect in the header.
        compression: Compression in the header; pixels are not compressed.
        version: Version and flags.
        sampling: Horizontal and vertical sampling of each channel.
    """
    height, width = pixels.shape[:2]
    x, y = data
    box = data_box or (x, y, x + width - 1, y + height - 1)
    steps = sampling or [1] * len(channels)
    listed = b"".join(
        (name if isinstance(name, bytes) else name.encode()) + b"\0" + struct.pack("<iB3xii", 1, 0, step, step)
        for name, step in zip(channels, steps, strict=True)
    )
    head = struct.pack("<ii", 20000630, version)
    head += exr_attribute("channels", "chlist", listed + b"\0")
    head += exr_attribute("compression", "compression", bytes([compression]))
    head += exr_attribute("dataWindow", "box2i", struct.pack("<4i", *box))
    head += exr_attribute("displayWindow", "box2i", struct.pack("<4i", *(display or box)))
    head += exr_attribute("lineOrder", "lineOrder", b"\0")
    head += exr_attribute("pixelAspectRatio", "float", struct.pack("<f", pixel_aspect))
    head += exr_attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0))
    head += exr_attribute("screenWindowWidth", "float", struct.pack("<f", 1))
    head += attributes + b"\0"
    half = pixels.astype("<f2")
    chunks, offsets, position = [], [], len(head) + 8 * height
    for row in range(height):
        body = b"".join(
            half[row, ::step, index].tobytes() for index, step in enumerate(steps) if (box[1] + row) % step == 0
        )
        chunks.append(struct.pack("<ii", box[1] + row, len(body)) + body)
        offsets.append(position)
        position += len(chunks[-1])
    return head + struct.pack(f"<{height}Q", *offsets) + b"".join(chunks)


def chromaticities(*eight: float) -> bytes:
    """Return the attribute with the primaries of an EXR: red, green, blue and white, each x and y."""
    return exr_attribute("chromaticities", "chromaticities", struct.pack("<8f", *eight))


# --- PNG -------------------------------------------------------------------------------------------------------------


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels: np.ndarray, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of 8 or 16 bits, grey or RGB, with or without alpha; ``chunks`` precede the pixels."""
    height, width, channels = pixels.shape
    depth = 8 * pixels.dtype.itemsize
    head = struct.pack(">IIBBBBB", width, height, depth, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(f">u{depth // 8}").tobytes() for row in pixels)
    extra = b"".join(png_chunk(*chunk) for chunk in chunks)
    end = png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + extra + end


def gamma(value: float) -> tuple[bytes, bytes]:
    """Return the chunk gAMA; ``value`` is the encoding exponent, such as 1/2.2."""
    return b"gAMA", struct.pack(">I", round(value * 100000))


def cicp(primaries: int, transfer: int, full: int = 1) -> tuple[bytes, bytes]:
    """Return the chunk cICP: code points of ITU-T H.273."""
    return b"cICP", bytes([primaries, transfer, 0, full])


def chrm(*eight: float) -> tuple[bytes, bytes]:
    """Return the chunk cHRM from red, green, blue and white, each x and y; the file has white first."""
    return b"cHRM", struct.pack(">8I", *(round(value * 100000) for value in (*eight[6:], *eight[:6])))


# --- TIFF ------------------------------------------------------------------------------------------------------------


def tiff(pixels: np.ndarray, *fields: tuple[int, int, int, bytes], photometric: int = 2) -> bytes:
    """Return a little-endian TIFF of one strip.

    Args:
        pixels: ``(H, W, C)``.
        fields: Further fields: tag, type, count and data.
        photometric: Photometric interpretation; 2 is RGB.
    """
    height, width, channels = pixels.shape
    body = pixels.tobytes()
    sample_format = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    bits = 8 * pixels.dtype.itemsize
    many = lambda value: struct.pack(f"<{channels}H", *[value] * channels)  # noqa: E731
    short = lambda value: struct.pack("<H", value)  # noqa: E731
    long = lambda value: struct.pack("<I", value)  # noqa: E731
    entries = {
        256: (4, 1, long(width)),
        257: (4, 1, long(height)),
        258: (3, channels, many(bits)),
        259: (3, 1, short(1)),
        262: (3, 1, short(photometric)),
        273: (4, 1, long(8)),
        277: (3, 1, short(channels)),
        278: (4, 1, long(height)),
        279: (4, 1, long(len(body))),
        284: (3, 1, short(1)),
        339: (3, channels, many(sample_format)),
    } | {tag: (kind, count, data) for tag, kind, count, data in fields}
    body += b"\0" * (len(body) % 2)
    directory = 8 + len(body)
    beyond = directory + 2 + 12 * len(entries) + 4
    table, tail = b"", b""
    for tag, (kind, count, data) in sorted(entries.items()):
        value = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", beyond + len(tail))
        tail += data + b"\0" * (len(data) % 2) if len(data) > 4 else b""
        table += struct.pack("<HHI", tag, kind, count) + value
    head = b"II" + struct.pack("<HI", 42, directory)
    return head + body + struct.pack("<H", len(entries)) + table + struct.pack("<I", 0) + tail


def rationals(*values: float) -> bytes:
    """Return numbers as TIFF rationals."""
    return b"".join(struct.pack("<II", round(value * 1000000), 1000000) for value in values)


# --- Film scans and the small ones -----------------------------------------------------------------------------------


def ten_bits(codes: np.ndarray) -> bytes:
    """Return ``(H, W, 3)`` codes of 0-1023 as DPX and Cineon pack them: three in four bytes, from the top."""
    red, green, blue = (codes[..., index].astype(np.uint32) for index in range(3))
    return ((red << 22) | (green << 12) | (blue << 2)).astype(">u4").tobytes()


def dpx(codes: np.ndarray, *, transfer: int = 2, creator: bytes = b"tests", aspect: tuple[int, int] = (1, 1)) -> bytes:
    """Return a 10-bit RGB DPX; transfer 1 is printing density, 2 linear, 3 logarithmic, 6 Rec.709."""
    height, width = codes.shape[:2]
    body = ten_bits(codes)
    head = bytearray(b"\xff" * 2048)
    head[0:4], head[8:16] = b"SDPX", b"V1.0".ljust(8, b"\0")
    struct.pack_into(">I", head, 4, 2048)
    struct.pack_into(">I", head, 16, 2048 + len(body))
    for start, end, text in [
        (36, 136, b"p.dpx"),
        (136, 160, b""),
        (160, 260, creator),
        (260, 460, b""),
        (460, 660, b""),
    ]:
        head[start:end] = text.ljust(end - start, b"\0")
    struct.pack_into(">HHII", head, 768, 0, 1, width, height)
    struct.pack_into(">IIfIf", head, 780, 0, 0, 0.0, 1023, 2.046)
    head[800:804] = bytes([50, transfer, transfer, 10])
    struct.pack_into(">HHIII", head, 804, 1, 0, 2048, 0, 0)
    head[820:852] = b"\0" * 32
    head[1432:1556] = b"\0" * 124
    struct.pack_into(">II", head, 1628, *aspect)
    head[1664:1732] = b"\0" * 68
    return bytes(head) + body


def cineon(codes: np.ndarray) -> bytes:
    """Return a 10-bit RGB Cineon file."""
    height, width = codes.shape[:2]
    body = ten_bits(codes)
    head = bytearray(b"\xff" * 2048)
    struct.pack_into(">IIIII", head, 0, 0x802A5FD7, 2048, 1024, 0, 0)
    struct.pack_into(">I", head, 20, 2048 + len(body))
    head[24:192] = b"V4.5".ljust(168, b"\0")
    head[192:194] = bytes([0, 3])
    for index in range(3):
        struct.pack_into(
            ">BBBBIIffff", head, 196 + 28 * index, 0, index + 1, 10, 255, width, height, 0.0, 0.0, 1023.0, 2.046
        )
    head[680:684] = bytes([0, 5, 0, 0])
    struct.pack_into(">II", head, 684, 0, 0)
    return bytes(head) + body


def radiance(pixels: np.ndarray, *lines: bytes) -> bytes:
    """Return a Radiance image from ``(H, W, 4)`` bytes: three mantissas and a shared exponent."""
    height, width = pixels.shape[:2]
    text = b"".join(line + b"\n" for line in (b"#?RADIANCE", b"FORMAT=32-bit_rle_rgbe", *lines))
    return text + b"\n-Y %d +X %d\n" % (height, width) + pixels.tobytes()


def targa(pixels: np.ndarray) -> bytes:
    """Return an uncompressed Targa of ``(H, W, 3 or 4)`` bytes, first row on top."""
    height, width, channels = pixels.shape
    stored = pixels[..., [2, 1, 0, 3][:channels]]
    descriptor = 0x20 | (8 if channels == 4 else 0)
    head = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, width, height, 8 * channels, descriptor)
    return head + stored.tobytes()


def bmp(pixels: np.ndarray) -> bytes:
    """Return a 24-bit BMP, last row first."""
    height, width = pixels.shape[:2]
    rows = [row[:, ::-1].tobytes() for row in pixels[::-1]]
    body = b"".join(row + b"\0" * (-len(row) % 4) for row in rows)
    head = b"BM" + struct.pack("<IHHI", 54 + len(body), 0, 0, 54)
    return head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(body), 2835, 2835, 0, 0) + body
