from __future__ import annotations

import json

import numpy as np
import pytest
from picture_files import noise, spec_of, write, write_parts
from PIL import Image as Pillow

from stcn_plugin.errors import KeyframeError
from stcn_plugin.media.cryptomatte import hash_bits
from stcn_plugin.media.keyframes import read_keyframe
from stcn_plugin.media.mattes import MatteWriter
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import FrameHeader, Window

DISPLAY = Window(0, 0, 20, 12)
SOFT = noise(12, 20, 1)[..., 0]
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def read(path, display=DISPLAY, window=None, **wanted):
    return read_keyframe(path, frame=1001, window=window or display, display=display, **wanted)


def refusal(path, **wanted) -> str:
    """Return the error, which always names file and frame first."""
    with pytest.raises(KeyframeError) as caught:
        read(path, **wanted)
    assert str(caught.value).startswith(f"{path}, frame 1001: ")
    assert caught.value.fix
    return str(caught.value)


def save(path, array: np.ndarray, mode: str | None = None):
    Pillow.fromarray(array, mode).save(path) if mode else Pillow.fromarray(array).save(path)
    return path


def exr(path, *channels: str, values=None, **more):
    pixels = noise(12, 20, len(channels)) if values is None else values
    write(path, pixels, "half", channels, **more)
    return path, {name: pixels[..., index] for index, name in enumerate(channels)}


def same(found, expected) -> None:
    assert list(found) == list(expected)
    for name, matte in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], matte)


# EXR: channels and layers


def test_every_layer_of_a_single_matte_channel_is_an_object(tmp_path):
    """Layers are objects by name, in whatever spelling their one channel has; RGBA and colour layers are not."""
    names = ("R", "G", "B", "A", "hero.A", "arm.alpha", "leg.Y", "hat.V", "dog.a", "spec.R", "spec.G", "spec.B", "z.Z")
    path, channels = exr(tmp_path / "k.exr", *names)
    found = read(path)
    assert sorted(found) == ["arm", "dog", "hat", "hero", "leg"]
    np.testing.assert_array_equal(found["hero"], channels["hero.A"])
    np.testing.assert_array_equal(found["arm"], channels["arm.alpha"])


def test_our_own_layers_read_back_by_name(tmp_path):
    """Mattes that were written are keyframes of the next run, exactly."""
    mattes = {"hero": noise(12, 20, 1)[..., 0] / 2, "bg": noise(12, 20, 1, seed=1)[..., 0] / 2}
    writer = MatteWriter(FrameSequence.parse(tmp_path / "m.####.exr"), objects=list(mattes))
    (path,) = writer.write(1001, mattes, window=DISPLAY, header=FrameHeader(DISPLAY, DISPLAY))
    found = read(path)
    same({name: found[name] for name in mattes}, mattes)
    assert len(found) == 2


@pytest.mark.parametrize(
    ("selector", "name", "channel"),
    [
        ("A", "matte", "A"),
        ("alpha", "matte", "A"),
        ("rgba.alpha", "matte", "A"),
        ("G", "matte", "G"),
        ("hero.A", "hero", "hero.A"),
        ("hero.alpha", "hero", "hero.A"),
        ("HERO.a", "hero", "hero.A"),
        ("hero", "hero", "hero.A"),
        ("spec", "spec", "spec.A"),
        ("spec.red", "spec", "spec.R"),
        ("holdout", "holdout", "holdout"),
        ("view.arm", "view.arm", "view.arm.X"),
    ],
)
def test_a_channel_or_a_layer_is_picked(tmp_path, selector, name, channel):
    """A selector is a channel or a layer, as EXR or as Nuke spells it; the layer names the object."""
    names = ("R", "G", "B", "A", "hero.A", "spec.R", "spec.G", "spec.B", "spec.A", "holdout", "view.arm.X")
    path, channels = exr(tmp_path / "k.exr", *names)
    same(read(path, selector=selector), {name: channels[channel]})


