"""Files with probabilities: what is read back, and what is not trusted."""

from __future__ import annotations

import numpy as np
import OpenImageIO as oiio
import pytest

from stcn_plugin.cache.probabilities import encode_probabilities, made_from, read_probabilities
from stcn_plugin.media.window import Window

WINDOW = Window(-8, 0, 336, 180)


@pytest.fixture
def found():
    generator = np.random.default_rng(7)
    return {name: (generator.integers(0, 1025, (30, 56)) / 1024).astype(np.float16) for name in ("hero", "left arm.v2")}


@pytest.fixture
def file(tmp_path, found):
    path = tmp_path / "forward.1001.exr"
    path.write_bytes(encode_probabilities(found, made_from="abc", window=WINDOW))
    return path


def test_probabilities_are_read_back_exactly(file, found):
    """By object name, even if layers cannot have that name."""
    again = read_probabilities(file, made_from="abc")
    assert list(again) == list(found)
    for name, plane in found.items():
        assert again[name].dtype == np.float16
        np.testing.assert_array_equal(again[name], plane)
    assert made_from(file) == "abc"


def test_other_programs_can_open_the_file(file, found):
    """Half floats, one layer per object with a readable name, the window in the metadata."""
    image = oiio.ImageBuf(str(file))
    spec = image.spec()
    assert spec.format == oiio.HALF
    assert sorted(spec.channelnames) == ["hero.A", "left_arm_v2.A"]
    assert spec.get_string_attribute("stcn/window") == "-8 0 336 180"
    pixels = image.get_pixels(oiio.HALF)[..., list(spec.channelnames).index("hero.A")]
    np.testing.assert_array_equal(pixels, found["hero"])


def test_a_file_made_from_something_else_is_not_used(file):
    """Its digest differs."""
    assert read_probabilities(file, made_from="abd") is None


def test_damaged_missing_and_foreign_files_are_not_used(file, tmp_path):
    """Cut off at any length, with any byte of its pixels changed, not an image, or without our metadata."""
    content = file.read_bytes()
    for size in range(0, len(content), 61):
        file.write_bytes(content[:size])
        assert read_probabilities(file, made_from="abc") is None, size
    for position in range(len(content) - 400, len(content), 23):
        file.write_bytes(content[:position] + bytes([content[position] ^ 0x10]) + content[position + 1 :])
        assert read_probabilities(file, made_from="abc") is None, position
    assert read_probabilities(tmp_path / "absent.exr", made_from="abc") is None
    file.write_bytes(b"not an image")
    assert read_probabilities(file, made_from="abc") is None
    assert made_from(file) is None
    foreign = oiio.ImageBuf(oiio.ImageSpec(8, 8, 1, "half"))
    assert foreign.write(str(file))
    assert read_probabilities(file, made_from="abc") is None


def test_uncompressed_pixels_are_checked_too(file, found):
    """A reader of EXR notices damage only in compressed chunks; the checksum is our own."""
    image = oiio.ImageBuf(str(file))
    image.specmod().attribute("compression", "none")
    assert image.write(str(file))
    assert read_probabilities(file, made_from="abc") is not None
    content = bytearray(file.read_bytes())
    content[-5] ^= 0x01
    file.write_bytes(content)
    assert oiio.ImageBuf(str(file)).get_pixels(oiio.HALF) is not None
    assert read_probabilities(file, made_from="abc") is None
