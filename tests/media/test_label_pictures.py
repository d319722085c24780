"""Images whose values are object numbers: palettes and labels as data sets and programs write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from keyframe_files import BLUE, GREEN, RED, read, refusal, same, save
from picture_files import write
from PIL import Image as Pillow
from tiff_bytes import GREY, PALETTE, write_tiff

from stcn_plugin.media.keyframes import read_keyframe
from stcn_plugin.media.window import Window

SQUARE = np.zeros((12, 20), np.uint8)
SQUARE[3:9, 4:12] = 1
TWO = SQUARE.copy()
TWO[2:10, 14:19] = 2
RAMP = [value for value in range(256) for _ in range(3)]
VOC = np.zeros((256, 3), np.uint8)
for index in range(256):  # the colour map of Pascal VOC, which DAVIS uses, too
    for bit in range(8):
        for channel in range(3):
            VOC[index, channel] |= (index >> (3 * bit + channel) & 1) << (7 - bit)


def paletted(path: Path, indices: np.ndarray, colours, **more) -> Path:
    picture = Pillow.fromarray(indices.astype(np.uint8), "P")
    picture.putpalette(np.asarray(colours, np.uint8).ravel().tolist())
    picture.save(path, **({"optimize": False} if path.suffix == ".gif" else {}), **more)
    return path


def one(matte: np.ndarray, name: str = "matte") -> dict[str, np.ndarray]:
    return {name: matte.astype(np.float32)}


def by_number(picture: np.ndarray, *numbers: int) -> dict[str, np.ndarray]:
    return {str(number): (picture == number).astype(np.float32) for number in numbers}


# Palettes of black and white


@pytest.mark.parametrize("suffix", ["png", "gif", "bmp", "tga", "tif"])
@pytest.mark.parametrize("white_first", [False, True])
def test_white_is_the_object_whatever_its_index(tmp_path, suffix, white_first):
    """Programs number colours in any order; the matte follows the visible colours."""
    colours = [255, 255, 255, 0, 0, 0] if white_first else [0, 0, 0, 255, 255, 255]
    path = paletted(tmp_path / f"k.{suffix}", 1 - SQUARE if white_first else SQUARE, colours)
    same(read(path), one(SQUARE))
    same(read(path, only_name="hero"), one(SQUARE, "hero"))
    same(read(path, objects={"hero": "hero"}), one(SQUARE, "hero"))


def test_one_bit_pictures(tmp_path):
    """Without a palette, and with a 1-bit palette."""
    for suffix in ("png", "bmp", "tif"):
        Pillow.fromarray(SQUARE * 255).convert("1").save(tmp_path / f"k.{suffix}")
        same(read(tmp_path / f"k.{suffix}"), one(SQUARE))
    same(read(paletted(tmp_path / "p.png", 1 - SQUARE, [255, 255, 255, 0, 0, 0], bits=1)), one(SQUARE))


def test_selecting_the_black_index_gives_a_warning(tmp_path):
    """Index 1 of a white-first palette is the background, which may be a mistake."""
    path = paletted(tmp_path / "k.png", 1 - SQUARE, [255, 255, 255, 0, 0, 0])
    window = Window(0, 0, 20, 12)
    found = read_keyframe(path, frame=7, window=window, display=window, objects={"hero": 1})
    np.testing.assert_array_equal(found.mattes["hero"], 1 - SQUARE)
    assert found.warnings == (f"{path}, frame 7: index 1 is black, and white is index 0",)


def test_black_and_white_in_a_palette_of_many_colours(tmp_path):
    """As Pillow converts RGB to its web palette."""
    picture = Pillow.fromarray(np.dstack([SQUARE * 255] * 3)).convert("P")
    picture.save(tmp_path / "k.png")
    same(read(tmp_path / "k.png"), one(SQUARE))


# Palettes of greys


def test_a_ramp_of_few_dark_greys_is_labels(tmp_path):
    """Labels saved with Pillow's default palette."""
    same(read(paletted(tmp_path / "k.png", TWO, RAMP)), by_number(TWO, 1, 2))