def test_objects_are_picked_and_renamed(tmp_path):
    """The shot's own names come out, in the shot's order, for what it asks for alone."""
    path, channels = exr(tmp_path / "k.exr", "A", "hero.A", "bg.A")
    same(read(path, objects={"two": "bg", "one": "hero.A"}), {"two": channels["bg.A"], "one": channels["hero.A"]})
    same(read(path, objects={"two": "bg", "one": "hero.A"}, selector="two"), {"two": channels["bg.A"]})
    same(read(path, objects={"two": "bg", "one": "hero.A"}, selector="hero.A"), {"one": channels["hero.A"]})


@pytest.mark.parametrize(
    ("names", "channel"),
    [("RGBA", "A"), ("A", "A"), ("Y", "Y"), ("YA", "A"), ("Z", "Z"), (["roto"], "roto"), (["R", "G", "B", "A"], "A")],
)
def test_a_file_without_object_layers_is_one_object(tmp_path, names, channel):
    """The unnamed alpha, or the only channel there is, is one soft matte by the default name."""
    path, channels = exr(tmp_path / "k.exr", *names)
    same(read(path, default_name="hero"), {"hero": channels[channel]})


def test_a_lone_channel_in_a_layer_names_the_object(tmp_path):
    """A file whose one channel is in a layer needs no selector, whatever the channel is called."""
    path, channels = exr(tmp_path / "k.exr", "hero.Z")
    same(read(path), {"hero": channels["hero.Z"]})


@pytest.mark.parametrize("names", ["RGB", "RGBA"])
def test_grey_colours_are_a_matte_where_alpha_says_nothing(tmp_path, names):
    """White on black without alpha, or with an alpha of 1 all over, is read as it looks."""
    values = np.repeat(SOFT[..., np.newaxis], len(names), axis=-1)
    values[..., 3:] = 1
    path, _ = exr(tmp_path / "k.exr", *names, values=values)
    same(read(path), {"matte": SOFT})


def test_grey_survives_lossy_compression(tmp_path):
    """DWA moves R, G and B a little apart; the matte still is grey, and soft."""
    values = np.repeat(np.linspace(0, 1, 240, dtype=np.float32).reshape(12, 20, 1), 3, axis=-1)
    path, _ = exr(tmp_path / "k.exr", *"RGB", values=values, attributes={"compression": "dwaa"})
    np.testing.assert_allclose(read(path)["matte"], values[..., 0], atol=0.02)


@pytest.mark.parametrize(
    "names", [["R", "G", "B"], ["spec.R", "spec.G", "spec.B"], ["spec.R", "spec.G", "spec.B", "Z"]]
)
def test_a_picture_in_colour_asks_for_a_channel(tmp_path, names):
    """A plate taken for a matte is refused, and its channels are listed."""
    path, _ = exr(tmp_path / "k.exr", *names)
    assert "Choose a channel or layer, such as k.exr:" in (text := refusal(path))
    assert all(name in text for name in names)


def test_an_unknown_channel_lists_what_there_is_nearest_first(tmp_path):
    """The error shows the spelling that was meant."""
    path, _ = exr(tmp_path / "k.exr", "A", "bg.A", "hero.A")
    text = refusal(path, selector="heros.A")
    assert "there is no channel or layer 'heros.A' in the file. It has: hero.A, " in text
    assert "bg.A" in text


@pytest.mark.parametrize("stored", ["A", "prefixed"])
def test_parts_of_a_multi_part_file_are_layers(tmp_path, stored):
    """A part with one channel is an object by the part's name, whether its channel repeats the name or not."""
    planes = {name: noise(12, 20, 1, seed=seed) for seed, name in enumerate(("hero", "bg"))}
    beauty = noise(12, 20, 4, seed=9)
    parts = [(spec_of(beauty, channels="RGBA", attributes={"oiio:subimagename": "rgba"}), beauty)]
    for name, plane in planes.items():
        channel = f"{name}.A" if stored == "prefixed" else "A"
        parts.append((spec_of(plane, channels=[channel], attributes={"oiio:subimagename": name}), plane))
    path = write_parts(tmp_path / "k.exr", parts)
    same(read(path), {name: plane[..., 0] for name, plane in planes.items()})
    same(read(path, selector="bg"), {"bg": planes["bg"][..., 0]})
    same(read(path, selector="hero.A"), {"hero": planes["hero"][..., 0]})
    same(read(path, selector="A"), {"matte": beauty[..., 3]})


# Where the pixels go


