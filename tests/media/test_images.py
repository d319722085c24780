from __future__ import annotations

import numpy as np
import OpenImageIO as oiio
import pytest
from picture_files import noise, spec_of, write, write_parts
from PIL import Image as Pillow

from stcn_plugin.errors import KeyframeError, PlateError
from stcn_plugin.media.images import read_header, read_headers, read_image
from stcn_plugin.media.window import Window


@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize(
    ("depth", "compression"), [("half", "zips"), ("float", "zip"), ("half", "piz"), ("half", "none")]
)
def test_exr_pixels_come_back_exactly(tmp_path, depth, compression, tile):
    """Scanline and tiled files, half and float, give the exact values."""
    truth = noise(37, 41, 3)
    path = write(tmp_path / "p.exr", truth, depth, "RGB", tile=tile, attributes={"compression": compression})
    image = read_image(path)
    assert image.pixels.dtype == np.float32
    np.testing.assert_array_equal(image.pixels, truth)
    assert (image.format, image.file_format, image.is_float) == (depth, "openexr", True)


@pytest.mark.parametrize("compression", ["none", "rle", "zips", "zip", "piz", "dwaa", "dwab"])
def test_tall_exr_files_in_every_compression(tmp_path, compression):
    """Reading in bands equals reading in one call, for data windows that start anywhere."""
    truth = noise(530, 12, 5)
    attributes = {"compression": compression}
    path = write(tmp_path / "p.exr", truth, "half", ("R", "G", "B", "A", "Z"), data=(-3, -70), attributes=attributes)
    source = oiio.ImageInput.open(str(path))
    expected, names = source.read_image(oiio.FLOAT), source.spec().channelnames
    source.close()
    np.testing.assert_array_equal(read_image(path).pixels, expected)
    for wanted in (("B", "R"), ("G", "B", "A"), ("Z",)):
        picked = expected[..., [names.index(name) for name in wanted]]
        np.testing.assert_array_equal(read_image(path, channels=wanted).pixels, picked)


def test_channels_are_found_by_name_in_the_requested_order(tmp_path):
    """Files may store channels in another order."""
    names = ("R", "G", "B", "A", "hero.A", "bg.A")
    truth = noise(5, 7, 6)
    path = write(tmp_path / "p.exr", truth, "half", names)
    assert read_header(path).channels.index("bg.A") < read_header(path).channels.index("hero.A")
    everything = read_image(path)
    for index, name in enumerate(names):
        np.testing.assert_array_equal(everything.channel(name), truth[..., index])
    image = read_image(path, channels=["hero.A", "R"])
    assert image.channels == ("hero.A", "R")
    np.testing.assert_array_equal(image.pixels, truth[..., [4, 0]])


def test_channels_of_mixed_formats_keep_their_precision(tmp_path):
    """A float channel beside half channels is exact."""
    truth = np.full((4, 4, 2), 0.1, np.float32)
    spec = spec_of(truth, "half", ("A", "id.r"))
    spec.channelformats = ("half", "float")
    image = read_image(write_parts(tmp_path / "p.exr", [(spec, truth)]))
    assert image.channel("id.r")[0, 0] == np.float32(0.1)
    assert image.channel("A")[0, 0] == np.float32(np.float16(0.1))


def test_header(tmp_path):
    """Windows, pixel aspect, timecode, frame rate, colour space and other attributes are read."""
    attributes = {
        "PixelAspectRatio": 2.0,
        "smpte:TimeCode": ("timecode", (0x01020304, 7)),
        "framesPerSecond": ("rational", (24000, 1001)),
        "cryptomatte/abc1234/name": "object",
        "oiio:ColorSpace": "ACEScg",
    }
    path = tmp_path / "p.exr"
    write(path, noise(20, 30, 3), data=(-4, 6), display=Window(2, 3, 16, 40), attributes=attributes)
    info = read_header(path)
    assert info.header.data == Window(-4, 6, 30, 20)
    assert info.header.display == Window(2, 3, 16, 40)
    assert info.header.pixel_aspect == 2.0
    assert info.header.timecode == (0x01020304, 7)
    assert info.header.frame_rate == (24000, 1001)
    assert info.metadata["cryptomatte/abc1234/name"] == "object"
    assert info.colour_space == "lin_ap1_scene"
    assert info.parts == ("",)
    image = read_image(path)
    assert (image.header, image.metadata) == (info.header, info.metadata)


@pytest.mark.parametrize(("depth", "top"), [("uint8", 255), ("uint16", 65535)])
def test_every_integer_value_is_its_quotient(tmp_path, depth, top):
    """PNG values are value / maximum, correctly rounded."""
    values = np.linspace(0, top, 1024).round().astype(depth).reshape(32, 32, 1)
    image = read_image(write(tmp_path / "p.png", values, depth))
    np.testing.assert_array_equal(image.pixels, (values / np.float64(top)).astype(np.float32))
    assert not image.is_float