def test_a_soft_matte_with_a_palette_in_any_order(tmp_path):
    """A ramp with shuffled greys is the same matte."""
    soft = np.repeat(np.linspace(0, 255, 20).astype(np.uint8)[np.newaxis], 12, axis=0)
    order = np.random.default_rng(0).permutation(256).astype(np.uint8)
    path = paletted(tmp_path / "k.png", order[soft], np.repeat(np.argsort(order)[:, np.newaxis], 3, axis=1))
    same(read(path), one(soft / np.float32(255)))


def test_an_anti_aliased_matte_of_four_greys(tmp_path):
    """Two bits of grey, as in small icons."""
    values = SQUARE * np.uint8(3)
    values[3, 4:12] = 2
    path = paletted(tmp_path / "k.png", values, [0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255], bits=2)
    same(read(path), one(values / np.float32(3)))


def test_flat_greys_of_a_grey_palette_are_refused(tmp_path):
    """A flat 170 may be a third object or two thirds of coverage; the user chooses a number or a channel."""
    path = paletted(tmp_path / "k.png", TWO, [0, 0, 0, 85, 85, 85, 170, 170, 170])
    assert "coverage or object numbers" in refusal(path)
    same(read(path, objects={"hero": 1, "bg": 2}), {"hero": by_number(TWO, 1)["1"], "bg": by_number(TWO, 2)["2"]})
    same(read(path, selector="R"), one(TWO / np.float32(3)))


@pytest.mark.parametrize("colours", [[254] * 3 + [1] * 3, [0] * 3 + [128] * 3, [0] * 3 + [2] * 3])
def test_ambiguous_greys_list_the_indices(tmp_path, colours):
    """Numbers in the error are indices, as in the shot file, and the suggested channel is in the file."""
    path = paletted(tmp_path / "k.png", SQUARE if colours[0] == 0 else 1 - SQUARE, colours, bits=1)
    brightest = int(np.argmax(colours[::3]))
    text = refusal(path)
    assert f"hero: {brightest}. It has: 0 (#" in text and text.endswith("choose its channel: k.png:R.")
    same(read(path, objects={"hero": brightest}), one(SQUARE, "hero"))
    read(path, selector="R") if max(colours) > 2 else refusal(path, selector="R")


def test_a_palette_of_one_colour_is_labels(tmp_path):
    """Labels with an arbitrary palette."""
    same(read(paletted(tmp_path / "k.png", TWO, [0] * 768)), by_number(TWO, 1, 2))


# Palettes of colours


@pytest.mark.parametrize("number", [1, 2, 7, 22, 254])
def test_the_palette_of_davis(tmp_path, number):
    """Every number is an object, including 7, which is grey in that palette; 255 is void."""
    picture = SQUARE * np.uint8(number)
    picture[:, -1] = 255
    same(read(paletted(tmp_path / "k.png", picture, VOC)), by_number(picture, number))


@pytest.mark.parametrize("suffix", ["png", "gif", "bmp", "tga"])
def test_indices_come_from_every_format_that_has_them(tmp_path, suffix):
    """OpenImageIO converts indices to colours."""
    same(read(paletted(tmp_path / f"k.{suffix}", TWO, [0, 0, 0, *RED, *GREEN])), by_number(TWO, 1, 2))


def test_the_palette_of_a_tiff(tmp_path):
    """Its colours have 16 bits."""
    colours = np.zeros((256, 3), np.uint16)
    colours[1], colours[2] = (65535, 0, 0), (0, 65535, 0)
    same(read(write_tiff(tmp_path / "k.tif", TWO, PALETTE, palette=colours)), by_number(TWO, 1, 2))


def test_an_8_bit_palette_in_a_tiff(tmp_path):
    """Old programs write colours up to 255 instead of 65535; libtiff also reads them as 8 bits."""
    palette = np.zeros((256, 3), np.uint16)
    palette[0] = 255
    same(read(write_tiff(tmp_path / "k.tif", 1 - SQUARE, PALETTE, palette=palette)), one(SQUARE))


def test_objects_of_the_same_colour_have_different_numbers(tmp_path):
    """Palettes with fewer colours than numbers in use are padded with one colour."""
    same(read(paletted(tmp_path / "k.png", TWO, [0, 0, 0, *RED, *RED])), by_number(TWO, 1, 2))
    same(read(paletted(tmp_path / "b.png", TWO, [0, 0, 0, *RED, 0, 0, 0])), by_number(TWO, 1, 2))