@pytest.mark.parametrize("data", [(5, 3), (-4, -2), (15, 9), (0, 0)])
def test_an_exr_is_laid_in_by_its_coordinates(tmp_path, data):
    """A cropped or overscanned matte keeps its place in the format; around it is 0."""
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
    """Formats without windows are placed by their size."""
    window = Window(-2, -1, 24, 14)
    small = save(tmp_path / "small.png", np.full((12, 20), 255, np.uint8))
    expected = np.zeros((14, 24), np.float32)
    expected[1:13, 2:22] = 1
    same(read(small, window=window), {"matte": expected})
    large = save(tmp_path / "large.png", np.full((14, 24), 255, np.uint8))
    same(read(large, window=window), {"matte": np.ones((14, 24), np.float32)})


@pytest.mark.parametrize("suffix", ["exr", "png"])
def test_a_matte_of_another_size_is_refused_with_both_sizes(tmp_path, suffix):
    """A proxy-sized matte would be stretched by a guess; the error says both sizes and what to do."""
    path = tmp_path / f"k.{suffix}"
    write(path, noise(6, 10, 1), "half" if suffix == "exr" else "uint8", "A" if suffix == "exr" else "Y")
    text = refusal(path)
    assert "the matte is 10x6, but the plate is 20x12. Write the matte at the plate's full format" in text
    assert "20x12 (24x12 with overscan)" in refusal(path, window=Window(-2, 0, 24, 12))


# Values


def test_values_become_coverage(tmp_path):
    """NaN is 0, infinity 1, and everything else lies between 0 and 1."""
    window = Window(0, 0, 6, 1)
    values = np.array([[np.nan, np.inf, -np.inf, -0.25, 2.0, 0.5]], np.float32)[..., np.newaxis]
    path, _ = exr(tmp_path / "k.exr", "A", values=values)
    same(read(path, display=window), {"matte": np.array([[0, 1, 0, 0, 1, 0.5]], np.float32)})


@pytest.mark.parametrize("value", [0.0, 0.001, np.nan, -1.0])
def test_an_empty_matte_is_refused(tmp_path, value):
    """A matte without anything to see is told with its object, since nothing could be propagated."""
    path, _ = exr(tmp_path / "k.exr", "hero.A", values=np.full((12, 20, 1), value, np.float32))
    assert "the matte of 'hero' is empty" in refusal(path)


def test_a_matte_outside_the_plate_is_empty(tmp_path):
    """Pixels beyond the wanted window do not count."""
    path = write(tmp_path / "k.exr", noise(4, 4, 1), "half", "A", data=(50, 50), display=DISPLAY)
    assert "is empty" in refusal(path)


# Damaged and missing files


def test_a_missing_file_is_told_with_its_frame(tmp_path):
    """The error names file and frame."""
    assert "there is no such file" in refusal(tmp_path / "k.exr")


@pytest.mark.parametrize("kind", ["exr", "png", "palette.png", "jpg"])
def test_a_damaged_file_is_told_with_its_frame(tmp_path, kind):
    """A file cut short is refused, never half a matte taken."""
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


# Grey and RGBA pictures


@pytest.mark.parametrize(("dtype", "levels"), [(np.uint8, 255), (np.uint16, 65535)])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_grey_picture_is_one_soft_object(tmp_path, suffix, dtype, levels):
    """However many levels a soft matte has, it is one object with value / maximum."""
    values = np.linspace(0, levels, 240).astype(dtype).reshape(12, 20)
    found = read(save(tmp_path / f"k.{suffix}", values), default_name="hero")
    same(found, {"hero": (values / np.float64(levels)).astype(np.float32)})


def test_a_jpeg_is_one_soft_object(tmp_path):
    """A grey JPEG is close to what was saved, and one object."""
    ramp = np.repeat(np.linspace(0, 255, 160).astype(np.uint8)[np.newaxis], 80, axis=0)
    for mode in ("L", "RGB"):
        path = tmp_path / f"{mode}.jpg"
        Pillow.fromarray(ramp).convert(mode).save(path, quality=95)
        found = read(path, display=Window(0, 0, 160, 80))
        np.testing.assert_allclose(found["matte"], ramp / 255, atol=0.02)
        assert list(found) == ["matte"]


