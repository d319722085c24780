"""Files with probabilities: what is read back, and what is not trusted."""

from __future__ import annotations

import numpy as np
import OpenImageIO as oiio
import pytest

from stcn_plugin.cache.probabilities import encode_probabilities, made_from, read_probabilities
from stcn_plugin.matte.views import View
from stcn_plugin.response import KNOTS, Response
from stcn_plugin.window import Window

NAMES = "hero", "left arm.v2"


def view(seed: int, window: Window, shape: tuple[int, int], names: tuple[str, ...] = NAMES) -> View:
    generator = np.random.default_rng(seed)
    planes = {name: (generator.integers(0, 1025, shape) / 1024).astype(np.float16) for name in names}
    alpha = np.sort(generator.random(KNOTS)).round(4)
    return View(window, planes, {names[0]: Response(tuple(alpha.tolist()))})


FRAME = view(7, Window(-8, 0, 336, 180), (30, 56))
CLOSE = [
    view(8, Window(16, 24, 96, 64), (64, 96), ("hero",)),
    view(9, Window(200, -3, 70, 90), (45, 35), ("left arm.v2",)),
]


@pytest.fixture(params=[[FRAME], [FRAME, CLOSE[0]], [FRAME, *CLOSE]], ids=["frame", "one window", "two windows"])
def found(request):
    return request.param


@pytest.fixture
def file(tmp_path, found):
    path = tmp_path / "forward.1001.exr"
    path.write_bytes(encode_probabilities(found, made_from="abc"))
    return path


def parts_of(path) -> list[oiio.ImageBuf]:
    """Return all parts of a file, in memory."""
    count = oiio.ImageBuf(str(path)).nsubimages
    parts = [oiio.ImageBuf(str(path), number, 0) for number in range(count)]
    for part in parts:
        assert part.read(part.subimage, 0, force=True)
    return parts


def write_parts(path, parts) -> None:
    """Write parts to a file with OpenImageIO."""
    output = oiio.ImageOutput.create(str(path))
    specs = [part.spec() for part in parts]
    assert output.open(str(path), specs if len(specs) > 1 else specs[0]), output.geterror()
    for number, part in enumerate(parts):
        assert number == 0 or output.open(str(path), part.spec(), "AppendSubimage"), output.geterror()
        assert output.write_image(part.get_pixels(oiio.HALF)), output.geterror()
    assert output.close()


def test_probabilities_are_read_back_exactly(file, found):
    """Every part with its window, by object name, even if layers cannot have that name."""
    again = read_probabilities(file, made_from="abc")
    assert [(each.window, each.responses) for each in again] == [(each.window, each.responses) for each in found]
    for each, expected in zip(again, found, strict=True):
        assert list(each.planes) == list(expected.planes)
        for name, plane in expected.planes.items():
            assert each.planes[name].dtype == np.float16
            np.testing.assert_array_equal(each.planes[name], plane)
    assert made_from(file) == "abc"


def test_other_programs_can_open_the_file(file, found):
    """Half floats, one layer per object with a readable name, one part per window, the window in the metadata."""
    parts = parts_of(file)
    assert len(parts) == len(found)
    windows = ["-8 0 336 180", "16 24 96 64", "200 -3 70 90"][: len(found)]
    layers = [["hero.A", "left_arm_v2.A"], ["hero.A"], ["left_arm_v2.A"]]
    for image, each, window, channels in zip(parts, found, windows, layers, strict=False):
        spec = image.spec()
        assert spec.format == oiio.HALF
        assert sorted(spec.channelnames) == channels
        assert spec.get_string_attribute("stcn/window") == window
        pixels = image.get_pixels(oiio.HALF)[..., list(spec.channelnames).index(channels[0])]
        np.testing.assert_array_equal(pixels, next(iter(each.planes.values())))
    if len(parts) > 1:
        names = [part.spec().get_string_attribute("oiio:subimagename") for part in parts]
        assert names == ["frame", "window1", "window2"][: len(found)]


def test_a_file_made_from_something_else_is_not_used(file):
    """Its digest differs."""
    assert read_probabilities(file, made_from="abd") is None


def test_damaged_missing_and_foreign_files_are_not_used(file, tmp_path):
    """Cut off at any length, with any byte of its last pixels changed, not an image, or without our metadata."""
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


def test_every_part_is_checked(file, found):
    """A reader of EXR notices damage only in compressed chunks; the checksum is our own."""
    parts = parts_of(file)
    for part in parts:
        part.specmod().attribute("compression", "none")
    write_parts(file, parts)
    assert read_probabilities(file, made_from="abc") is not None
    content = file.read_bytes()
    for each in found:
        line = next(iter(each.planes.values()))[-1].tobytes()
        assert content.count(line) == 1
        damaged = bytearray(content)
        damaged[content.index(line) + 5] ^= 0x01
        file.write_bytes(damaged)
        for image in parts_of(file):
            assert image.get_pixels(oiio.HALF) is not None
        assert read_probabilities(file, made_from="abc") is None


@pytest.mark.parametrize("attribute", ["window", "objects", "part", "checksum", "madeFrom"])
def test_damaged_metadata_is_noticed_in_every_part(file, found, attribute):
    """A window that is elsewhere, an object with another name, or a file made from something else."""
    original = parts_of(file)
    for damaged in range(len(found)):
        parts = parts_of(file)
        spec = parts[damaged].specmod()
        text = spec.get_string_attribute(f"stcn/{attribute}")
        character = max(place for place, each in enumerate(text) if each.isalnum())
        other = chr(ord(text[character]) ^ 1)
        spec.attribute(f"stcn/{attribute}", text[:character] + other + text[character + 1 :])
        write_parts(file, parts)
        assert read_probabilities(file, made_from="abc") is None, damaged
        write_parts(file, original)
        assert read_probabilities(file, made_from="abc") is not None


def test_a_file_without_one_of_its_parts_is_not_used(file, found):
    """Whichever is missing, also if they are in another order."""
    parts = parts_of(file)
    for missing in range(len(parts)):
        if rest := parts[:missing] + parts[missing + 1 :]:
            write_parts(file, rest)
            assert read_probabilities(file, made_from="abc") is None, missing
    if len(parts) > 1:
        write_parts(file, parts[::-1])
        assert read_probabilities(file, made_from="abc") is None
