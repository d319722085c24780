"""EXR files under ZIP as OpenImageIO reads them, which knows nothing of how they were written."""

from __future__ import annotations

import numpy as np
import OpenImageIO as oiio
import pytest
from picture_files import noise

from stcn_plugin.media.exr_zip import write_zip_exr
from stcn_plugin.media.images import read_header, read_image
from stcn_plugin.media.window import FrameHeader, Window

COMPRESSIONS = ["zips", "zip"]


def written(path, planes, depth="half", compression="zips", **more):
    height, width = next(iter(planes.values())).shape
    window = Window(0, 0, width, height)
    more = {"header": FrameHeader(window, window), "attributes": {}} | more
    write_zip_exr(path, planes, depth, compression, **more)
    return read_image(path)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("depth", ["half", "float"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (15, 40), (16, 7), (17, 64), (50, 33)], ids=str)
def test_every_pixel_comes_back(tmp_path, shape, depth, compression):
    """Soft, clear and solid lines come back to the bit at every height; what does not compress, too."""
    generator = np.random.default_rng(3)
    wild = generator.integers(0, 1 << 32, shape, np.uint32).view(np.float32)
    wild = np.where(np.abs(wild) < 6e4, wild, np.float32(0.3))  # finite in half too; bytes without any pattern
    still = np.zeros(shape, np.float32)
    still[shape[0] // 2 :] = 1
    planes = {"b": wild.astype(np.float32), "A": still, "a.A": noise(*shape, 1)[..., 0], "R": still, "c": still.copy()}
    image = written(tmp_path / "z.exr", planes, depth, compression)
    assert (set(image.channels), image.format) == (set(planes), depth)
    assert image.metadata["compression"] == compression
    for name, plane in planes.items():
        expected = plane if depth == "float" else plane.astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(image.channel(name), expected)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_noise_is_stored_as_it_is(tmp_path, compression):
    """Bytes that compression would only lengthen are stored plain, so that no file grows beyond its pixels."""
    plane = np.random.default_rng(0).integers(0, 1 << 15, (40, 64), np.uint16).view(np.float16)
    plane = np.where(np.isfinite(plane), plane, np.float16(0)).astype(np.float32)
    image = written(tmp_path / "z.exr", {"A": plane}, compression=compression)
    np.testing.assert_array_equal(image.channel("A"), plane)
    assert (tmp_path / "z.exr").stat().st_size <= 40 * 64 * 2 + 40 * 16 + 500


def test_halves_are_the_nearest(tmp_path):
    """Every float becomes the nearest half float, the even one of two: as OpenEXR itself rounds."""
    numbers = np.concatenate([np.linspace(0, 1, 4096), 2.0 ** -np.arange(26), [1e-9, 65519, 0.1, 1 / 3]])
    plane = numbers.astype(np.float32).reshape(1, -1)
    spec = oiio.ImageSpec(plane.shape[1], 1, 1, "half")
    output = oiio.ImageOutput.create(str(tmp_path / "theirs.exr"))
    assert output.open(str(tmp_path / "theirs.exr"), spec) and output.write_image(plane[..., None]) and output.close()
    theirs = read_image(tmp_path / "theirs.exr").pixels[..., 0]
    np.testing.assert_array_equal(written(tmp_path / "z.exr", {"A": plane}).channel("A"), theirs)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_the_header_says_what_was_asked_for(tmp_path, compression):
    """Windows with negative corners, pixel aspect, timecode, frame rate and texts come back."""
    header = FrameHeader(Window(2, 1, 16, 9), Window(-3, -20, 30, 21), 2.0, (0x81020304, 7), (24000, 1001))
    plane = noise(21, 30, 1)[..., 0]
    attributes = {"Software": "stcn test", "cryptomatte/0123456/manifest": '{"ä":"00"}'}
    image = written(tmp_path / "z.exr", {"A": plane}, compression=compression, header=header, attributes=attributes)
    assert image.header == header
    assert {key: image.metadata[key] for key in attributes} == attributes
    assert image.metadata["DateTime"]
    np.testing.assert_array_equal(image.channel("A"), plane)


@pytest.mark.parametrize("name", ["x" * 29 + ".A", "x" * 63 + ".A", "ä" * 31 + ".A"])
def test_long_names_are_read_as_such(tmp_path, name):
    """Names of more than 31 bytes, which older readers must be warned of, come back whole."""
    plane = noise(4, 5, 1)[..., 0]
    assert written(tmp_path / "z.exr", {name: plane, "A": plane}).channels == ("A", name)
    is_long = bool(int.from_bytes((tmp_path / "z.exr").read_bytes()[4:8], "little") & 0x400)
    assert is_long == (len(name.encode()) > 31)


def test_a_line_is_read_without_the_others(tmp_path):
    """The table of chunks is right: any line is found by itself."""
    plane = noise(40, 9, 1)[..., 0]
    for compression in COMPRESSIONS:
        written(tmp_path / "z.exr", {"A": plane}, compression=compression)
        assert read_header(tmp_path / "z.exr").channels == ("A",)
        source = oiio.ImageInput.open(str(tmp_path / "z.exr"))
        for row in (39, 0, 17):
            np.testing.assert_array_equal(source.read_scanline(row, 0, oiio.FLOAT).reshape(-1), plane[row])
        source.close()
