"""Training images: finding and reading plates and masks."""

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


def test_clips_are_sorted_by_name_and_pictures_by_frame_number(tmp_path):
    """Frame 9 comes before 10; plates without a mask and hidden files are ignored."""
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


def test_clips_can_be_excluded(footage):
    """By name; an unknown name is an error."""
    assert [clip.name for clip in find_clips(footage.clips, exclude=["ball"])] == ["moon", "pair"]
    with pytest.raises(TrainingError, match="no clip 'sun' to exclude") as caught:
        find_clips(footage.clips, exclude=["ball", "sun"])
    assert caught.value.where == str(footage.clips)


def test_stills_can_be_excluded(footage):
    """By name; an unknown name is an error."""
    names = [clip.name for clip in find_stills(footage.stills, exclude=["still_1"])]
    assert names == ["still_0", "still_2"]
    with pytest.raises(TrainingError, match="there is no still 'still_7' to exclude"):
        find_stills(footage.stills, exclude=["still_7"])


def test_each_still_is_a_clip_of_one_picture(footage):
    """The name is that of the file."""
    stills = find_stills(footage.stills)
    assert [(still.name, len(still.pictures)) for still in stills] == [(f"still_{number}", 1) for number in range(3)]


@pytest.mark.parametrize("find", [find_clips, find_stills])
def test_a_folder_without_pictures_is_an_error(find, tmp_path):
    """An empty folder, a missing one, and plates whose masks have other names."""
    save(tmp_path / "clip", "a.1", texture(0), None)
    grey(tmp_path / "clip" / "masks" / "b.1.png", square(10, 10, 20))
    for folder in (tmp_path, tmp_path / "nowhere", tmp_path / "clip"):
        with pytest.raises(TrainingError, match="no images with masks of the same name") as caught:
            find(folder)
        assert caught.value.where == str(folder)


def test_an_8_bit_picture_is_read_exactly(picture):
    """Plate and grey mask have the values of the file; the second read is from the cache."""
    reader = PictureReader(short_side=96)
    pixels = reader.read(picture)
    np.testing.assert_array_equal(pixels.rgb, np.asarray(Image.open(picture.plate)))
    assert list(pixels.masks) == ["matte"]
    np.testing.assert_array_equal(pixels.masks["matte"], np.asarray(Image.open(picture.mask)))
    assert reader.read(picture) is pixels


def test_only_large_pictures_are_scaled_down(tmp_path):
    """Plate and mask are averaged to the given short side."""
    ramp = np.broadcast_to((np.arange(128, dtype=np.float32) + 0.5) / 128, (96, 128))
    save(tmp_path, "ramp", laid(ramp, (1, 1, 1), 0.0), ramp)
    (still,) = find_stills(tmp_path)
    assert PictureReader(short_side=200).read(still.pictures[0]).rgb.shape == (96, 128, 3)
    small = PictureReader(short_side=24).read(still.pictures[0])
    expected = (np.arange(32) + 0.5) / 32 * 255
    assert small.rgb.shape == (24, 32, 3)
    for found in (small.masks["matte"], *np.moveaxis(small.rgb, -1, 0)):
        np.testing.assert_allclose(found[:, 1:-1], np.broadcast_to(expected[1:-1], (24, 30)), atol=0.6)


def test_a_grey_plate_has_three_equal_channels(tmp_path):
    """A plate of one channel is read as grey RGB."""
    save(tmp_path, "one", texture(0), square(10, 10, 20))
    grey(tmp_path / "plates" / "one.png", texture(3)[..., 0])
    (still,) = find_stills(tmp_path)
    rgb = PictureReader(short_side=96).read(still.pictures[0]).rgb
    for channel in range(3):
        np.testing.assert_array_equal(rgb[..., channel], np.asarray(Image.open(tmp_path / "plates" / "one.png")))


