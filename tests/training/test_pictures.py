"""Folders of plates and masks, found and read."""

from __future__ import annotations

import numpy as np
import pytest
from media.picture_files import write
from PIL import Image
from training.drawn import disc, laid, save, square, texture

from stcn_plugin.errors import MatteError, PlateError, TrainingError
from stcn_plugin.media.window import Window
from stcn_plugin.training.pictures import Picture, PictureReader, find_clips, find_stills

HEIGHT, WIDTH = 12, 16


def grey(path, mask):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(mask * 255).astype(np.uint8)).save(path)


@pytest.fixture
def picture(tmp_path):
    """A plate and a mask of 96 x 128 pixels."""
    rgb, mask = texture(1), disc((60, 40), 25)
    save(tmp_path, "one", rgb, mask)
    return Picture(tmp_path / "plates" / "one.png", tmp_path / "masks" / "one.png")


def test_clips_are_found_by_name_and_their_pictures_by_frame_number(tmp_path):
    """Frame 9 comes before 10 whatever its spelling; plates without a mask and hidden files are left out."""
    for name in ("zebra", "ant"):
        for frame in ("f.10", "f.9", "f.011"):
            save(tmp_path / name, frame, texture(0), square(10, 10, 20))
        save(tmp_path / name, "f.8", texture(0), None)
        grey(tmp_path / name / "masks" / ".f.8.png", square(10, 10, 20))
    (tmp_path / "notes").mkdir()
    clips = find_clips(tmp_path)
    assert [clip.name for clip in clips] == ["ant", "zebra"]
    for clip in clips:
        assert [picture.frame for picture in clip.pictures] == [9, 10, 11]
        assert [picture.plate.stem for picture in clip.pictures] == ["f.9", "f.10", "f.011"]
        assert all(picture.mask == tmp_path / clip.name / "masks" / picture.plate.name for picture in clip.pictures)


def test_clips_can_be_left_out(footage):
    """Those that validation holds out, by name; a name that is not there is an error that says so."""
    assert [clip.name for clip in find_clips(footage.clips, leave_out=["ball"])] == ["moon", "pair"]
    with pytest.raises(TrainingError, match="no clip 'sun' to leave out") as caught:
        find_clips(footage.clips, leave_out=["ball", "sun"])
    assert caught.value.where == str(footage.clips)


def test_stills_can_be_left_out(footage):
    """By name; one that is not there is a mistake."""
    left = [clip.name for clip in find_stills(footage.stills, leave_out=["still_1"])]
    assert left == ["still_0", "still_2"]
    with pytest.raises(TrainingError, match="there is no still 'still_7' to leave out"):
        find_stills(footage.stills, leave_out=["still_7"])


def test_each_still_is_a_clip_of_one_picture(footage):
    """Named by its file."""
    stills = find_stills(footage.stills)
    assert [(still.name, len(still.pictures)) for still in stills] == [(f"still_{number}", 1) for number in range(3)]


@pytest.mark.parametrize("find", [find_clips, find_stills])
def test_a_folder_without_pictures_is_refused(find, tmp_path):
    """Whether it is empty, not there, or has plates whose masks go by other names."""
    save(tmp_path / "clip", "a.1", texture(0), None)
    grey(tmp_path / "clip" / "masks" / "b.1.png", square(10, 10, 20))
    for folder in (tmp_path, tmp_path / "nowhere", tmp_path / "clip"):
        with pytest.raises(TrainingError, match="no pictures with masks of the same name") as caught:
            find(folder)
        assert caught.value.where == str(folder)


def test_a_picture_is_read_as_it_is(picture):
    """An 8-bit plate and a grey mask come back value for value, the second time from memory."""
    reader = PictureReader(lines=96)
    pixels = reader.read(picture)
    np.testing.assert_array_equal(pixels.rgb, np.asarray(Image.open(picture.plate)))
    assert list(pixels.masks) == ["matte"]
    np.testing.assert_array_equal(pixels.masks["matte"], np.asarray(Image.open(picture.mask)))
    assert reader.read(picture) is pixels


def test_large_pictures_are_reduced_and_small_ones_stay(tmp_path):
    """To a short side of so many lines, plate and mask alike, each pixel the average of what it covers."""
    ramp = np.broadcast_to((np.arange(128, dtype=np.float32) + 0.5) / 128, (96, 128))
    save(tmp_path, "ramp", laid(ramp, (1, 1, 1), 0.0), ramp)
    (still,) = find_stills(tmp_path)
    assert PictureReader(lines=200).read(still.pictures[0]).rgb.shape == (96, 128, 3)
    small = PictureReader(lines=24).read(still.pictures[0])
    expected = (np.arange(32) + 0.5) / 32 * 255
    assert small.rgb.shape == (24, 32, 3)
    for found in (small.masks["matte"], *np.moveaxis(small.rgb, -1, 0)):
        np.testing.assert_allclose(found[:, 1:-1], np.broadcast_to(expected[1:-1], (24, 30)), atol=0.6)