def test_png_colours_as_stored_on_request(tmp_path):
    """With ``unassociated``, PNG colours are not premultiplied by alpha."""
    stored = np.array([[[200, 100, 50, 128], [10, 20, 30, 0]]], np.uint8)
    path = tmp_path / "p.png"
    Pillow.fromarray(stored, "RGBA").save(path)
    image = read_image(path, unassociated=True)
    np.testing.assert_array_equal((image.pixels * 255).round(), stored)
    assert read_image(path).pixels[0, 0, 0] < 0.5


def two_parts(tmp_path):
    beauty, mattes = noise(6, 8, 4), noise(6, 8, 2, seed=1)
    specs = [
        spec_of(beauty, "half", "RGBA", attributes={"oiio:subimagename": "beauty"}),
        spec_of(mattes, "float", ("hero.A", "bg.A"), attributes={"oiio:subimagename": "mattes"}),
    ]
    return write_parts(tmp_path / "parts.exr", list(zip(specs, [beauty, mattes], strict=True))), beauty, mattes


def test_parts_by_name(tmp_path):
    """A part is selected by its name; the first is the default."""
    path, beauty, mattes = two_parts(tmp_path)
    np.testing.assert_array_equal(read_image(path).pixels, beauty)
    image = read_image(path, part="mattes", channels=["hero.A", "bg.A"])
    np.testing.assert_array_equal(image.pixels, mattes)
    assert (image.part, image.format) == ("mattes", "float")
    assert [header.part for header in read_headers(path)] == ["beauty", "mattes"]


def test_channels_are_searched_in_all_parts(tmp_path):
    """Without a part, the first part that has the channels is read."""
    path, _, mattes = two_parts(tmp_path)
    np.testing.assert_array_equal(read_image(path, channels=["bg.A"]).pixels[..., 0], mattes[..., 1])


def test_unknown_parts_and_channels(tmp_path):
    """The error lists the parts or channels, and suggests a similar name."""
    path, _, _ = two_parts(tmp_path)
    with pytest.raises(PlateError, match=r"no part 'beuty'.*Its parts are: beauty, mattes"):
        read_header(path, part="beuty")
    with pytest.raises(PlateError, match=r"no channel 'hero\.B'"):
        read_image(path, channels=["hero.B"])
    with pytest.raises(PlateError, match=r"Did you mean hero\.A\?"):
        read_image(path, part="mattes", channels=["hero.a"])
    single = write(tmp_path / "single.exr", noise(2, 2, 3))
    with pytest.raises(PlateError, match="no named parts"):
        read_image(single, part="beauty")


@pytest.mark.parametrize("name", ["p.exr", "p.png", "p.jpg", "p.tif", "p.dpx"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated_files_are_errors(tmp_path, name, kept):
    """In every format."""
    pixels = (noise(64, 80, 3) * 255).astype(np.uint8)
    path = write(tmp_path / name, pixels, "half" if name == "p.exr" else "uint8")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(PlateError) as caught:
        read_image(path)
    assert caught.value.where == str(path)
    assert "again" in str(caught.value.fix)


@pytest.mark.parametrize("reader", [read_header, read_image])
def test_files_that_are_not_pictures(tmp_path, reader):
    """A missing file, an empty one, a folder and a text have different errors that name the file."""
    (tmp_path / "empty.exr").touch()
    (tmp_path / "text.exr").write_text("not an image")
    (tmp_path / "unknown.abc").write_text("not an image")
    (tmp_path / "folder.exr").mkdir()
    expected = {
        "absent.exr": "no such file",
        "empty.exr": "the file is empty",
        "text.exr": "cannot be opened as an image",
        "unknown.abc": "cannot be opened as an image",
        "folder.exr": "this is a folder",
    }
    for name, message in expected.items():
        with pytest.raises(KeyframeError, match=message) as caught:
            reader(tmp_path / name, error=KeyframeError)
        assert caught.value.where == str(tmp_path / name)
        with pytest.raises(PlateError, match=f"^frame 7: .*{message}"):
            reader(tmp_path / name, where="frame 7")


def test_a_deep_picture_is_refused(tmp_path):
    """The error says what to do."""
    path = tmp_path / "deep.exr"
    spec = oiio.ImageSpec(2, 2, 2, "float")
    spec.deep, spec.channelnames = True, ("A", "Z")
    samples = oiio.DeepData()
    samples.init(4, 2, (oiio.TypeFloat, oiio.TypeFloat), ("A", "Z"))
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec) and output.write_deep_image(samples) and output.close()
    for reader in (read_header, read_image):
        with pytest.raises(PlateError, match=r"deep image.*Flatten"):
            reader(path)