def rgba(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.dstack([colour, alpha]).astype(np.uint8)


def test_alpha_is_the_matte_where_it_says_something(tmp_path):
    """The alpha of an RGBA picture is read as it is; colours, multiplied or not, do not matter."""
    alpha = np.linspace(0, 255, 240).astype(np.uint8).reshape(12, 20)
    colour = np.random.default_rng(0).integers(0, 256, (12, 20, 3))
    path = save(tmp_path / "k.png", rgba(colour, alpha))
    same(read(path), {"matte": (alpha / 255).astype(np.float32)})
    grey_alpha = save(tmp_path / "la.png", np.dstack([colour[..., 0], alpha]).astype(np.uint8), "LA")
    same(read(grey_alpha), {"matte": (alpha / 255).astype(np.float32)})


def test_grey_is_the_matte_where_alpha_says_nothing(tmp_path):
    """Of an opaque picture the grey is taken."""
    grey = np.linspace(0, 255, 240).astype(np.uint8).reshape(12, 20)
    path = save(tmp_path / "k.png", rgba(np.dstack([grey] * 3), np.full_like(grey, 255)))
    same(read(path), {"matte": (grey / 255).astype(np.float32)})


def test_a_channel_of_a_picture_is_picked(tmp_path):
    """Mattes packed into red, green and blue are objects by channel; one that is absent is told."""
    packed = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
    path = save(tmp_path / "k.png", packed)
    found = read(path, objects={"hero": "R", "bg": "blue"})
    same(found, {"hero": (packed[..., 0] / 255).astype(np.float32), "bg": (packed[..., 2] / 255).astype(np.float32)})
    same(read(path, selector="G"), {"matte": (packed[..., 1] / 255).astype(np.float32)})
    assert "there is no channel 'A' in the file. It has: R, G, B" in refusal(path, selector="A")


def test_a_photograph_is_refused(tmp_path):
    """A picture with more colours than objects could have asks for a channel."""
    path = save(tmp_path / "k.png", np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8))
    assert "the picture is coloured: it does not say what the matte is. Choose a channel" in refusal(path)


# Palette pictures


def palette(path, indices: np.ndarray, colours: list[int], **more):
    picture = Pillow.fromarray(indices.astype(np.uint8), "P")
    picture.putpalette(colours)
    picture.save(path, **more)
    return path


def indexed(path, *indices: int):
    """Write a palette picture with a row of each index below a row of background."""
    values = np.zeros((12, 20), np.uint8)
    for row, index in enumerate(indices, start=1):
        values[row] = index
    colours = np.random.default_rng(7).integers(0, 256, (256, 3))
    colours[0] = 0
    return palette(path, values, colours.ravel().tolist()), values


def test_every_index_is_an_object_by_its_number(tmp_path):
    """Indices survive; 0 is background and 255 the void of data sets."""
    path, values = indexed(tmp_path / "k.png", 1, 7, 3, 255)
    same(read(path), {str(index): (values == index).astype(np.float32) for index in (1, 3, 7)})


def test_indices_are_named(tmp_path):
    """The shot's names come out for the indices it gives, the void too where it is named, and a selector picks one."""
    path, values = indexed(tmp_path / "k.png", 1, 7, 255)
    found = read(path, objects={"hero": 7, "crowd": 255})
    same(found, {"hero": (values == 7).astype(np.float32), "crowd": (values == 255).astype(np.float32)})
    same(read(path, selector="1"), {"1": (values == 1).astype(np.float32)})
    same(read(path, selector="hero", objects={"hero": 7}), {"hero": (values == 7).astype(np.float32)})


@pytest.mark.parametrize("wanted", [{"objects": {"hero": 4}}, {"selector": "4"}, {"selector": "hero"}])
def test_an_unknown_index_lists_those_present(tmp_path, wanted):
    """What is not in the picture is told with what is."""
    path, _ = indexed(tmp_path / "k.png", 1, 7)
    assert "there is no index '" in (text := refusal(path, **wanted))
    assert "It has: 1, 7" in text


