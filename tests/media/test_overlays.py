from __future__ import annotations

import colorsys
import itertools

import numpy as np
import pytest
from PIL import Image as Pillow

from stcn_plugin.errors import OutputError
from stcn_plugin.media.overlays import OverlayWriter, object_colour

GREY = np.full((90, 160, 3), 0.5, np.float32)


def pixels(path) -> np.ndarray:
    with Pillow.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.float32) / 255


def left_half(height: int = 90, width: int = 160) -> np.ndarray:
    matte = np.zeros((height, width), np.float32)
    matte[:, : width // 2] = 1
    return matte


def test_a_solid_object_is_tinted_and_the_rest_stays_the_plate(tmp_path):
    """Inside, the plate is blended with the object's colour; outside, it is unchanged."""
    writer = OverlayWriter(tmp_path, width=160, frames=[1001])
    path = writer.add(1001, GREY, {"hero": left_half()})
    assert path == tmp_path / "overlay.1001.jpg"
    picture = pixels(path)
    tint = 0.55 * 0.5 + 0.45 * np.array(object_colour(0))
    np.testing.assert_allclose(picture[5:60, 5:70].mean(axis=(0, 1)), tint, atol=0.01)
    np.testing.assert_allclose(picture[5:60, 90:155].mean(axis=(0, 1)), 0.5, atol=0.01)


def test_half_a_coverage_is_half_a_tint(tmp_path):
    """Soft mattes are shown soft, without a threshold."""
    writer = OverlayWriter(tmp_path, width=160, frames=[1])
    picture = pixels(writer.add(1, GREY, {"hero": np.full((90, 160), 0.4, np.float32)}))
    tint = 0.5 + 0.4 * 0.45 * (np.array(object_colour(0)) - 0.5)
    np.testing.assert_allclose(picture[5:60, 5:155].mean(axis=(0, 1)), tint, atol=0.01)


def test_an_outline_runs_where_the_matte_is_one_half(tmp_path):
    """The outline is brighter than the tint, and only at the middle of the edge."""
    writer = OverlayWriter(tmp_path, width=160, frames=[1])
    ramp = np.repeat(np.linspace(1, 0, 160, dtype=np.float32)[np.newaxis], 90, axis=0)
    picture = pixels(writer.add(1, GREY, {"hero": ramp}))[5:60]
    brightness = picture.mean(axis=(0, 2))
    smooth = np.interp(np.arange(160), [0, 159], brightness[[0, 159]])
    assert np.argmax(brightness - smooth) == 79
    assert np.sort(brightness - smooth)[-4] < 0.5 * (brightness - smooth)[79]


def test_an_object_keeps_its_colour_over_the_shot(tmp_path):
    """The second object has the second colour, also on a frame without the first."""
    writer = OverlayWriter(tmp_path, width=160, frames=[1, 2])
    writer.add(1, GREY, {"hero": left_half(), "bg": 1 - left_half()})
    picture = pixels(writer.add(2, GREY, {"bg": left_half()}))
    tint = 0.55 * 0.5 + 0.45 * np.array(object_colour(1))
    np.testing.assert_allclose(picture[5:60, 5:70].mean(axis=(0, 1)), tint, atol=0.01)


@pytest.mark.parametrize(("aspect", "size"), [(1.0, (480, 270)), (2.0, (480, 135)), (0.5, (480, 540))])
def test_pixel_aspect(tmp_path, aspect, size):
    """An overlay has the requested width and the shape that a viewer shows."""
    writer = OverlayWriter(tmp_path, width=480, frames=[1])
    path = writer.add(1, GREY, {"hero": left_half()}, pixel_aspect=aspect)
    with Pillow.open(path) as picture:
        assert picture.size == size


def test_the_frame_number_is_written_in_the_corner(tmp_path):
    """Overlays of two frames differ in the lower left corner, and only there."""
    writer = OverlayWriter(tmp_path, width=480, frames=[1001, 1002])
    one, two = (pixels(writer.add(frame, GREY, {})) for frame in (1001, 1002))
    differs = np.abs(one - two).max(axis=-1) > 0.1
    rows, columns = np.nonzero(differs)
    assert rows.size
    assert rows.min() > 230
    assert columns.max() < 70


@pytest.mark.parametrize(("frames", "tiles"), [(1, (1, 1)), (2, (2, 1)), (5, (3, 2)), (16, (4, 4)), (200, (5, 4))])
def test_the_contact_sheet_shows_at_most_twenty_frames(tmp_path, frames, tiles):
    """Tiles are evenly spaced, include the first and last frame, and may be added in any order."""
    small = GREY[:9, :16]
    span = list(range(1001, 1001 + frames))
    writer = OverlayWriter(tmp_path, width=64, frames=span)
    for frame in reversed(span):
        writer.add(frame, small * (frame - 1000) / frames, {"hero": left_half(9, 16)})
    sheet = pixels(writer.finish())
    columns, rows = tiles
    assert sheet.shape[1] == columns * 70 + 6
    assert sheet.shape[0] == rows * 42 + 6 + 30  # a line of legend below
    shown = min(frames, 20)
    levels = [sheet[6 + 42 * (i // columns) + 4, 6 + 70 * (i % columns) + 50].mean() for i in range(shown)]
    expected = np.round(np.linspace(1, frames, shown)) / frames * 0.5
    np.testing.assert_allclose(levels, expected, atol=0.01)


def test_the_legend_shows_every_object_once(tmp_path):
    """The colours are below the tiles, in the order of the objects, on as many lines as needed."""
    writer = OverlayWriter(tmp_path, width=64, frames=[1, 2])
    names = ["hero", "a rather long name", "bg"]
    writer.add(1, GREY, {names[0]: left_half()})
    writer.add(2, GREY, dict.fromkeys(names, left_half()))
    sheet = pixels(writer.finish())
    legend = sheet[42 + 6 :]
    assert legend.shape[0] == 3 * 30
    squares = [legend[30 * line + 15, 6 + 9] for line in range(3)]
    np.testing.assert_allclose(squares, [object_colour(index) for index in range(3)], atol=0.01)


def test_no_frames_make_no_sheet(tmp_path):
    """A shot that was stopped before its first frame writes no sheet."""
    assert OverlayWriter(tmp_path / "new", frames=[1]).finish() is None
    assert list(tmp_path.iterdir()) == []


def test_invalid_values(tmp_path):
    """NaN and values outside 0 to 1 do not damage the image."""
    image = GREY.copy()
    image[:, :40], image[:, 40:80] = 3.0, -1.0
    matte = np.full((90, 160), np.nan, np.float32)
    picture = pixels(OverlayWriter(tmp_path, width=160, frames=[1]).add(1, image, {"hero": matte}))
    np.testing.assert_allclose(picture[5:60, 5:35], 1, atol=0.01)
    np.testing.assert_allclose(picture[5:60, 46:74], 0, atol=0.01)


def test_a_folder_that_cannot_be_created(tmp_path):
    """The error names the file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"overlay\.0001\.jpg"):
        OverlayWriter(tmp_path / "file", frames=[1]).add(1, GREY, {})


def test_object_colours_are_distinct():
    """Any two of the first dozen colours differ clearly, and all are vivid."""
    colours = [object_colour(index) for index in range(12)]
    for one, two in itertools.combinations(colours, 2):
        assert max(abs(a - b) for a, b in zip(one, two, strict=True)) > 0.1
    assert min(colorsys.rgb_to_hsv(*colour)[1] for colour in colours) > 0.5


def test_the_contact_sheet_marks_keyframes_and_doubtful_frames(tmp_path):
    """All keyframes and doubtful frames are on the sheet, with a border each; of other frames, twenty at most."""
    writer = OverlayWriter(tmp_path, width=160, frames=range(1, 101))
    for frame in range(1, 101):
        writer.add(frame, GREY, {})
    plain = pixels(writer.finish())
    sheet = pixels(writer.finish(keyframes=[1, 50], doubtful={33: 0.42}))
    assert plain.shape[0] == 4 * 96 + 6  # 20 tiles; no objects, no legend
    assert sheet.shape[0] == 5 * 96 + 6  # 22 tiles, of which 1 was on the sheet anyway
    columns = (sheet.shape[1] - 6) // 166
    corners = [sheet[6 + 96 * (i // columns) + 1, 6 + 166 * (i % columns) + 80] for i in range(22)]
    violet = [i for i, (red, green, blue) in enumerate(corners) if blue > 0.8 > green + 0.2]
    red = [i for i, (red, green, blue) in enumerate(corners) if red > 0.8 and green < 0.5 and blue < 0.5]
    assert violet == [0, 11]  # 1, 6, 11, 17, 22, 27, 32, 33, 37, 42, 48, 50
    assert red == [7]