@pytest.mark.parametrize(
    ("colours", "indices", "what"),
    [
        ([*RED, 0, 0, 0], 1 - SQUARE, "index 0, the background by convention, has the colour #ff0000"),
        ([*RED, *BLUE], SQUARE, "index 0, the background by convention, has the colour #ff0000"),
        ([255, 255, 255, *RED, *BLUE], TWO, "index 0, the background by convention, has the colour #ffffff"),
        ([*GREEN, 0, 0, 0, *RED], TWO.clip(1), "index 1 is black and index 0 does not occur"),
        ([0, 0, 0] + [9, 9, 9] * 254 + [*RED], SQUARE * np.uint8(255) + np.uint8(0), None),
    ],
)
def test_a_palette_whose_background_is_not_index_0(tmp_path, colours, indices, what):
    """If a program numbered the colours, the background is unknown, and objects must be named."""
    path = paletted(tmp_path / "k.png", indices, colours)
    if what is None:  # only the void
        assert "background or void" in refusal(path)
        return
    assert what in (text := refusal(path))
    assert "Name the indices or colours that are objects" in text
    same(read(path, objects={"hero": 1}), one(indices == 1, "hero"))
    same(read(path, objects={"hero": 0}), one(indices == 0, "hero")) if (indices == 0).any() else None


def test_an_anti_aliased_picture_with_a_palette_is_refused(tmp_path):
    """Shades of red at an edge are not objects."""
    indices = SQUARE * np.uint8(3)
    indices[3, 4:12], indices[2, 4:12] = 2, 1
    path = paletted(tmp_path / "k.png", indices, [0, 0, 0, 85, 0, 0, 170, 0, 0, *RED])
    assert "is a mixture of two other colours" in refusal(path)


def test_a_dithered_picture_with_a_palette_is_refused(tmp_path):
    """Colours that do not form areas are those of a photograph."""
    picture = Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)).quantize(16)
    colours = np.reshape(picture.getpalette(), (-1, 3))
    colours[0] = 0
    assert "do not form areas" in refusal(paletted(tmp_path / "k.png", np.asarray(picture), colours))


# Palettes with transparency


def test_a_transparent_index_0_is_background(tmp_path):
    """Labels on transparency; a single colour is one object, like a cut-out."""
    same(read(paletted(tmp_path / "k.png", TWO, [9, 9, 9, *RED, *GREEN], transparency=0)), by_number(TWO, 1, 2))
    same(read(paletted(tmp_path / "c.png", SQUARE, [9, 9, 9, *RED], transparency=0)), one(SQUARE))


def test_another_transparent_index_is_background_too(tmp_path):
    """As in GIF and quantised images."""
    path = paletted(tmp_path / "k.png", 1 - SQUARE, [*RED, 0, 0, 0], transparency=1)
    same(read(path), one(SQUARE))


def test_a_cut_out_picture_is_its_alpha(tmp_path):
    """Photographic colours on transparency are one object."""
    indices = np.random.default_rng(0).integers(1, 200, (12, 20)).astype(np.uint8) * SQUARE
    colours = np.random.default_rng(1).integers(0, 256, (256, 3))
    same(read(paletted(tmp_path / "k.png", indices, colours, transparency=0)), one(SQUARE))


def test_translucent_labels_are_refused(tmp_path):
    """Half an alpha may be an overlay style or half coverage."""
    path = paletted(tmp_path / "k.png", SQUARE, [0, 0, 0, *RED], transparency=bytes([0, 128]))
    assert "an alpha of 128 of 255" in refusal(path)
    same(read(path, objects={"hero": 1}), one(SQUARE, "hero"))


# Labels without a palette


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int16])
def test_small_whole_numbers_are_objects(tmp_path, dtype):
    """0, 1 and 2 of 255 or 65535: read as coverage, the matte would be empty."""
    path = write_tiff(tmp_path / "k.tif", TWO.astype(dtype), GREY)
    same(read(path), by_number(TWO, 1, 2))
    same(read(path, objects={"hero": 2}), {"hero": by_number(TWO, 2)["2"]})
    same(read(path, selector="1"), by_number(TWO, 1))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_picture_of_0_and_1(tmp_path, mode):
    """A mask saved by NumPy, in one channel or three; a single name is used for the object."""
    path = tmp_path / "k.png"
    Pillow.fromarray(SQUARE).convert(mode).save(path)
    same(read(path), one(SQUARE, "1"))
    same(read(path, only_name="hero"), one(SQUARE, "hero"))
    same(read(path, objects={"hero": "hero"}), one(SQUARE, "hero"))
    same(read(path, objects={"hero": 1}), one(SQUARE, "hero"))