def test_colours_of_a_palette_are_named(tmp_path):
    """Those who see colours and no indices name the colours."""
    values = np.repeat(np.arange(12) // 4, 20).reshape(12, 20)
    path = palette(tmp_path / "k.png", values, [0, 0, 0, *RED, *BLUE])
    found = read(path, objects={"hero": "#0000ff"})
    same(found, {"hero": (values == 2).astype(np.float32)})


def test_a_palette_of_background_alone_is_empty(tmp_path):
    """A frame without any object is told."""
    path, _ = indexed(tmp_path / "k.png")
    assert "the matte is empty" in refusal(path)


def test_a_soft_matte_saved_with_a_grey_palette_is_one_object(tmp_path):
    """A program that saves a soft matte with a palette does not make an object of each grey."""
    ramp = np.linspace(0, 255, 240).astype(np.uint8).reshape(12, 20)
    path = palette(tmp_path / "k.png", ramp, [value for value in range(256) for _ in range(3)])
    same(read(path), {"matte": (ramp / 255).astype(np.float32)})


def test_a_soft_matte_saved_with_a_transparent_palette_is_one_object(tmp_path):
    """A palette whose entries differ in their alpha is an RGBA picture."""
    ramp = np.linspace(0, 255, 240).astype(np.uint8).reshape(12, 20)
    path = palette(tmp_path / "k.png", ramp, [255] * 768, transparency=bytes(range(256)))
    same(read(path), {"matte": (ramp / 255).astype(np.float32)})


def test_a_palette_with_too_many_colours_is_refused(tmp_path):
    """A coloured palette of hundreds of entries is a picture, not hundreds of objects."""
    path, _ = (
        palette(
            tmp_path / "k.png",
            np.arange(240).reshape(12, 20),
            np.random.default_rng(0).integers(0, 256, 768).tolist(),
        ),
        None,
    )
    assert "uses 240 indices, which cannot all be objects" in refusal(path)


# ID pictures


def id_picture() -> np.ndarray:
    """Red, green and blue areas on black."""
    pixels = np.zeros((12, 20, 3), np.uint8)
    pixels[1:5, 1:9], pixels[6:11, 1:9], pixels[1:11, 11:19] = RED, GREEN, BLUE
    return pixels


@pytest.mark.parametrize("suffix", ["png", "tga", "tif"])
def test_colours_are_named(tmp_path, suffix):
    """Each named colour is an object, exactly; colours without a name belong to others."""
    pixels = id_picture()
    path = save(tmp_path / f"k.{suffix}", pixels)
    found = read(path, objects={"hero": "#FF0000", "bg": "#0000ff"})
    same(found, {name: (pixels == c).all(-1).astype(np.float32) for name, c in (("hero", RED), ("bg", BLUE))})
    same(read(path, selector="#00ff00"), {"matte": (pixels == GREEN).all(-1).astype(np.float32)})


def test_colours_are_exact_in_16_bits(tmp_path):
    """A colour of 8 bits is found in a picture of 16, where each level is 257 of its own."""
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
    """The error lists the colours, the largest area first, and shows how to name them."""
    text = refusal(save(tmp_path / "k.png", id_picture()))
    assert "such as hero: '#0000ff'. Its flat colours are: #0000ff, #00ff00, #ff0000" in text


def test_an_unknown_colour_lists_those_present(tmp_path):
    """A colour that is a little off is told with the right one first."""
    text = refusal(save(tmp_path / "k.png", id_picture()), objects={"hero": "#FE0000"})
    assert "there is no colour '#fe0000' in the file. It has: #ff0000" in text


def test_an_anti_aliased_id_picture_is_refused(tmp_path):
    """Mixed colours at edges belong to nobody: the matte would have holes there, so the error says what to do."""
    pixels = id_picture()
    pixels[1:5, 8] = (128, 0, 0)
    text = refusal(save(tmp_path / "k.png", pixels), objects={"hero": "#ff0000"})
    assert "4 pixels lie between the flat colours" in text
    assert "without anti-aliasing" in text


# Cryptomatte


def crypto_file(path, mattes, manifest: str | None = "inside", parts: bool = False):
    """Write a Cryptomatte as a renderer would, here without our own encoder: one object a pixel pair."""
    names = list(mattes)
    values = np.zeros((12, 20, 4), np.float32)
    for index, (name, matte) in enumerate(mattes.items()):
        values[..., 2 * index] = np.array(hash_bits(name), np.uint32).view(np.float32)
        values[..., 2 * index + 1] = matte
    listed = json.dumps({name: f"{hash_bits(name):08x}" for name in names})
    attributes = {"cryptomatte/abc1234/name": "CryptoAsset", "cryptomatte/abc1234/hash": "MurmurHash3_32"}
    if manifest == "inside":
        attributes["cryptomatte/abc1234/manifest"] = listed
    elif manifest == "beside":
        attributes["cryptomatte/abc1234/manif_file"] = "names.json"
        (path.parent / "names.json").write_text(listed)
    beauty = noise(12, 20, 4)
    if parts:
        first = spec_of(beauty, "half", "RGBA", attributes={"oiio:subimagename": "beauty", **attributes})
        second = spec_of(values, "float", "RGBA", attributes={"oiio:subimagename": "CryptoAsset00"})
        return write_parts(path, [(first, beauty), (second, values)])
    channels = [*"RGBA", *(f"CryptoAsset00.{channel}" for channel in "rgba")]
    return write(path, np.dstack([beauty, values]), "float", channels, attributes=attributes)


CRYPTO = {"char:hero": SOFT / 2, "prop:cup": SOFT / 4}


@pytest.mark.parametrize("manifest", ["inside", "beside", None])
@pytest.mark.parametrize("parts", [False, True], ids=["one part", "parts"])
def test_objects_of_a_cryptomatte_are_picked_by_name(tmp_path, manifest, parts):
    """With the manifest inside, beside or absent, in one part or in several, a name gives its matte."""
    path = crypto_file(tmp_path / "k.exr", CRYPTO, manifest, parts)
    same(read(path, selector="char:hero"), {"char:hero": CRYPTO["char:hero"]})
    same(read(path, objects={"cup": "prop:cup"}), {"cup": CRYPTO["prop:cup"]})


@pytest.mark.parametrize("manifest", ["inside", "beside"])
def test_a_cryptomatte_without_a_choice_lists_its_objects(tmp_path, manifest):
    """Nothing is guessed; the names are shown."""
    text = refusal(crypto_file(tmp_path / "k.exr", CRYPTO, manifest))
    assert "Choose an object, such as k.exr:char:hero. It has: char:hero, prop:cup" in text


def test_an_unknown_object_lists_the_nearest_first(tmp_path):
    """A typing error is answered with the right name."""
    text = refusal(crypto_file(tmp_path / "k.exr", CRYPTO), selector="prop:cap")
    assert "there is no object 'prop:cap' in the file. It has: prop:cup, char:hero" in text


def test_without_a_manifest_an_unknown_object_is_told(tmp_path):
    """The hash of a name that is in no pixel means that the name is wrong."""
    path = crypto_file(tmp_path / "k.exr", CRYPTO, None)
    assert "there is no object 'cup' in this frame of the file" in refusal(path, selector="cup")
    assert "It carries no manifest of their names" in refusal(path)


def test_an_object_that_this_frame_does_not_show_is_empty(tmp_path):
    """A name in the manifest without a pixel is a keyframe on the wrong frame."""
    path = crypto_file(tmp_path / "k.exr", {"char:hero": SOFT, "prop:cup": SOFT * 0})
    assert "the matte of 'cup' is empty" in refusal(path, objects={"cup": "prop:cup"})


def test_a_plain_channel_of_a_cryptomatte_file_is_picked_too(tmp_path):
    """The beauty's alpha can be the keyframe as well."""
    path = crypto_file(tmp_path / "k.exr", CRYPTO)
    same(read(path, selector="A"), {"matte": noise(12, 20, 4)[..., 3]})


def test_our_own_cryptomatte_reads_back(tmp_path):
    """Cryptomattes that were written are keyframes of the next run, exactly."""
    mattes = {"hero": SOFT / 2, "bg": SOFT / 3}
    writer = MatteWriter(FrameSequence.parse(tmp_path / "m.####.exr"), objects=list(mattes), layout="cryptomatte")
    (path,) = writer.write(1001, mattes, window=DISPLAY, header=FrameHeader(DISPLAY, DISPLAY))
    same(read(path, objects={"hero": "hero", "back": "bg"}), {"hero": mattes["hero"], "back": mattes["bg"]})