def test_a_palette_mask_has_one_object_per_index(tmp_path):
    """Named by number, without background (0) and void (255)."""
    indices = np.zeros((HEIGHT, WIDTH), np.uint8)
    indices[2:5, 3:9], indices[6:11, 1:4], indices[0, 0] = 1, 7, 255
    mask = Image.fromarray(indices)
    mask.putpalette([number * 37 % 256 for number in range(768)])
    (tmp_path / "masks").mkdir()
    mask.save(tmp_path / "masks" / "a.png")
    plate = write(tmp_path / "plate.png", np.zeros((HEIGHT, WIDTH, 3)), "uint8")
    pixels = PictureReader(short_side=96).read(Picture(plate, tmp_path / "masks" / "a.png"))
    assert list(pixels.masks) == ["1", "7"]
    assert pixels.annotates("2")  # it is known to be absent
    for name, found in pixels.masks.items():
        np.testing.assert_array_equal(found, np.where(indices == int(name), 255, 0))


def test_a_layered_mask_has_one_object_per_layer(tmp_path):
    """`hero.A` and `dog.A` of one EXR; RGBA is not an object."""
    coverage = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    pixels = np.stack([coverage] * 4 + [coverage, 1 - coverage], -1)
    mask = write(tmp_path / "mask.exr", pixels, "float", [*"RGBA", "hero.A", "dog.A"])
    plate = write(tmp_path / "plate.png", np.zeros((HEIGHT, WIDTH, 3)), "uint8")
    pixels = PictureReader(short_side=96).read(Picture(plate, mask))
    masks = pixels.masks
    assert set(masks) == {"hero", "dog"}
    assert pixels.annotates("dog")
    assert not pixels.annotates("cat")  # not annotated, may be present
    np.testing.assert_allclose(masks["hero"], coverage * 255, atol=0.51)
    np.testing.assert_allclose(masks["dog"], (1 - coverage) * 255, atol=0.51)


def test_a_float_plate_is_converted_from_scene_linear_to_display_srgb(tmp_path):
    """By the sRGB curve (IEC 61966-2-1) with a roll-off from 0.8; unchanged if the colour space is set to sRGB."""
    linear = np.geomspace(1e-4, 16, HEIGHT * WIDTH * 3, dtype=np.float32).reshape(HEIGHT, WIDTH, 3)
    plate = write(tmp_path / "plate.exr", linear, "float", "RGB")
    mask = write(tmp_path / "mask.png", np.ones((HEIGHT, WIDTH, 1)), "uint8")
    display = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.astype(float) ** (1 / 2.4) - 0.055)
    rolled = np.where(display <= 0.8, display, 1 - 0.2 * np.exp(-(display - 0.8) / 0.2))
    found = PictureReader(short_side=96).read(Picture(plate, mask)).rgb
    np.testing.assert_allclose(found, rolled * 255, atol=0.51)
    plain = PictureReader(short_side=96, colour_space="sRGB").read(Picture(plate, mask)).rgb
    np.testing.assert_allclose(plain, np.clip(linear, 0, 1) * 255, atol=0.51)


def test_a_plate_is_read_over_its_display_window(picture, tmp_path):
    """An EXR with a smaller data window and overscan is aligned with its mask."""
    format_, stored = Window(0, 0, 128, 96), texture(1)[:80, :100]
    plate = write(tmp_path / "plate.exr", stored, "float", "RGB", data=(-10, 6), display=format_)
    rgb = PictureReader(short_side=96, colour_space="sRGB").read(Picture(plate, picture.mask)).rgb
    expected = np.zeros((96, 128, 3))
    expected[6:86, :90] = stored[:, 10:]
    np.testing.assert_allclose(rgb, expected * 255, atol=0.51)


def test_a_mask_of_another_size_is_an_error(picture):
    """The message names the mask."""
    grey(picture.mask, square(10, 10, 20, (95, 128)))
    with pytest.raises(TrainingError, match="the mask and its plate differ in size") as caught:
        PictureReader(short_side=96).read(picture)
    assert caught.value.where == str(picture.mask)


@pytest.mark.parametrize("kind", ["plate", "mask"])
def test_a_truncated_file_is_an_error(kind, picture):
    """The message names the plate or the mask."""
    file = getattr(picture, kind)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(PlateError if kind == "plate" else MatteError) as caught:
        PictureReader(short_side=96).read(picture)
    assert caught.value.where == str(file)
