"""Keyframes in images without layers: grey, alpha, palette indices and flat colours."""

from __future__ import annotations

import numpy as np
import pytest
from keyframe_files import BLUE, GREEN, RED, empties, read, refusal, same, save
from picture_files import write
from PIL import Image as Pillow

from stcn_plugin.errors import KeyframeError
from stcn_plugin.media.window import Window

# Grey and RGBA images


@pytest.mark.parametrize(("dtype", "levels"), [(np.uint8, 255), (np.uint16, 65535)])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_grey_picture_is_one_soft_object(tmp_path, suffix, dtype, levels):
    """Any number of grey levels is one object with value / maximum."""
    values = np.linspace(0, levels, 240).astype(dtype).reshape(12, 20)
    found = read(save(tmp_path / f"k.{suffix}", values), only_name="hero")
    same(found, {"hero": (values / np.float64(levels)).astype(np.float32)})


def test_a_jpeg_is_one_soft_object(tmp_path):
    """A grey JPEG is one object, close to the saved values."""
    ramp = np.repeat(np.linspace(0, 255, 160).astype(np.uint8)[np.newaxis], 80, axis=0)
    for mode in ("L", "RGB"):
        path = tmp_path / f"{mode}.jpg"
        Pillow.fromarray(ramp).convert(mode).save(path, quality=95)
        found = read(path, display=Window(0, 0, 160, 80))
        np.testing.assert_allclose(found["matte"], ramp / 255, atol=0.02)
        assert list(found) == ["matte"]


def rgba(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.dstack([colour, alpha]).astype(np.uint8)


def test_alpha_is_the_matte(tmp_path):
    """The alpha of an RGBA image is read unchanged, independent of its colours."""
    alpha = np.linspace(0, 255, 240).astype(np.uint8).reshape(12, 20)
    colour = np.random.default_rng(0).integers(0, 256, (12, 20, 3))
    path = save(tmp_path / "k.png", rgba(colour, alpha))
    same(read(path), {"matte": (alpha / 255).astype(np.float32)})
    grey_alpha = save(tmp_path / "la.png", np.dstack([colour[..., 0], alpha]).astype(np.uint8), "LA")
    same(read(grey_alpha), {"matte": (alpha / 255).astype(np.float32)})


def test_grey_is_the_matte_of_an_opaque_picture(tmp_path):
    """Of an opaque image the grey is taken."""
    grey = np.linspace(0, 255, 240).astype(np.uint8).reshape(12, 20)
    path = save(tmp_path / "k.png", rgba(np.dstack([grey] * 3), np.full_like(grey, 255)))
    same(read(path), {"matte": (grey / 255).astype(np.float32)})


def test_selecting_a_channel_of_a_picture(tmp_path):
    """Mattes packed into red, green and blue are selected by channel; a missing one is an error."""
    packed = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
    path = save(tmp_path / "k.png", packed)
    found = read(path, objects={"hero": "R", "bg": "blue"})
    same(found, {"hero": (packed[..., 0] / 255).astype(np.float32), "bg": (packed[..., 2] / 255).astype(np.float32)})
    same(read(path, selector="G"), {"matte": (packed[..., 1] / 255).astype(np.float32)})
    assert "there is no channel 'A' in the file. It has: R, G, B" in refusal(path, selector="A")


def test_a_photograph_is_refused(tmp_path):
    """An image with too many colours for objects asks for a channel."""
    path = save(tmp_path / "k.png", np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8))
    assert "the image is coloured: it does not say what the matte is. Choose a channel" in refusal(path)


# Palette images


def palette(path, indices: np.ndarray, colours: list[int], **more):
    picture = Pillow.fromarray(indices.astype(np.uint8), "P")
    picture.putpalette(colours)
    picture.save(path, **more)
    return path


def indexed(path, *indices: int):
    """Write a palette image with a row for each index below a row of background."""
    values = np.zeros((12, 20), np.uint8)
    for row, index in enumerate(indices, start=1):
        values[row] = index
    colours = np.random.default_rng(7).integers(0, 256, (256, 3))
    colours[0] = 0
    return palette(path, values, colours.ravel().tolist()), values


