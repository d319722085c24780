"""Mattes of an earlier run are recognised in every layout."""

from __future__ import annotations

import pytest

from stcn_plugin.errors import OutputError
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import FrameHeader, Window
from stcn_plugin.media.written_mattes import check_mattes

DISPLAY = Window(0, 0, 24, 16)
DATA = Window(-4, -2, 32, 18)
WINDOW = DISPLAY.union(DATA)
LAYOUTS = [
    ("m.####.exr", "layers", "half"),
    ("m.####.exr", "layers", "float"),
    ("m.####.exr", "per_object", "half"),
    ("m.####.exr", "cryptomatte", "float"),
    ("m.####.png", "per_object", "uint16"),
    ("m.####.png", "per_object", "uint8"),
    ("m.####.tif", "per_object", "uint16"),
]
OBJECTS = ("hero", "left arm.v2", "A", "absent")


@pytest.mark.parametrize(("pattern", "layout", "depth"), LAYOUTS)
def test_mattes_of_the_same_shot_pass(tmp_path, pattern, layout, depth):
    """In every layout and format, with names that layers cannot have and with an object that is absent."""
    writer = MatteWriter(FrameSequence.parse(tmp_path / pattern), objects=OBJECTS, layout=layout, depth=depth)
    writer.write(1001, {}, window=WINDOW, header=FrameHeader(DISPLAY, DATA))
    check_mattes(writer, 1001, display=DISPLAY)


def test_a_plate_whose_format_does_not_start_at_zero(tmp_path):
    """Formats other than EXR cover the display window, wherever it is."""
    display = Window(10, 20, 24, 16)
    for pattern in ("m.####.exr", "m.####.png"):
        writer = MatteWriter(FrameSequence.parse(tmp_path / pattern), objects=["hero"])
        writer.write(1001, {}, window=display, header=FrameHeader(display, display))
        check_mattes(writer, 1001, display=display)


@pytest.mark.parametrize("pattern", ["m.####.exr", "m.####.png"])
def test_mattes_of_another_format(tmp_path, pattern):
    """If the plate has a different size now, the error has both sizes."""
    writer = MatteWriter(FrameSequence.parse(tmp_path / pattern), objects=["hero"])
    writer.write(1001, {}, window=DISPLAY, header=FrameHeader(DISPLAY, DISPLAY))
    with pytest.raises(OutputError, match=r"m\.1001\.\w+: the matte is 24x16, but the plate is 48x32"):
        check_mattes(writer, 1001, display=Window(0, 0, 48, 32))


def test_damaged_and_absent_files(tmp_path):
    """A truncated or missing file is an error that names it."""
    writer = MatteWriter(FrameSequence.parse(tmp_path / "m.####.exr"), objects=["hero"])
    (path,) = writer.write(1001, {}, window=WINDOW, header=FrameHeader(DISPLAY, DATA))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(OutputError, match=r"m\.1001\.exr"):
        check_mattes(writer, 1001, display=DISPLAY)
    with pytest.raises(OutputError, match=r"m\.1002\.exr: there is no such file"):
        check_mattes(writer, 1002, display=DISPLAY)
