"""Plates of plugins: the first that takes one reads it, and what it gives is checked."""

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
    """Gives what it is told to give."""

    def __init__(self, header=HEADER, picture=PICTURE):
        self._header, self._picture = header, picture

    def header(self, path, *, where):
        return self._header() if callable(self._header) else self._header

    def picture(self, path, *, where):
        return self._picture() if callable(self._picture) else self._picture


def opened(hooks, files, pattern="p.####.xyz"):
    return plate_files(hooks({"stcn_open_plate": lambda: files}), pattern, part=None, layer=None)


def test_openimageio_reads_what_no_plugin_takes(hooks):
    """The built-in plugin is asked last, and given part and layer."""
    asked = []

    def decline(pattern, part, layer):
        asked.append((pattern, part, layer))

    files = plate_files(hooks({"stcn_open_plate": decline}), "p.####.exr", part="beauty", layer="diffuse")
    assert files == OpenImageIOPlates("beauty", "diffuse")
    assert asked == [("p.####.exr", "beauty", "diffuse")]


def test_the_first_answer_is_taken(hooks):
    """The plugin loaded last is asked first; the others are not asked then."""
    first, last = Files(), Files(picture=PlatePicture(HEADER, PIXELS * 0, is_float=False))
    studio = hooks({"stcn_open_plate": lambda: first}, {"stcn_open_plate": lambda: last})
    files = plate_files(studio, "p.####.xyz", part=None, layer=None)
    np.testing.assert_array_equal(files.picture(FILE, where="frame 1001").pixels, PIXELS * 0)


@pytest.mark.parametrize(
    ("call", "files", "message"),
    [
        ("header", Files(header=None), "gave a NoneType, not a FrameHeader"),
        ("header", Files(header=FrameHeader(Window(0, 0, 0, 3), WINDOW)), "without a size or a pixel aspect"),
        ("header", Files(header=FrameHeader(WINDOW, WINDOW, pixel_aspect=0)), "without a size or a pixel aspect"),
        ("header", Files(header=lambda: 1 / 0), r"failed \(ZeroDivisionError: division by zero\)"),
        ("picture", Files(picture=PIXELS), "gave an ndarray, not a PlatePicture"),
        ("picture", Files(picture=PlatePicture(HEADER, PIXELS[:2], True)), r"of shape \(2, 4, 3\), not \(3, 4, 3\) or \(3, 4, 1\)"),
        ("picture", Files(picture=PlatePicture(HEADER, PIXELS[..., :2], True)), r"of shape \(3, 4, 2\), not"),
        ("picture", Files(picture=PlatePicture(HEADER, PIXELS.astype(np.float64), True)), "gave float64 pixels, not float32"),
        ("picture", Files(picture=PlatePicture(HEADER, None, True)), "gave a NoneType, not float32"),
        ("picture", Files(picture=lambda: [][0]), r"failed \(IndexError: list index out of range\)"),
    ],
)  # fmt: skip
def test_nonsense_is_an_error_that_names_plugin_and_frame(hooks, call, files, message):
    """Whatever a plugin reads that is no picture is told with its name and the frame."""
    with pytest.raises(PluginError, match=rf"^frame 1001: plugin p0: reading the plate .*{message}"):
        getattr(opened(hooks, files), call)(FILE, where="frame 1001")


def test_what_cannot_read_is_refused_at_once(hooks):
    """An answer without the two methods is an error before anything runs."""
    with pytest.raises(
        PluginError, match=r"plugin p0: its hook stcn_open_plate gave a \w*Path, which has no method 'header'"
    ):
        opened(hooks, Path("p"))


def test_a_plugins_own_words_to_the_artist_pass(hooks):
    """An error of this package is what the plugin wants told, and stays as it is."""

    def damaged():
        raise PlateError("the tape is torn", where="frame 1001")

    with pytest.raises(PlateError, match=r"^frame 1001: the tape is torn\.$"):
        opened(hooks, Files(picture=damaged)).picture(FILE, where="x")


def test_the_reader_keeps_its_policies(hooks, tmp_path):
    """Window, size, safety of values and the check of the format are the same for a plugin's plate."""
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
    plate = reader.read(2, window=inset.display, size=(3, 8))
    expected = np.zeros((3, 8, 3), np.float32)
    expected[:, 4:6] = 0.25
    np.testing.assert_allclose(plate.image, expected, atol=1e-6)
    assert (plate.held_from, plate.header.timecode) == (1, None)
    assert np.isnan(hot[0, 0, 0])
    other = opened(hooks, Files())
    reader._files = other
    with pytest.raises(PlateError, match="the format is 4x3, but 8x3 at frame 1"):
        reader.read(1, window=WINDOW, size=(3, 4))