def test_every_index_is_an_object_by_its_number(tmp_path):
    """Indices are object numbers; 0 is background and 255 the void index of data sets."""
    path, values = indexed(tmp_path / "k.png", 1, 7, 3, 255)
    same(read(path), {str(index): (values == index).astype(np.float32) for index in (1, 3, 7)})


def test_indices_survive_a_name_of_the_other_normal_form(tmp_path):
    """A palette image with a name stored by macOS is read by indices."""
    _, values = indexed(tmp_path / "cle\u0301.png", 1)
    same(read(tmp_path / "cl\u00e9.png"), {"1": (values == 1).astype(np.float32)})


def test_indices_are_named(tmp_path):
    """The result has the shot's names for its indices, including the void if it is named; a selector selects one."""
    path, values = indexed(tmp_path / "k.png", 1, 7, 255)
    found = read(path, objects={"hero": 7, "crowd": 255})
    same(found, {"hero": (values == 7).astype(np.float32), "crowd": (values == 255).astype(np.float32)})
    same(read(path, selector="1"), {"1": (values == 1).astype(np.float32)})
    same(read(path, selector="hero", objects={"hero": 7}), {"hero": (values == 7).astype(np.float32)})


@pytest.mark.parametrize("wanted", [{"objects": {"hero": 4}}, {"selector": "4"}, {"selector": "hero"}])
def test_an_unknown_index_lists_those_present(tmp_path, wanted):
    """If an object is missing, the error lists those that exist."""
    path, _ = indexed(tmp_path / "k.png", 1, 7)
    assert "there is no index '" in (text := refusal(path, **wanted))
    assert "It has: 1, 7" in text


