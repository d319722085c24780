"""Pixels of keyframes in all formats: position, value range, and damaged or missing files."""

from __future__ import annotations

import numpy as np
import pytest
from keyframe_files import BLUE, DISPLAY, GREEN, RED, empties, exr, read, refusal, same, save
from picture_files import noise, write
from PIL import Image as Pillow

from stcn_plugin.media.keyframes import keyframe_names, read_keyframe
from stcn_plugin.media.window import Window

# Where the pixels go


@pytest.mark.parametrize("data", [(5, 3), (-4, -2), (15, 9), (0, 0)])
def test_an_exr_is_placed_by_its_data_window(tmp_path, data):
    """A cropped or overscanned matte keeps its position in the format; outside it is 0."""
    pixels = noise(8, 9, 1)
    format_of_matte, plate = Window(100, 50, 20, 12), Window(0, 0, 20, 12)  # the same format with another origin
    corner = (100 + data[0], 50 + data[1])
    path = write(tmp_path / "k.exr", pixels, "half", "A", data=corner, display=format_of_matte)
    window = Window(-3, -1, 26, 14)
    expected = np.zeros(window.shape, np.float32)
    for row in range(8):
        for column in range(9):
            y, x = row + data[1] - window.y, column + data[0] - window.x
            if 0 <= y < window.height and 0 <= x < window.width:
                expected[y, x] = pixels[row, column, 0]
    same(read(path, display=plate, window=window), {"matte": expected})


def test_a_png_is_the_format_or_all_of_the_overscan(tmp_path):
    """Formats without windows are placed according to their size."""
    window = Window(-2, -1, 24, 14)
    small = save(tmp_path / "small.png", np.full((12, 20), 255, np.uint8))
    expected = np.zeros((14, 24), np.float32)
    expected[1:13, 2:22] = 1
    same(read(small, window=window), {"matte": expected})
    large = save(tmp_path / "large.png", np.full((14, 24), 255, np.uint8))
    same(read(large, window=window), {"matte": np.ones((14, 24), np.float32)})


@pytest.mark.parametrize("suffix", ["exr", "png"])
def test_a_matte_of_another_size_is_refused_with_both_sizes(tmp_path, suffix):
    """A proxy-sized matte is not scaled; the error has both sizes and a fix."""
    path = tmp_path / f"k.{suffix}"
    write(path, noise(6, 10, 1), "half" if suffix == "exr" else "uint8", "A" if suffix == "exr" else "Y")
    text = refusal(path)
    assert "the matte is 10x6, but the plate is 20x12. Write the matte at the plate's full format" in text
    assert "20x12 (24x12 with overscan)" in refusal(path, window=Window(-2, 0, 24, 12))


# Values


def test_values_become_coverage(tmp_path):
    """NaN becomes 0, infinity 1, and all values are in [0, 1]."""
    window = Window(0, 0, 6, 1)
    values = np.array([[np.nan, np.inf, -np.inf, -0.25, 2.0, 0.5]], np.float32)[..., np.newaxis]
    path, _ = exr(tmp_path / "k.exr", "A", values=values)
    same(read(path, display=window), {"matte": np.array([[0, 1, 0, 0, 1, 0.5]], np.float32)})


def test_filter_overshoot_is_clamped(tmp_path):
    """Values slightly above 1 and below 0 are clamped without a warning."""
    values = np.linspace(-0.2, 1.4, 240, dtype=np.float32).reshape(12, 20, 1)
    path = write(tmp_path / "k.exr", values, "float", "A")
    found = read_keyframe(path, frame=1, window=DISPLAY, display=DISPLAY)
    np.testing.assert_array_equal(found.mattes["matte"], values[..., 0].clip(0, 1))
    assert found.warnings == ()


def test_broken_and_hot_pixels_give_a_warning(tmp_path):
    """A few are acceptable in a good matte; they are counted."""
    values = np.full((12, 20, 1), 0.7, np.float32)
    values[0, :3], values[1, 0], values[1, 1] = np.nan, 40, np.inf
    path = write(tmp_path / "k.exr", values, "float", ["hero.A"])
    found = read_keyframe(path, frame=9, window=DISPLAY, display=DISPLAY)
    assert found.warnings == (
        f"{path}, frame 9: 3 pixels are NaN and count as 0",
        f"{path}, frame 9: 2 pixels are far above 1 and count as 1",
    )
    assert (found.mattes["hero"][0, 0], found.mattes["hero"][1, 0], found.mattes["hero"][2, 0]) == (
        0,
        1,
        np.float32(0.7),
    )


@pytest.mark.parametrize("scale", [100, 255, 1023, 65535])
@pytest.mark.parametrize("kind", ["soft", "whole"])
@pytest.mark.parametrize("name", ["A", "hero.A"])
def test_floats_on_another_scale_are_refused(tmp_path, scale, kind, name):
    """Percent and 8, 10 or 16 bits as floats: clamping would remove all soft edges."""
    soft = np.linspace(0, scale, 240, dtype=np.float32).reshape(12, 20, 1)
    path = write(tmp_path / "k.exr", np.rint(soft) if kind == "whole" else soft, "float", [name])
    assert f"up to {scale}" in (text := refusal(path))
    assert "ivide" in text
    assert f"up to {scale}" in refusal(path, selector=name)


