"""Written mattes are read back in every layout."""

from __future__ import annotations

import numpy as np
import pytest

from stcn_plugin.errors import OutputError
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import FrameHeader, Window
from stcn_plugin.media.written_mattes import read_mattes

DISPLAY = Window(0, 0, 24, 16)
DATA = Window(-4, -2, 32, 18)
WINDOW = DISPLAY.union(DATA)
LAYOUTS = [
    ("m.####.exr", "layers", "half", 5e-4),
    ("m.####.exr", "layers", "float", 0),
    ("m.####.exr", "per_object", "half", 5e-4),
    ("m.####.exr", "cryptomatte", "float", 0),
    ("m.####.png", "per_object", "uint16", 1e-5),
    ("m.####.png", "per_object", "uint8", 2.1e-3),
    ("m.####.tif", "per_object", "uint16", 1e-5),
]
OBJECTS = ("hero", "left arm.v2", "A", "absent")


def ramps() -> dict[str, np.ndarray]:
    """Soft mattes that sum to less than 1; one object is absent."""
    y, x = np.mgrid[0 : WINDOW.height, 0 : WINDOW.width].astype(np.float32)
    hero = x / (2 * WINDOW.width)
    return {"hero": hero, "left arm.v2": y / (4 * WINDOW.height), "A": 0.2 * (x > 9).astype(np.float32)}


@pytest.mark.parametrize(("pattern", "layout", "depth", "tolerance"), LAYOUTS)
def test_mattes_read_back(tmp_path, pattern, layout, depth, tolerance):
    """Mattes equal the written ones within the depth; absent objects are empty; only EXR has overscan."""
    writer = MatteWriter(FrameSequence.parse(tmp_path / pattern), objects=OBJECTS, layout=layout, depth=depth)
    mattes = ramps()
    writer.write(1001, mattes, window=WINDOW, header=FrameHeader(DISPLAY, DATA))
    found = read_mattes(writer, 1001, window=WINDOW, display=DISPLAY)
    assert list(found) == list(OBJECTS)
    kept = (DATA if pattern.endswith("exr") else DISPLAY).slices_in(WINDOW)
    for name, matte in mattes.items():
        expected = np.zeros_like(matte)
        expected[kept] = matte[kept]
        np.testing.assert_allclose(found[name], expected, atol=tolerance, err_msg=name)
    assert found["absent"].shape == WINDOW.shape
    assert not found["absent"].any()


def test_a_plate_whose_format_does_not_start_at_zero(tmp_path):
    """Formats other than EXR cover the display window, wherever it is."""
    display = Window(10, 20, 24, 16)
    matte = {"hero": np.linspace(0, 1, 16 * 24, dtype=np.float32).reshape(16, 24)}
    for pattern in ("m.####.exr", "m.####.png"):
        writer = MatteWriter(FrameSequence.parse(tmp_path / pattern), objects=["hero"])
        writer.write(1001, matte, window=display, header=FrameHeader(display, display))
        found = read_mattes(writer, 1001, window=display, display=display)
        np.testing.assert_allclose(found["hero"], matte["hero"], atol=5e-4)


@pytest.mark.parametrize("pattern", ["m.####.exr", "m.####.png"])
def test_mattes_of_another_format(tmp_path, pattern):
    """If the plate has a different size now, the error has both sizes."""
    writer = MatteWriter(FrameSequence.parse(tmp_path / pattern), objects=["hero"])
    writer.write(1001, {}, window=DISPLAY, header=FrameHeader(DISPLAY, DISPLAY))
    with pytest.raises(OutputError, match=r"m\.1001\.\w+: the matte is 24x16, but the plate is 48x32"):
        read_mattes(writer, 1001, window=DISPLAY, display=Window(0, 0, 48, 32))


def test_damaged_and_absent_files(tmp_path):
    """A truncated or missing file is an error that names it."""
    writer = MatteWriter(FrameSequence.parse(tmp_path / "m.####.exr"), objects=["hero"])
    mattes = {"hero": ramps()["hero"]}
    (path,) = writer.write(1001, mattes, window=WINDOW, header=FrameHeader(DISPLAY, DATA))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(OutputError, match=r"m\.1001\.exr"):
        read_mattes(writer, 1001, window=WINDOW, display=DISPLAY)
    with pytest.raises(OutputError, match=r"m\.1002\.exr: there is no such file"):
        read_mattes(writer, 1002, window=WINDOW, display=DISPLAY)
