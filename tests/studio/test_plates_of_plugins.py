"""Plates read by plugins: choice of the reader, and checks of its results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stcn_plugin.errors import PlateError, PluginError
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.oiio_plates import OpenImageIOPlates
from stcn_plugin.media.plates import PlateReader
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.studio import FrameHeader, PlatePicture, Window
from stcn_plugin.studio.plates import plate_files

WINDOW = Window(0, 0, 4, 3)
HEADER = FrameHeader(WINDOW, WINDOW)
PIXELS = np.full((3, 4, 3), 0.5, np.float32)
PICTURE = PlatePicture(HEADER, PIXELS, is_float=False)
FILE = Path("p.1001.xyz")


class Files:
    """A reader that returns given results, or calls them."""

    def __init__(self, header=HEADER, picture=PICTURE):
        self._header, self._picture = header, picture

    def header(self, path, *, where):
        return self._header() if callable(self._header) else self._header

    def picture(self, path, *, where):
        return self._picture() if callable(self._picture) else self._picture


def opened(hooks, files, pattern="p.####.xyz"):
    return plate_files(hooks({"stcn_open_plate": lambda: files}), pattern, part=None, layer=None)


def test_openimageio_reads_other_plates(hooks):
    """The built-in plugin is called last, with part and layer."""
    calls = []

    def decline(pattern, part, layer):
        calls.append((pattern, part, layer))

    files = plate_files(hooks({"stcn_open_plate": decline}), "p.####.exr", part="beauty", layer="diffuse")
    assert files == OpenImageIOPlates("beauty", "diffuse")
    assert calls == [("p.####.exr", "beauty", "diffuse")]


def test_the_first_result_is_used(hooks):
    """The plugin loaded last is called first; after a result, the others are not called."""
    first, last = Files(), Files(picture=PlatePicture(HEADER, PIXELS * 0, is_float=False))
    studio = hooks({"stcn_open_plate": lambda: first}, {"stcn_open_plate": lambda: last})
    files = plate_files(studio, "p.####.xyz", part=None, layer=None)
    np.testing.assert_array_equal(files.picture(FILE, where="frame 1001").pixels, PIXELS * 0)


@pytest.mark.parametrize(
    ("call", "files", "message"),
    [
        ("header", Files(header=None), "returned a NoneType, not a FrameHeader"),
        ("header", Files(header=FrameHeader(Window(0, 0, 0, 3), WINDOW)), "with an invalid size or pixel aspect"),
        ("header", Files(header=FrameHeader(WINDOW, WINDOW, pixel_aspect=0)), "with an invalid size or pixel aspect"),
        ("header", Files(header=lambda: 1 / 0), r"failed \(ZeroDivisionError: division by zero\)"),
        ("picture", Files(picture=PIXELS), "returned an ndarray, not a PlatePicture"),
        ("picture", Files(picture=PlatePicture(HEADER, PIXELS[:2], True)), r"of shape \(2, 4, 3\), not \(3, 4, 3\) or \(3, 4, 1\)"),
        ("picture", Files(picture=PlatePicture(HEADER, PIXELS[..., :2], True)), r"of shape \(3, 4, 2\), not"),
        ("picture", Files(picture=PlatePicture(HEADER, PIXELS.astype(np.float64), True)), "returned float64 pixels, not float32"),
        ("picture", Files(picture=PlatePicture(HEADER, None, True)), "returned a NoneType, not float32"),
        ("picture", Files(picture=lambda: [][0]), r"failed \(IndexError: list index out of range\)"),
    ],
)  # fmt: skip
def test_an_invalid_result_names_plugin_and_frame(hooks, call, files, message):
    """Invalid results and exceptions of a reader are reported with plugin and frame."""
    with pytest.raises(PluginError, match=rf"^frame 1001: plugin p0: reading the plate .*{message}"):
        getattr(opened(hooks, files), call)(FILE, where="frame 1001")


def test_an_object_without_the_methods_is_refused(hooks):
    """A result that lacks a method is an error before the job runs."""
    with pytest.raises(
        PluginError, match=r"plugin p0: its hook stcn_open_plate returned a \w*Path, which has no method 'header'"
    ):
        opened(hooks, Path("p"))


def test_stcn_errors_of_a_plugin_are_unchanged(hooks):
    """A plugin can raise the errors of this package to address the artist."""

    def damaged():
        raise PlateError("the tape is torn", where="frame 1001")

    with pytest.raises(PlateError, match=r"^frame 1001: the tape is torn\.$"):
        opened(hooks, Files(picture=damaged)).picture(FILE, where="x")


def test_plates_of_plugins_are_treated_like_others(hooks, tmp_path):
    """Window, size, sanitised values and the check of the format are the same for plates of a plugin."""
    hot = np.full((3, 4, 1), np.nan, np.float32)
    hot[:, 2:] = 0.25
    hot.flags.writeable = False
    inset = FrameHeader(Window(0, 0, 8, 3), Window(2, 0, 4, 3), timecode=(1, 2))
    files = opened(hooks, Files(inset, PlatePicture(inset, hot, is_float=True, colour_space="sRGB")))
    (tmp_path / "p.0001.xyz").touch()
    reader = PlateReader(
        FrameSequence.parse(tmp_path / "p.####.xyz"), files=files, colour=ColourTransform(), missing="hold"
    )
    assert reader.data_windows_may_differ
    plate = reader.read(2)
    expected = np.zeros((3, 8, 3), np.float32)
    expected[:, 4:6] = 0.25
    np.testing.assert_allclose(plate.image(inset.display, (3, 8)), expected, atol=1e-6)
    assert (plate.held_from, plate.header.timecode) == (1, None)
    assert np.isnan(hot[0, 0, 0])
    other = opened(hooks, Files())
    reader._files = other
    with pytest.raises(PlateError, match="the format is 4x3, but 8x3 at frame 1"):
        reader.read(1)
