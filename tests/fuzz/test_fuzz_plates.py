"""Plates of every format, with random damage: each gives an image, or an error that names the frame."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from fuzz.hammer import hammer
from PIL import Image as Pillow
from raw_pictures import (
    bmp,
    chrm,
    cicp,
    cineon,
    dpx,
    exr,
    exr_attribute,
    gamma,
    png,
    png_chunk,
    radiance,
    rationals,
    targa,
    tiff,
)

from stcn_plugin.errors import STCNError
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.oiio_plates import OpenImageIOPlates
from stcn_plugin.media.plates import PlateReader
from stcn_plugin.media.sequences import FrameSequence

pytestmark = pytest.mark.slow

RAMP = np.linspace(0, 255, 24 * 16 * 3).reshape(16, 24, 3)
LEVELS = RAMP.astype(np.uint8)
CODES = (RAMP * 4).astype(np.uint16)
EXTREMES = (0, 1, 2, 3, 7, 16, 255, 256, 4096, 65535, 65536, 1 << 20, 1 << 24, 1 << 30, (1 << 31) - 1, 1 << 31)
COMPRESSIONS = ("none", "rle", "zips", "zip", "piz", "pxr24", "b44", "b44a", "dwaa", "dwab", "htj2k256", "htj2k32")
Seed = Callable[[np.random.Generator, Path], bytes]


def by_pillow(kind: str, mode: str = "RGB", **options: object) -> Seed:
    """A file written by Pillow."""

    def make(rng, folder):
        stream = io.BytesIO()
        Pillow.fromarray(LEVELS).convert(mode).save(stream, kind, **options)
        return stream.getvalue()

    return make


def by_openimageio(suffix: str, depth: str, **options: object) -> Seed:
    """A file written by OpenImageIO; EXR in any compression, tiled or not."""

    def make(rng, folder):
        spec = oiio.ImageSpec(24, 16, 3, depth)
        for name, value in options.items():
            spec.attribute(name.replace("__", ":"), value)
        if suffix == ".exr":
            spec.attribute("compression", COMPRESSIONS[rng.integers(len(COMPRESSIONS))])
            spec.tile_width = spec.tile_height = int(rng.choice([0, 8]))
        path = folder / f"seed{suffix}"
        out = oiio.ImageOutput.create(str(path))
        assert out.open(str(path), spec), out.geterror()
        assert out.write_image(np.ascontiguousarray(RAMP / 255, np.float32)), out.geterror()
        out.close()
        return path.read_bytes()

    return make


def made(function: Callable[..., bytes], *arguments: object) -> Seed:
    return lambda rng, folder: function(*arguments)


def number(rng: np.random.Generator) -> int:
    return int(EXTREMES[rng.integers(len(EXTREMES))]) - int(rng.integers(2))


def signed(rng: np.random.Generator) -> int:
    """A coordinate: usually small, sometimes at the limits of 32 bits."""
    if rng.random() < 0.6:
        return int(rng.integers(-40, 60))
    value = number(rng) & 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def some_text(rng: np.random.Generator) -> bytes:
    return rng.choice([b"R", b"G", b"B", b"A", b"hero.A", b"caf\xe9", b"\x1b[31m", b"x" * 300, b"", b"Y", b"\xff\xfe"])


def some_attribute(rng: np.random.Generator) -> bytes:
    """A known attribute, with a value that may be invalid."""
    name = rng.choice([
        b"chromaticities", b"PixelAspectRatio", b"framesPerSecond", b"timeCode", b"worldToCamera", b"colorInteropID",
        b"acesImageContainerFlag", b"oiio:ColorSpace", b"name", b"type", b"tiles", b"view", b"chunkCount", b"preview",
        b"envmap", b"smpte:TimeCode", b"Orientation", b"cryptomatte/abc1234/manifest", b"c\xe9",
    ])  # fmt: skip
    kind = str(
        rng.choice([
            "chromaticities", "string", "float", "int", "rational", "timecode", "m44f", "v2f", "box2i", "tiledesc",
            "stringvector", "preview", "double", "keycode", "floatvector", "xyz", "chlist",
        ])
    )  # fmt: skip
    sizes = {
        "chromaticities": 32,
        "float": 4,
        "int": 4,
        "rational": 8,
        "timecode": 8,
        "m44f": 64,
        "v2f": 8,
        "box2i": 16,
    }
    size = sizes.get(kind, int(rng.integers(0, 80)))
    if rng.random() < 0.5:
        values = (
            rng.choice([0.0, 1.0, -1.0, 0.3, 0.33, 1e9, np.nan, np.inf, 24.0], -(-size // 4)).astype("<f4").tobytes()
        )
        return exr_attribute(bytes(name), kind, values[:size])
    return exr_attribute(bytes(name), kind, rng.bytes(size))


def odd_exr(rng, folder) -> bytes:
    """An EXR with a well-formed header and impossible values."""
    channels = ("B", "G", "R") if rng.random() < 0.6 else sorted({bytes(some_text(rng)) for _ in range(4)} - {b""})
    pixels = np.resize(RAMP / 255, (16, 24, len(channels)))
    left, top, right, bottom = (signed(rng) for _ in range(4))
    boxes = [None, (left, top, right, bottom), (left, top, left + 23, top + 15), (0, 0, right, 15), (0, 0, 23, bottom)]
    chosen = (boxes[rng.integers(len(boxes))] for _ in range(2))
    data, display = (box if box and all(-(1 << 31) <= edge < 1 << 31 for edge in box) else None for box in chosen)
    step = int(rng.choice([1, 1, 1, 2, 0, 3]))
    raw = exr(
        pixels,
        channels=channels,
        display=display,
        attributes=b"".join(some_attribute(rng) for _ in range(rng.integers(4))),
        pixel_aspect=float(rng.choice([1, 2, 0, -1, np.nan, np.inf, 1e9, 1e-9])) if rng.random() < 0.3 else 1.0,
        compression=int(rng.integers(14)) if rng.random() < 0.5 else 0,
        version=2 | int(rng.choice([0, 0, 0, 0x200, 0x400, 0x800, 0x1000, 0x1A00])),
        sampling=[max(1, step)] * len(channels),
    )
    if data:
        old = exr_attribute("dataWindow", "box2i", struct.pack("<4i", 0, 0, 23, 15))
        raw = raw.replace(old, exr_attribute("dataWindow", "box2i", struct.pack("<4i", *data)), 1)
    return raw


def odd_png(rng, folder) -> bytes:
    """A PNG with correct checksums and impossible values in its chunks."""
    kinds = [b"gAMA", b"cHRM", b"cICP", b"iCCP", b"sRGB", b"tEXt", b"zTXt", b"iTXt", b"pHYs", b"oFFs", b"tRNS", b"eXIf"]
    chunks = []
    for _ in range(rng.integers(1, 5)):
        kind = kinds[rng.integers(len(kinds))]
        size = {b"gAMA": 4, b"cHRM": 32, b"cICP": 4, b"pHYs": 9, b"oFFs": 9, b"sRGB": 1}.get(
            kind, int(rng.integers(80))
        )
        body = rng.bytes(size)
        if kind == b"iCCP":
            body = b"p\0\0" + zlib.compress(odd_profile(rng))
        elif rng.random() < 0.4 and size >= 4:
            body = struct.pack(">I", number(rng) & 0xFFFFFFFF) + body[4:]
        chunks.append((kind, body))
    raw = png(LEVELS if rng.random() < 0.7 else LEVELS.astype(np.uint16) * 257, *chunks)
    if rng.random() < 0.3:
        head = struct.pack(">II", number(rng) & 0x7FFFFFFF, number(rng) & 0x7FFFFFFF) + bytes([8, 2, 0, 0, 0])
        raw = raw[:8] + png_chunk(b"IHDR", head) + raw[33:]
    return raw


def odd_profile(rng: np.random.Generator) -> bytes:
    """An ICC profile with a matrix and curves, sometimes invalid."""
    names = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"desc")
    elements = []
    for name in names:
        if name.endswith(b"XYZ"):
            elements.append(b"XYZ \0\0\0\0" + struct.pack(">3i", *rng.integers(-70000, 70000, 3)))
        elif name == b"desc":
            elements.append(b"desc\0\0\0\0\0\0\0\x05" + rng.bytes(12))
        else:
            kind = rng.choice([b"curv", b"para"])
            elements.append(bytes(kind) + b"\0\0\0\0" + struct.pack(">I", number(rng) & 0xFFFFFFFF) + rng.bytes(32))
    head = bytearray(rng.bytes(128))
    head[16:20], head[36:40] = b"RGB ", b"acsp"
    table, body, at = struct.pack(">I", len(names)), b"", 132 + 12 * len(names)
    for name, element in zip(names, elements, strict=True):
        table += struct.pack(">4sII", name, at + len(body), len(element))
        body += element
    profile = bytes(head) + table + body
    return struct.pack(">I", len(profile)) + profile[4:]


def odd_tiff(rng, folder) -> bytes:
    """A TIFF with impossible values in its fields."""
    tags = (254, 256, 257, 258, 259, 262, 266, 270, 273, 274, 277, 278, 279, 282, 284, 286, 317, 318, 319, 322, 323, 324,
            338, 339, 530, 33432, 34675, 34665, 50706)  # fmt: skip
    fields = []
    for _ in range(rng.integers(1, 4)):
        tag = int(tags[rng.integers(len(tags))])
        if tag in (318, 319):
            fields.append((tag, 5, 2 if tag == 318 else 6, rationals(*rng.choice([0.0, 0.3, 0.33, 0.6], 6))))
        else:
            fields.append((tag, int(rng.integers(1, 13)), 1, struct.pack("<I", number(rng) & 0xFFFFFFFF)))
    return tiff(LEVELS, *fields, photometric=int(rng.choice([0, 1, 2, 2, 2, 5, 6, 8, 32803])))


def odd_dpx(rng, folder) -> bytes:
    """A DPX with impossible values in its fields."""
    raw = bytearray(dpx(CODES, transfer=int(rng.integers(14)), aspect=(number(rng) & 0xFFFFFFFF, 1)))
    for _ in range(rng.integers(1, 4)):
        at = int(rng.choice([4, 16, 768, 770, 772, 776, 780, 800, 804, 806, 808, 812, 1628, 1632, 1940, 1952]))
        struct.pack_into(">I", raw, at, number(rng) & 0xFFFFFFFF)
    return bytes(raw)


SEEDS: tuple[tuple[str, Seed], ...] = (
    (".exr", made(exr, RAMP / 255)),
    (".exr", by_openimageio(".exr", "half")),
    (".exr", by_openimageio(".exr", "float")),
    (".png", made(png, LEVELS, gamma(1 / 1.8), chrm(0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329))),
    (".png", made(png, LEVELS.astype(np.uint16) * 257, cicp(9, 16))),
    (".png", by_pillow("PNG", "P")),
    (".jpg", by_pillow("JPEG")),
    (".jpeg", by_pillow("JPEG", progressive=True)),
    (".jpg", by_pillow("JPEG", "CMYK")),
    (".tif", made(tiff, LEVELS)),
    (".tiff", by_pillow("TIFF", compression="tiff_lzw")),
    (".tif", by_pillow("TIFF", compression="jpeg")),
    (".tif", by_pillow("TIFF", compression="tiff_adobe_deflate")),
    (".tif", by_pillow("TIFF", "1", compression="group4")),
    (".tif", by_openimageio(".tif", "float", tiff__half=1)),
    (".dpx", made(dpx, CODES)),
    (".dpx", by_openimageio(".dpx", "uint16", oiio__BitsPerSample=12)),
    (".cin", made(cineon, CODES)),
    (".tga", made(targa, LEVELS)),
    (".tga", by_pillow("TGA", "P", compression="tga_rle")),
    (".tga", by_pillow("TGA", compression="tga_rle")),
    (".hdr", made(radiance, np.dstack([LEVELS, LEVELS[..., :1] // 2 + 64]))),
    (".hdr", by_openimageio(".hdr", "float")),
    (".webp", by_pillow("WEBP")),
    (".webp", by_pillow("WEBP", lossless=True)),
    (".bmp", made(bmp, LEVELS)),
    (".bmp", by_pillow("BMP", "P")),
    (".gif", by_pillow("GIF", "P")),
    (".jp2", by_pillow("JPEG2000")),
    (".jxl", by_openimageio(".jxl", "uint8")),
    (".ppm", by_pillow("PPM")),
    (".sgi", by_pillow("SGI")),
    (".iff", by_openimageio(".iff", "uint8")),
    (".psd", made(lambda: b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 16, 24, 8, 3) + b"\0" * 14 + LEVELS.tobytes())),
)
ODD: tuple[tuple[str, Seed], ...] = (
    (".exr", odd_exr),
    (".exr", odd_exr),
    (".png", odd_png),
    (".tif", odd_tiff),
    (".dpx", odd_dpx),
)


def mutated(rng: np.random.Generator, raw: bytes) -> bytes:
    """Bytes changed, removed, inserted or truncated; mostly in the header."""
    data = bytearray(raw)
    for _ in range(rng.integers(1, 6)):
        reach = min(len(data), 400) if rng.random() < 0.7 else len(data)
        at = int(rng.integers(max(1, reach)))
        order = "<>"[rng.integers(2)]
        kind = rng.integers(7)
        if kind == 0:
            data[at : at + 1] = rng.bytes(1)
        elif kind == 1 and data:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            data[at : at + 4] = struct.pack(f"{order}I", number(rng) & 0xFFFFFFFF)
        elif kind == 3:
            data[at : at + 2] = struct.pack(f"{order}H", number(rng) & 0xFFFF)
        elif kind == 4:
            del data[at : at + int(rng.integers(1, 64))]
        elif kind == 5:
            data[at:at] = rng.bytes(int(rng.integers(1, 64)))
        else:
            del data[int(rng.integers(len(data) + 1)) :]
    return bytes(data)


def attack(rng: np.random.Generator, folder: Path) -> None:
    """Read one file as the only frame of a plate, as a job does: header first, then pixels."""
    if rng.random() < 0.5:
        suffix, seed = SEEDS[rng.integers(len(SEEDS))]
        raw = mutated(rng, seed(rng, folder))
    else:
        suffix, seed = ODD[rng.integers(len(ODD))]
        raw = seed(rng, folder)
        raw = mutated(rng, raw) if rng.random() < 0.2 else raw
    path = folder / f"p.1001{suffix}"
    path.write_bytes(raw)
    warnings.simplefilter("error")  # what numpy has to say reaches no artist
    reported: list[str] = []
    sequence = FrameSequence.parse(folder / f"p.####{suffix}")
    reader = PlateReader(sequence, files=OpenImageIOPlates(), colour=ColourTransform(), warn=reported.append)
    try:
        header = reader.header(1001)
        window = header.display.union(header.data)
        assert window.pixels <= 9 << 28
        image = reader.read(1001).image(window=window, size=(32, 32))
    except STCNError as error:
        assert str(path) in str(error.where)
        assert error.fix or "cannot be read" in error.what
        str(error).encode()
        raise
    assert image.shape == (32, 32, 3) and image.min() >= 0 and image.max() <= 1
    assert all(str(path) in text for text in reported) and "".join(reported).isprintable()


def test_plates(fuzz_count):
    """Any bytes give an image, or an error that names file and frame, in bounded time and memory."""
    assert hammer("fuzz.test_fuzz_plates:attack", fuzz_count) == []