def test_a_grey_plate_has_three_equal_channels(tmp_path):
    """A plate of one channel is grey."""
    save(tmp_path, "one", texture(0), square(10, 10, 20))
    grey(tmp_path / "plates" / "one.png", texture(3)[..., 0])
    (still,) = find_stills(tmp_path)
    rgb = PictureReader(lines=96).read(still.pictures[0]).rgb
    for channel in range(3):
        np.testing.assert_array_equal(rgb[..., channel], np.asarray(Image.open(tmp_path / "plates" / "one.png")))


def test_a_palette_mask_has_an_object_for_each_index(tmp_path):
    """By its number; the background is none, nor is the index that says void."""
    indices = np.zeros((HEIGHT, WIDTH), np.uint8)
    indices[2:5, 3:9], indices[6:11, 1:4], indices[0, 0] = 1, 7, 255
    mask = Image.fromarray(indices)
    mask.putpalette([number * 37 % 256 for number in range(768)])
    (tmp_path / "masks").mkdir()
    mask.save(tmp_path / "masks" / "a.png")
    plate = write(tmp_path / "plate.png", np.zeros((HEIGHT, WIDTH, 3)), "uint8")
    pixels = PictureReader(lines=96).read(Picture(plate, tmp_path / "masks" / "a.png"))
    assert list(pixels.masks) == ["1", "7"]
    assert pixels.tells("2")  # that it is not there
    for name, found in pixels.masks.items():
        np.testing.assert_array_equal(found, np.where(indices == int(name), 255, 0))


def test_a_layered_mask_has_an_object_for_each_layer(tmp_path):
    """`hero.A` and `dog.A` of one EXR; the colours beside them are no objects."""
    coverage = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    pixels = np.stack([coverage] * 4 + [coverage, 1 - coverage], -1)
    mask = write(tmp_path / "mask.exr", pixels, "float", [*"RGBA", "hero.A", "dog.A"])
    plate = write(tmp_path / "plate.png", np.zeros((HEIGHT, WIDTH, 3)), "uint8")
    pixels = PictureReader(lines=96).read(Picture(plate, mask))
    masks = pixels.masks
    assert set(masks) == {"hero", "dog"}
    assert pixels.tells("dog")
    assert not pixels.tells("cat")  # nobody drew it, wherever it is
    np.testing.assert_allclose(masks["hero"], coverage * 255, atol=0.51)
    np.testing.assert_allclose(masks["dog"], (1 - coverage) * 255, atol=0.51)


def test_a_float_plate_is_scene_linear_and_becomes_display_srgb(tmp_path):
    """By the sRGB curve (IEC 61966-2-1), rolled off from 0.8 towards 1; said to be sRGB it stays as it is."""
    linear = np.geomspace(1e-4, 16, HEIGHT * WIDTH * 3, dtype=np.float32).reshape(HEIGHT, WIDTH, 3)
    plate = write(tmp_path / "plate.exr", linear, "float", "RGB")
    mask = write(tmp_path / "mask.png", np.ones((HEIGHT, WIDTH, 1)), "uint8")
    display = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.astype(float) ** (1 / 2.4) - 0.055)
    rolled = np.where(display <= 0.8, display, 1 - 0.2 * np.exp(-(display - 0.8) / 0.2))
    found = PictureReader(lines=96).read(Picture(plate, mask)).rgb
    np.testing.assert_allclose(found, rolled * 255, atol=0.51)
    plain = PictureReader(lines=96, colour_space="sRGB").read(Picture(plate, mask)).rgb
    np.testing.assert_allclose(plain, np.clip(linear, 0, 1) * 255, atol=0.51)


def test_a_plate_is_seen_over_its_format(picture, tmp_path):
    """An EXR that holds only a part of the format, and overscan beside it, has its pixels where the mask has its own."""
    format_, stored = Window(0, 0, 128, 96), texture(1)[:80, :100]
    plate = write(tmp_path / "plate.exr", stored, "float", "RGB", data=(-10, 6), display=format_)
    rgb = PictureReader(lines=96, colour_space="sRGB").read(Picture(plate, picture.mask)).rgb
    expected = np.zeros((96, 128, 3))
    expected[6:86, :90] = stored[:, 10:]
    np.testing.assert_allclose(rgb, expected * 255, atol=0.51)


def test_a_mask_of_another_size_is_refused(picture):
    """Named by its file."""
    grey(picture.mask, square(10, 10, 20, (95, 128)))
    with pytest.raises(TrainingError, match="another size than its plate") as caught:
        PictureReader(lines=96).read(picture)
    assert caught.value.where == str(picture.mask)


@pytest.mark.parametrize("kind", ["plate", "mask"])
def test_a_truncated_file_is_refused(kind, picture):
    """Half a plate or half a mask is an error that names the file, and no picture."""
    file = getattr(picture, kind)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(PlateError if kind == "plate" else MatteError) as caught:
        PictureReader(lines=96).read(picture)
    assert caught.value.where == str(file)