@pytest.mark.parametrize("scale", [1 / 255, 3 / 255, 1 / 65535])
def test_faint_floats_are_refused(tmp_path, scale):
    """Labels that a program divided by 255."""
    values = np.zeros((12, 20, 1), np.float32)
    values[3:9, 5:15] = scale
    path = write(tmp_path / "k.exr", values, "float", ["hero.A"])
    assert "empty" in refusal(path)


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_an_object_with_an_empty_matte_is_absent(tmp_path, value):
    """A matte without a value above 0 is named as empty."""
    path, _ = exr(tmp_path / "k.exr", "hero.A", values=np.full((12, 20, 1), value, np.float32))
    assert empties(path) == (("hero",), False)
    assert keyframe_names(path, frame=1001) == ("hero",)


@pytest.mark.parametrize(("value", "what"), [(0.001, "nearly empty"), (1e-6, "nearly empty"), (np.nan, "NaN")])
def test_a_faint_or_broken_matte_is_not_an_empty_one(tmp_path, value, what):
    """Residues of a filter, labels divided by 65535, and pixels that are NaN are mistakes, and refused."""
    values = np.zeros((12, 20, 1), np.float32)
    values[3:9, 5:15] = value
    path = write(tmp_path / "k.exr", values, "float", ["hero.A"])
    assert what in (text := refusal(path))
    assert "'hero'" in text


def test_one_of_two_layers_is_empty(tmp_path):
    """The other one is read; an oddity of the empty one is still reported."""
    values = noise(12, 20, 2)
    values[..., 1] = 0
    path, planes = exr(tmp_path / "k.exr", "hero.A", "ball.A", values=values)
    found = read_keyframe(path, frame=1001, window=DISPLAY, display=DISPLAY)
    same(found.mattes, {"hero": planes["hero.A"]})
    assert (found.empty, found.is_blank) == (("ball",), False)


def test_a_matte_outside_the_plate_is_empty(tmp_path):
    """Pixels outside the requested window do not count."""
    path = write(tmp_path / "k.exr", noise(4, 4, 1), "half", "A", data=(50, 50), display=DISPLAY)
    assert empties(path) == ((), True)


BLACK: dict[str, np.ndarray] = {
    "grey.png": np.zeros((12, 20), np.uint8),
    "grey16.png": np.zeros((12, 20), np.uint16),
    "rgb.png": np.zeros((12, 20, 3), np.uint8),
    "rgba.png": np.zeros((12, 20, 4), np.uint8),
    "grey.tif": np.zeros((12, 20), np.float32),
    "rgb.jpg": np.zeros((12, 20, 3), np.uint8),
    "grey.bmp": np.zeros((12, 20), np.uint8),
}


@pytest.mark.parametrize("name", BLACK)
def test_a_black_image_names_no_object(tmp_path, name):
    """It applies to all objects, to the only one of the shot, or to those that are selected."""
    path = save(tmp_path / name, BLACK[name])
    assert empties(path) == ((), True)
    assert keyframe_names(path, frame=1001) is None
    assert empties(path, only_name="hero") == (("hero",), False)
    assert keyframe_names(path, frame=1001, only_name="hero") == ("hero",)
    assert empties(path, objects={"hero": "hero"}) == (("hero",), False)
    assert empties(path, objects={"hero": 1, "ball": 2}) == (("hero", "ball"), False)
    assert empties(path, objects={"hero": "#ff0000", "ball": "#00ff00"}) == (("hero", "ball"), False)
    assert "there is no" in refusal(path, objects={"hero": "hero", "ball": "ball"})


@pytest.mark.parametrize(("channels", "selector"), [(("A",), "A"), (("R", "G", "B", "A"), "A"), (("Y",), None)])
def test_an_empty_channel_without_a_layer_names_no_object(tmp_path, channels, selector):
    """It is empty like a black image, also if it is selected."""
    path, _ = exr(tmp_path / "k.exr", *channels, values=np.zeros((12, 20, len(channels)), np.float32))
    assert empties(path, selector=selector) == ((), True)
    assert keyframe_names(path, frame=1001, selector=selector) is None
    assert empties(path, selector=selector, only_name="hero") == (("hero",), False)


def test_a_number_that_a_label_image_lacks_is_refused(tmp_path):
    """With other numbers in the image, it may be a mistake."""
    labels = np.zeros((12, 20), np.uint8)
    labels[3:9, 5:15] = 1
    path = save(tmp_path / "k.png", labels)
    assert "there is no number '2'" in refusal(path, objects={"hero": 1, "ball": 2})