def test_ids_of_16_bits(tmp_path):
    """Instance ids above 255, as in COCO and BURST."""
    ids = TWO.astype(np.uint16) * 1300
    same(read(save(tmp_path / "k.png", ids)), by_number(ids, 1300, 2600))


def test_the_void_of_labels_has_no_object(tmp_path):
    """255 is void in 16-bit labels; in 8 bits it may also be white, and is ambiguous."""
    picture = TWO.astype(np.uint16)
    picture[0] = 255
    same(read(save(tmp_path / "16.png", picture)), by_number(picture, 1, 2))
    text = refusal(save(tmp_path / "8.png", picture.astype(np.uint8)))
    assert "flat areas (1, 2, 255 of 255)" in text
    same(read(tmp_path / "8.png", objects={"hero": 1}), {"hero": by_number(picture, 1)["1"]})


@pytest.mark.parametrize(
    ("levels", "white"),
    [((38,), np.uint8), ((128,), np.uint8), ((128, 255), np.uint8), ((38, 75), np.uint8), ((30000,), np.uint16)],
)
def test_flat_greys_are_refused(tmp_path, levels, white):
    """A trimap, a flat half, or colours converted to grey: coverage and labels look the same."""
    picture = np.choose(TWO, (0, levels[0], levels[-1])).astype(white)
    path = save(tmp_path / "k.png", picture)
    assert "coverage or object numbers" in refusal(path)
    same(read(path, selector="Y"), one(picture / np.float32(np.iinfo(white).max)))
    same(read(path, objects={"hero": levels[0]}), one(picture == levels[0], "hero"))


@pytest.mark.parametrize("top", [255, 1023, 4095])
def test_possible_coverage_in_fewer_bits_is_refused(tmp_path, top):
    """8, 10 or 12 bits of grey in a 16-bit file, with one edge value or a flat half, are not two objects."""
    hard = SQUARE.astype(np.uint16) * top
    edged, flat = hard.copy(), hard.copy()
    edged[2, 4:12] = edged[9, 4:12] = top * 47 // 100
    flat[2:10, 14:19] = top // 2
    for picture in (edged, flat):
        path = save(tmp_path / "k.png", picture)
        assert f"the highest value of the image is {top} of 65535" in refusal(path)
        same(read(path, objects={"hero": top}), one(SQUARE, "hero"))


def test_small_numbers_in_one_channel_are_not_grey(tmp_path):
    """Numbers up to 2 in one or two channels, as in COCO panoptic images, differ no more than JPEG artefacts."""
    picture = np.zeros((12, 20, 3), np.uint8)
    picture[..., 0], picture[..., 1] = SQUARE, TWO == 2
    path = save(tmp_path / "k.png", picture)
    assert "Its flat colours are: #010000, #000100" in refusal(path)
    wanted = {"hero": "#010000", "bg": "#000100"}
    same(read(path, objects=wanted), {"hero": by_number(TWO, 1)["1"], "bg": by_number(TWO, 2)["2"]})


def test_a_soft_matte_in_the_wrong_range_is_refused(tmp_path):
    """8 or 12 bits of grey in a 16-bit file: the matte would be nearly empty."""
    soft = np.repeat(np.linspace(0, 1, 20)[np.newaxis], 12, axis=0)
    for top in (255, 1023, 4095):
        path = save(tmp_path / f"{top}.png", np.rint(soft * top).astype(np.uint16))
        assert f"the highest value of the image is {top} of 65535" in refusal(path)


def test_a_number_of_a_soft_matte_is_refused(tmp_path):
    """Selecting 255 would lose the soft edge."""
    soft = np.repeat(np.linspace(0, 255, 20).astype(np.uint8)[np.newaxis], 12, axis=0)
    text = refusal(save(tmp_path / "k.png", soft), objects={"hero": 255})
    assert "the image is a soft matte" in text


