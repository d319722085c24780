"""Keyframes in EXR files: channels, layers, parts, and the objects of a Cryptomatte."""

from __future__ import annotations

import json

import numpy as np
import pytest
from keyframe_files import DISPLAY, exr, read, refusal, same
from picture_files import noise, spec_of, write, write_parts

from stcn_plugin.media.cryptomatte import hash_bits
from stcn_plugin.media.mattes import MatteWriter
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import FrameHeader

SOFT = noise(12, 20, 1)[..., 0]


# Channels and layers


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
    same(read(path, only_name="hero"), {"hero": channels[channel]})


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
