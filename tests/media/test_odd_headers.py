"""Invalid headers: text with wrong encodings, impossible windows and ratios."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from picture_files import write
from raw_pictures import dpx, exr, exr_attribute, png, tiff

from stcn_plugin.errors import PlateError
from stcn_plugin.media import images
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.images import read_header, read_headers, read_image
from stcn_plugin.media.oiio_plates import OpenImageIOPlates
from stcn_plugin.media.plates import PlateReader
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import MAX_PIXELS, Window

PIXELS = np.random.default_rng(1).random((6, 8, 3)).astype(np.float16).astype(np.float32)
LEVELS = (PIXELS * 255).astype(np.uint8)


def test_text_that_is_not_utf8(tmp_path):
    """Attributes, channels, parts, PNG texts, TIFF tags and DPX headers are read as Latin-1."""
    attributes = exr_attribute("comment", "string", b"caf\xe9") + exr_attribute(b"cl\xe9", "string", b"x")
    files = {
        "p.exr": exr(PIXELS[..., ::-1], attributes=attributes),
        "p.png": png(LEVELS, (b"tEXt", b"Comment\0caf\xe9"), (b"tEXt", b"cl\xe9\0x")),
        "p.tif": tiff(LEVELS, (270, 2, 5, b"caf\xe9\0"), (305, 2, 5, b"\xff\xfe\xfd\xfc\0")),
        "p.dpx": dpx((LEVELS.astype(np.uint16) * 4), creator=b"caf\xe9"),
    }
    for name, raw in files.items():
        path = tmp_path / name
        path.write_bytes(raw)
        header = read_header(path)
        json.dumps([header.channels, dict(header.metadata)], ensure_ascii=False).encode()
        assert "caf\u00e9" in header.metadata.values(), name
        assert read_image(path).pixels.shape == (6, 8, 3)
    assert read_header(tmp_path / "p.exr").metadata["cl\u00e9"] == "x"


def test_channels_and_parts_that_are_not_utf8(tmp_path):
    """They are found by the name that messages show."""
    path = tmp_path / "p.exr"
    path.write_bytes(exr(PIXELS, channels=(b"X", b"caf\xe9.A", b"\xff\xfe")))
    assert sorted(read_header(path).channels) == ["X", "caf\u00e9.A", "\u00ff\u00fe"]
    np.testing.assert_array_equal(read_image(path, channels=["caf\u00e9.A"]).pixels[..., 0], PIXELS[..., 1])
    with pytest.raises(PlateError) as caught:
        OpenImageIOPlates().picture(path, where="p")
    str(caught.value).encode()
    part = exr(PIXELS, attributes=exr_attribute("name", "string", b"caf\xe9"))
    path.write_bytes(part)
    assert [header.part for header in read_headers(path)] == ["caf\u00e9"]


def test_errors_that_quote_bytes_of_the_file(tmp_path):
    """The error names the damaged attribute, without its control characters."""
    raw = bytearray(exr(PIXELS))
    raw[raw.index(b"channels\0") + 8] = 0xB0
    raw[raw.index(b"lineOrder\0")] = 0x1B
    path = tmp_path / "p.exr"
    path.write_bytes(bytes(raw))
    for read in (read_header, read_headers, read_image):
        with pytest.raises(PlateError, match=r"^frame 1002: the file cannot be opened as an image \(") as caught:
            read(path, where="frame 1002")
        assert "\u00b0" in caught.value.what
        assert caught.value.what.isprintable()
        assert str(path) not in caught.value.what


def test_unreadable_attributes_are_ignored():
    """If the binding cannot read an attribute, as in older versions, the others are read."""
    from stcn_plugin.media.image_header import _attributes

    class Item:
        def __init__(self, name, value=None):
            self.name, self._value = name, value

        @property
        def value(self):
            return self._value if self._value is not None else b"\xe9".decode()

    class Spec:
        extra_attribs = (Item("good", "a"), Item("bad"), Item("number", 3))

    attributes, ignored = _attributes(Spec)
    assert attributes == {"good": "a", "number": 3}
    assert "not UTF-8" in ignored["bad"]


def f(*values):
    return struct.pack(f"<{len(values)}f", *values)


@pytest.mark.parametrize(
    ("attributes", "named", "aspect"),
    [
        (exr_attribute("PixelAspectRatio", "string", b"wide"), "PixelAspectRatio", 1.0),
        (exr_attribute("PixelAspectRatio", "float", f(2.0)), None, 2.0),
        (exr_attribute("PixelAspectRatio", "float", f(0)), "PixelAspectRatio", 1.0),
        (exr_attribute("PixelAspectRatio", "float", f(-2)), "PixelAspectRatio", 1.0),
        (exr_attribute("PixelAspectRatio", "float", f(float("nan"))), "PixelAspectRatio", 1.0),
        (exr_attribute("PixelAspectRatio", "float", f(1e9)), "PixelAspectRatio", 1.0),
        (exr_attribute("PixelAspectRatio", "float", f(0.01)), "PixelAspectRatio is 0.01,", 1.0),
        (exr_attribute("PixelAspectRatio", "v2f", f(1, 1)), "PixelAspectRatio", 1.0),
        (exr_attribute("framesPerSecond", "v2f", f(float("nan"), 1)), "framesPerSecond", 1.0),
        (exr_attribute("framesPerSecond", "v2f", f(24, 1)), "framesPerSecond", 1.0),
        (exr_attribute("framesPerSecond", "rational", struct.pack("<iI", 24, 0)), "framesPerSecond", 1.0),
        (exr_attribute("framesPerSecond", "rational", struct.pack("<iI", -24, 1)), "framesPerSecond", 1.0),
        (exr_attribute("framesPerSecond", "float", f(float("inf"))), None, 1.0),
        (exr_attribute("framesPerSecond", "string", b"24"), None, 1.0),
        (exr_attribute("smpte:TimeCode", "v2f", f(float("inf"), 1)), None, 1.0),
        (exr_attribute("timeCode", "string", b"01:00:00:00"), None, 1.0),
        (exr_attribute("timeCode", "timecode", b"\xff" * 8), None, 1.0),
        (exr_attribute("worldToCamera", "m44f", f(*[float("nan")] * 16)), None, 1.0),
        (exr_attribute("worldToNDC", "m44f", f(*[float("inf")] * 16)), None, 1.0),
    ],
    ids=str,
)
def test_invalid_attributes_give_a_warning(tmp_path, attributes, named, aspect):
    """The image is read without them, with one warning for all frames; mattes do not inherit them."""
    warnings = []
    for frame in (1, 2, 3):
        (tmp_path / f"p.{frame}.exr").write_bytes(exr(PIXELS[..., ::-1], attributes=attributes))
    sequence = FrameSequence.parse(tmp_path / "p.#.exr")
    reader = PlateReader(
        sequence, files=OpenImageIOPlates(), colour=ColourTransform(input="sRGB"), warn=warnings.append
    )
    for frame in (1, 2, 3):
        plate = reader.read(frame)
        np.testing.assert_array_equal(plate.image(Window(0, 0, 8, 6), (6, 8)), PIXELS)
        assert (plate.header.pixel_aspect, plate.header.frame_rate) == (aspect, None)
    assert len(warnings) == (1 if named else 0)
    if named:
        assert warnings[0].startswith(f"frame 1 ({tmp_path / 'p.1.exr'}): {named}")


def test_mattes_inherit_the_timecode(tmp_path):
    """Every timecode that EXR can store is written unchanged, including invalid ones."""
    from stcn_plugin.media.matte_writer import MatteWriter

    for number, words in enumerate([(0, 0), (0x01020304, 7), (0xFFFFFFFF, 0xFFFFFFFF), (0x80000000, 1)]):
        path = tmp_path / "p.exr"
        path.write_bytes(exr(PIXELS, attributes=exr_attribute("timeCode", "timecode", struct.pack("<II", *words))))
        header = read_header(path).header
        assert header.timecode == words
        writer = MatteWriter(FrameSequence.parse(tmp_path / "m.####.exr"), objects=["a"])
        (matte,) = writer.write(number, {}, window=header.display, header=header)
        assert read_header(matte).header.timecode == words


BIG = 1 << 30


@pytest.mark.parametrize(
    ("data", "display"),
    [
        ((-BIG, -BIG, BIG - 1, BIG - 1), (0, 0, 7, 5)),
        ((0, 0, 1048574, 1048574), (0, 0, 7, 5)),
        ((0, 0, 7, 5), (0, 0, 1048574, 1048574)),
        ((0, 0, 7, 5), (-BIG, -BIG, BIG - 1, BIG - 1)),
        ((-(1 << 31), -(1 << 31), -(1 << 31) + 7, -(1 << 31) + 5), (0, 0, 7, 5)),
        (((1 << 31) - 8, (1 << 31) - 6, (1 << 31) - 1, (1 << 31) - 1), (0, 0, 7, 5)),
        ((-(1 << 31), -(1 << 31), (1 << 31) - 1, (1 << 31) - 1), (0, 0, 7, 5)),
        ((5, 5, 1, 1), (0, 0, 7, 5)),
        ((0, 0, 7, 5), (5, 5, 1, 1)),
    ],
    ids=str,
)
def test_a_tiny_file_with_a_giant_window_is_refused(tmp_path, data, display):
    """The error names frame and file, without allocating the memory."""
    path = tmp_path / "p.0007.exr"
    path.write_bytes(exr(PIXELS, data_box=data, display=display))
    reader = PlateReader(
        FrameSequence.parse(tmp_path / "p.####.exr"), files=OpenImageIOPlates(), colour=ColourTransform()
    )
    with pytest.raises(PlateError, match=r"^frame 7 \(.*p\.0007\.exr\): "):
        reader.header(7)
        reader.read(7)


def test_the_limit_of_pixels_is_in_the_message(tmp_path, monkeypatch):
    """An image that OpenImageIO would read is refused by a limit that is named."""
    path = tmp_path / "p.0001.exr"
    path.write_bytes(exr(PIXELS, data_box=(0, 0, 99999, 5), display=(0, 0, 99999, 9999)))
    reader = PlateReader(
        FrameSequence.parse(tmp_path / "p.####.exr"), files=OpenImageIOPlates(), colour=ColourTransform()
    )
    with pytest.raises(PlateError, match=rf"100000x10000.* {MAX_PIXELS:,} pixels"):
        reader.header(1)
    monkeypatch.setattr(images, "MAX_PIXELS", 47)
    path.write_bytes(exr(PIXELS))
    with pytest.raises(PlateError, match=r"8x6.* 47 pixels"):
        read_image(path)


@pytest.mark.parametrize(
    ("origin", "size", "reached"),
    [
        ((1_000_000, 1_000_000), (8, 6), Window(0, 0, 8, 6)),
        ((-1_000_000, 2), (8, 6), Window(0, 0, 8, 6)),
        ((-30, -20), (90, 70), Window(-8, -6, 24, 18)),
        ((4, 0), (500, 6), Window(4, 0, 12, 6)),
        ((-8, -6), (24, 18), None),
        ((2, 1), (3, 2), None),
    ],
)
@pytest.mark.parametrize("tile", [0, 16])
def test_distant_overscan_is_ignored_with_a_warning(tmp_path, origin, size, reached, tile):
    """Overscan beyond the size of the format is ignored; the other pixels keep their position."""
    truth = np.random.default_rng(2).random((size[1], size[0], 3)).astype(np.float16).astype(np.float32)
    display, warnings = Window(0, 0, 8, 6), []
    for frame in (1, 2):
        write(tmp_path / f"p.{frame}.exr", truth, "half", "RGB", data=origin, display=display, tile=tile)
    reader = PlateReader(
        FrameSequence.parse(tmp_path / "p.#.exr"),
        files=OpenImageIOPlates(),
        colour=ColourTransform(input="sRGB"),
        warn=warnings.append,
    )
    data = Window(*origin, *size)
    header = reader.header(1)
    assert header.data == (reached or data)
    window = header.data.union(display)
    for frame in (1, 2):
        plate = reader.read(frame)
        assert reader.header(frame) == plate.header
        expected = np.zeros((*window.shape, 3), np.float32)
        for row in range(window.height):
            for column in range(window.width):
                y, x = window.y + row - origin[1], window.x + column - origin[0]
                if 0 <= y < size[1] and 0 <= x < size[0]:
                    expected[row, column] = truth[y, x]
        np.testing.assert_array_equal(plate.image(window, window.shape), expected)
    assert len(warnings) == (1 if reached else 0)
    if reached:
        assert warnings[0].startswith(f"frame 1 ({tmp_path / 'p.1.exr'}): the data window is {size[0]}x{size[1]} from")