def test_soft_mattes_are_not_labels(tmp_path):
    """Gradients, anti-aliased edges over a flat half, and JPEG noise are coverage."""
    gradient = np.repeat(np.arange(256, dtype=np.uint8), 8)[np.newaxis].repeat(64, axis=0)
    window = Window(0, 0, 2048, 64)
    same(read(save(tmp_path / "g.png", gradient), display=window), one(gradient / np.float32(255)))
    from PIL import ImageDraw

    large = Pillow.new("L", (800, 480))
    ImageDraw.Draw(large).ellipse((40, 60, 400, 440), fill=255)
    ImageDraw.Draw(large).ellipse((380, 60, 780, 440), fill=128)
    flat_half = np.asarray(large.resize((200, 120), Pillow.Resampling.LANCZOS))
    window = Window(0, 0, 200, 120)
    same(read(save(tmp_path / "h.png", flat_half), display=window), one(flat_half / np.float32(255)))
    Pillow.fromarray(np.where(flat_half > 100, np.uint8(255), np.uint8(0))).save(tmp_path / "j.jpg", quality=80)
    decoded = np.asarray(Pillow.open(tmp_path / "j.jpg")) / 255
    np.testing.assert_allclose(read(tmp_path / "j.jpg", display=window)["matte"], decoded, atol=1.5 / 255)


# Floats


@pytest.mark.parametrize(
    ("suffix", "channel"), [("exr", "A"), ("exr", "Y"), ("exr", "Z"), ("tif", "Y"), ("exr", "hero.A")]
)
def test_whole_floats_are_refused_unless_numbered(tmp_path, suffix, channel):
    """0, 1 and 2 may be labels, or summed mattes."""
    path = write(tmp_path / f"k.{suffix}", TWO.astype(np.float32)[..., np.newaxis], "float", [channel])
    assert "whole numbers up to 2" in refusal(path)
    if channel != "hero.A":
        same(read(path, objects={"hero": 2}), {"hero": by_number(TWO, 2)["2"]})


def test_integers_in_an_exr_are_labels(tmp_path):
    """Renderers write ids as 32-bit integers."""
    path = write(tmp_path / "k.exr", TWO.astype(np.uint32)[..., np.newaxis], "uint", ["id"])
    same(read(path), by_number(TWO, 1, 2))


# Names


def test_a_list_of_one_name_names_the_one_object(tmp_path):
    """For a grey image, an alpha, an index or the only colour on black, but not for several objects."""
    hero = {"objects": {"hero": "hero"}}
    red = np.zeros((12, 20, 3), np.uint8)
    red[SQUARE > 0] = RED
    for path in (
        save(tmp_path / "grey.png", SQUARE * np.uint8(255)),
        save(tmp_path / "flat.png", SQUARE * np.uint8(38)),
        save(tmp_path / "red.png", red),
        paletted(tmp_path / "index.png", SQUARE * np.uint8(5), VOC),
        paletted(tmp_path / "quantised.png", 1 - SQUARE, [*RED, 0, 0, 0]),
        write(tmp_path / "a.exr", SQUARE.astype(np.float32)[..., np.newaxis], "half", "A"),
    ):
        same(read(path, **hero), one(SQUARE, "hero"))
    assert "there is no index 'hero' in the file. It has: 1, 2" in refusal(
        paletted(tmp_path / "two.png", TWO, VOC), **hero
    )
    layered = write(tmp_path / "l.exr", SQUARE.astype(np.float32)[..., np.newaxis], "half", ["heros.A"])
    assert "there is no channel or layer 'hero' in the file. It has: heros.A" in refusal(layered, **hero)


def test_two_tone_pictures_in_colour_ask_for_the_colour(tmp_path):
    """Red on black may be a matte in the red channel or an ID: the error shows both options."""
    red = np.zeros((12, 20, 3), np.uint8)
    red[SQUARE > 0] = RED
    path = save(tmp_path / "k.png", red)
    assert "such as hero: '#ff0000'" in refusal(path)
    same(read(path, selector="R"), one(SQUARE))
    same(read(path, selector="#ff0000"), one(SQUARE))