def test_a_layer_is_not_empty_because_the_main_layer_is_black(tmp_path):
    """A number or colour beside named layers is not read from the black main layer."""
    values = noise(12, 20, 5)
    values[..., :3] = 0
    path, planes = exr(tmp_path / "k.exr", "R", "G", "B", "hero.A", "hero.Z", values=values)
    same(read(path, objects={"hero": "hero.A"}), {"hero": planes["hero.A"]})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (Window(0, 0, 20, 12), Window(0, 0, 20, 12)),
        (Window(5, 5, 4, 4), Window(0, 0, 20, 12)),  # cropped: the rest of the format is 0
        (Window(-2, 0, 22, 12), Window(-3, -1, 26, 14)),  # made with the overscan in view
    ],
)
def test_covered_window_of_an_exr(tmp_path, data, expected):
    """The format, or the whole window if pixels exist beyond the format."""
    pixels = np.full((data.height, data.width, 1), 0.5, np.float32)
    path = write(tmp_path / "k.exr", pixels, "half", "A", data=(data.x, data.y), display=DISPLAY)
    window = Window(-3, -1, 26, 14)
    assert read_keyframe(path, frame=1, window=window, display=DISPLAY).covered == expected


def test_covered_window_of_a_png(tmp_path):
    """The format or the whole overscan, according to its size."""
    window = Window(-2, -1, 24, 14)
    for shape, expected in (((12, 20), DISPLAY), ((14, 24), window)):
        path = save(tmp_path / "k.png", np.full(shape, 255, np.uint8))
        assert read_keyframe(path, frame=1, window=window, display=DISPLAY).covered == expected


# Damaged and missing files


def test_missing_files(tmp_path):
    """The error names file and frame."""
    assert "there is no such file" in refusal(tmp_path / "k.exr")


@pytest.mark.parametrize("kind", ["exr", "png", "palette.png", "jpg"])
def test_damaged_files(tmp_path, kind):
    """A truncated file is an error, not a partial matte."""
    path = tmp_path / f"k.{kind}"
    values = np.random.default_rng(0).integers(0, 4 if "palette" in kind else 256, (480, 640), np.uint8)
    if kind == "exr":
        write(path, noise(480, 640, 1), "half", "A")
    else:
        picture = Pillow.fromarray(values)
        if "palette" in kind:
            picture.putpalette([0, 0, 0, *RED, *GREEN, *BLUE])
        picture.save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    assert "damaged" in refusal(path, display=Window(0, 0, 640, 480))


@pytest.mark.parametrize(
    ("shape", "selector", "words"),
    [
        ("solid alpha", "A", ["'hero' is 1 everywhere", "read R instead of A"]),
        ("solid alpha", "R", None),
        ("solid alpha", "hero", None),
        ("grey and alpha", "A", ["'hero' is 1 everywhere", "read Y instead of A"]),
        ("white", "hero", ["'hero' is 1 everywhere"]),
        ("nearly white", "hero", None),
    ],
)
def test_a_matte_of_the_whole_frame_is_warned_about(tmp_path, shape, selector, words):
    """With the channel that may have been meant, if the matte is an alpha beside colours."""
    drawn, full = np.zeros((12, 20), np.uint8), np.full((12, 20), 255, np.uint8)
    drawn[3:9, 5:12] = 255
    nearly = full.copy()
    nearly[11, 19] = 254
    pictures = {
        "solid alpha": np.dstack([drawn, drawn, drawn, full]),
        "grey and alpha": np.dstack([drawn, full]),
        "white": full,
        "nearly white": nearly,
    }
    path = save(tmp_path / "k.png", pictures[shape])
    found = read_keyframe(path, frame=1001, window=DISPLAY, display=DISPLAY, objects={"hero": selector})
    if words is None:
        assert found.warnings == ()
    else:
        (warning,) = found.warnings
        assert warning.startswith(f"{path}, frame 1001: ")
        assert [word for word in words if word not in warning] == []


@pytest.mark.parametrize(("selector", "channel"), [("hero.A", "hero.red"), ("hero", "hero.red"), ("A", None)])
def test_the_warning_names_the_channel_in_the_layer(tmp_path, selector, channel):
    """Of an EXR with layers; a matte in a smaller data window does not cover the frame."""
    values = np.ones((12, 20, 4), np.float32)
    names = ("hero.red", "hero.green", "hero.blue", "hero.A") if channel else ("R", "G", "B", "A")
    path, _ = exr(tmp_path / "k.exr", *names, values=values)
    found = read_keyframe(path, frame=1001, window=DISPLAY, display=DISPLAY, objects={"hero": selector})
    (warning,) = found.warnings
    assert f"read {channel or 'R'} instead of {selector}" in warning
    path, _ = exr(tmp_path / "small.exr", *names, values=values[:8, :10], data=(2, 2), display=DISPLAY)
    found = read_keyframe(path, frame=1001, window=DISPLAY, display=DISPLAY, objects={"hero": selector})
    assert found.warnings == ()