def test_colours_of_a_palette_are_named(tmp_path):
    """Indices can be selected by their colours."""
    values = np.repeat(np.arange(12) // 4, 20).reshape(12, 20)
    path = palette(tmp_path / "k.png", values, [0, 0, 0, *RED, *BLUE])
    found = read(path, objects={"hero": "#0000ff"})
    same(found, {"hero": (values == 2).astype(np.float32)})


def test_a_palette_of_background_alone_is_empty(tmp_path):
    """A frame without any object, or without the selected ones."""
    path, _ = indexed(tmp_path / "k.png")
    assert empties(path) == ((), True)
    assert empties(path, objects={"hero": 1, "ball": "#0000ff"}) == (("hero", "ball"), False)


def test_a_soft_matte_saved_with_a_grey_palette_is_one_object(tmp_path):
    """Its greys are not separate objects."""
    ramp = np.linspace(0, 255, 240).astype(np.uint8).reshape(12, 20)
    path = palette(tmp_path / "k.png", ramp, [value for value in range(256) for _ in range(3)])
    same(read(path), {"matte": (ramp / 255).astype(np.float32)})


def test_a_soft_matte_saved_with_a_transparent_palette_is_one_object(tmp_path):
    """A palette with different alphas is read like an RGBA image."""
    ramp = np.linspace(0, 255, 240).astype(np.uint8).reshape(12, 20)
    path = palette(tmp_path / "k.png", ramp, [255] * 768, transparency=bytes(range(256)))
    same(read(path), {"matte": (ramp / 255).astype(np.float32)})


def test_a_palette_with_too_many_colours_is_refused(tmp_path):
    """Hundreds of colours are an image, not objects."""
    path, _ = (
        palette(
            tmp_path / "k.png",
            np.arange(240).reshape(12, 20),
            np.random.default_rng(0).integers(0, 256, 768).tolist(),
        ),
        None,
    )
    assert "uses 240 indices, which cannot all be objects" in refusal(path)


# ID images


def id_picture() -> np.ndarray:
    """Red, green and blue areas on black."""
    pixels = np.zeros((12, 20, 3), np.uint8)
    pixels[1:5, 1:9], pixels[6:11, 1:9], pixels[1:11, 11:19] = RED, GREEN, BLUE
    return pixels


@pytest.mark.parametrize("suffix", ["png", "tga", "tif"])
def test_colours_are_named(tmp_path, suffix):
    """Each named colour is an object, exactly; other colours belong to other objects."""
    pixels = id_picture()
    path = save(tmp_path / f"k.{suffix}", pixels)
    found = read(path, objects={"hero": "#FF0000", "bg": "#0000ff"})
    same(found, {name: (pixels == c).all(-1).astype(np.float32) for name, c in (("hero", RED), ("bg", BLUE))})
    same(read(path, selector="#00ff00"), {"matte": (pixels == GREEN).all(-1).astype(np.float32)})


def test_colours_are_exact_in_16_bits(tmp_path):
    """An 8-bit colour is found in a 16-bit image, whose values are multiples of 257."""
    pixels = id_picture()
    path = write(tmp_path / "k.png", pixels.astype(np.uint16) * 257, "uint16", "RGB")
    same(read(path, objects={"hero": "#ff0000"}), {"hero": (pixels == RED).all(-1).astype(np.float32)})


def test_alpha_is_the_soft_edge_of_an_id_picture(tmp_path):
    """Flat colours with a soft alpha give soft mattes."""
    alpha = np.linspace(1, 255, 240).astype(np.uint8).reshape(12, 20)
    path = save(tmp_path / "k.png", rgba(id_picture(), alpha))
    expected = (id_picture() == RED).all(-1) * (alpha / 255).astype(np.float32)
    same(read(path, objects={"hero": "#ff0000"}), {"hero": expected})


def test_an_id_picture_without_names_lists_its_colours(tmp_path):
    """The error lists the colours by descending area, and shows how to name them."""
    text = refusal(save(tmp_path / "k.png", id_picture()))
    assert "such as hero: '#0000ff'. Its flat colours are: #0000ff, #00ff00, #ff0000" in text


def test_an_unknown_colour_lists_those_present(tmp_path):
    """The error suggests the most similar colour first."""
    text = refusal(save(tmp_path / "k.png", id_picture()), objects={"hero": "#FE0000"})
    assert "there is no colour '#fe0000' in the file. It has: #ff0000" in text


def test_an_anti_aliased_id_picture_is_refused(tmp_path):
    """Mixed colours at edges cannot be assigned and would leave holes; the error says what to do."""
    pixels = id_picture()
    pixels[1:5, 8] = (128, 0, 0)
    text = refusal(save(tmp_path / "k.png", pixels), objects={"hero": "#ff0000"})
    assert "4 pixels lie between the flat colours" in text
    assert "without anti-aliasing" in text


@pytest.mark.parametrize("depth", ["half", "float"])
def test_colours_of_an_exr(tmp_path, depth):
    """Half floats do not represent most 8-bit values exactly; the nearest colour is used."""
    pixels = id_picture()
    pixels[(pixels == GREEN).all(-1)] = (37, 200, 101)
    path = write(tmp_path / "k.exr", pixels.astype(np.float32) / 255, depth, "RGB")
    assert "#25c865" in refusal(path)
    expected = (pixels == (37, 200, 101)).all(-1).astype(np.float32)
    same(read(path, objects={"hero": "#25C865"}), {"hero": expected})


def test_colours_that_are_alike_in_8_bits_are_refused(tmp_path):
    """Two ids of a renderer may differ by less than an 8-bit step."""
    pixels = np.zeros((12, 20, 3), np.float32)
    pixels[1:5, 1:9], pixels[6:11, 1:9] = (0.5, 0.25, 0), (0.5001, 0.25, 0)
    path = write(tmp_path / "k.exr", pixels, "float", "RGB")
    assert "2 flat colours of the image are #804000 in 8 bits" in refusal(path, objects={"hero": "#804000"})


def test_a_lossy_id_picture_is_refused(tmp_path):
    """A JPEG has no flat colours."""
    path = tmp_path / "k.jpg"
    Pillow.fromarray(np.kron(id_picture(), np.ones((4, 4, 1), np.uint8))).save(path, quality=80)
    window = Window(0, 0, 80, 48)
    with pytest.raises(KeyframeError, match=r"pixels lie between the flat colours|no colour '#fe0000'"):
        read(path, display=window, objects={"hero": "#fe0000"})
