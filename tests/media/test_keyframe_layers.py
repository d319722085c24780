"""Keyframes in EXR files: channels, layers, parts, and the objects of a Cryptomatte."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from keyframe_files import DISPLAY, empties, exr, read, refusal, same
from picture_files import noise, spec_of, write_parts

from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import FrameHeader

SOFT = noise(12, 20, 1)[..., 0]


# Channels and layers


def test_every_layer_of_a_single_matte_channel_is_an_object(tmp_path):
    """Layers with one matte channel, in any spelling, are objects; RGBA and colour layers are not."""
    names = ("R", "G", "B", "A", "hero.A", "arm.alpha", "leg.Y", "hat.V", "dog.a", "spec.R", "spec.G", "spec.B", "z.Z")
    path, channels = exr(tmp_path / "k.exr", *names)
    found = read(path)
    assert sorted(found) == ["arm", "dog", "hat", "hero", "leg"]
    np.testing.assert_array_equal(found["hero"], channels["hero.A"])
    np.testing.assert_array_equal(found["arm"], channels["arm.alpha"])


def test_our_own_layers_read_back_by_name(tmp_path):
    """Written mattes can be used as keyframes, exactly."""
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
def test_selecting_a_channel_or_layer(tmp_path, selector, name, channel):
    """A selector is a channel or layer in the notation of EXR or Nuke; the layer names the object."""
    names = ("R", "G", "B", "A", "hero.A", "spec.R", "spec.G", "spec.B", "spec.A", "holdout", "view.arm.X")
    path, channels = exr(tmp_path / "k.exr", *names)
    same(read(path, selector=selector), {name: channels[channel]})


def test_objects_are_selected_and_renamed(tmp_path):
    """The result has the names and the order of the shot, and nothing else."""
    path, channels = exr(tmp_path / "k.exr", "A", "hero.A", "bg.A")
    same(read(path, objects={"two": "bg", "one": "hero.A"}), {"two": channels["bg.A"], "one": channels["hero.A"]})
    same(read(path, objects={"two": "bg", "one": "hero.A"}, selector="two"), {"two": channels["bg.A"]})
    same(read(path, objects={"two": "bg", "one": "hero.A"}, selector="hero.A"), {"one": channels["hero.A"]})


@pytest.mark.parametrize(
    ("names", "channel"),
    [("RGBA", "A"), ("A", "A"), ("Y", "Y"), ("YA", "A"), ("Z", "Z"), (["roto"], "roto"), (["R", "G", "B", "A"], "A")],
)
def test_a_file_without_object_layers_is_one_object(tmp_path, names, channel):
    """The unnamed alpha, or the only channel, is one soft matte with the default name."""
    path, channels = exr(tmp_path / "k.exr", *names)
    same(read(path, only_name="hero"), {"hero": channels[channel]})


def test_a_lone_channel_in_a_layer_names_the_object(tmp_path):
    """A file whose only channel is in a layer needs no selector."""
    path, channels = exr(tmp_path / "k.exr", "hero.Z")
    same(read(path), {"hero": channels["hero.Z"]})


@pytest.mark.parametrize("names", ["RGB", "RGBA"])
def test_grey_is_the_matte_if_alpha_is_constant(tmp_path, names):
    """White on black without alpha, or with an alpha of 1 everywhere."""
    values = np.repeat(SOFT[..., np.newaxis], len(names), axis=-1)
    values[..., 3:] = 1
    path, _ = exr(tmp_path / "k.exr", *names, values=values)
    same(read(path), {"matte": SOFT})


def test_grey_survives_lossy_compression(tmp_path):
    """DWA makes R, G and B differ slightly; the matte is still grey and soft."""
    values = np.repeat(np.linspace(0, 1, 240, dtype=np.float32).reshape(12, 20, 1), 3, axis=-1)
    path, _ = exr(tmp_path / "k.exr", *"RGB", values=values, attributes={"compression": "dwaa"})
    np.testing.assert_allclose(read(path)["matte"], values[..., 0], atol=0.02)


@pytest.mark.parametrize(
    "names", [["R", "G", "B"], ["spec.R", "spec.G", "spec.B"], ["spec.R", "spec.G", "spec.B", "Z"]]
)
def test_a_picture_in_colour_asks_for_a_channel(tmp_path, names):
    """A plate used as a matte is rejected, and its channels are listed."""
    path, _ = exr(tmp_path / "k.exr", *names)
    assert "Choose a channel or layer, such as k.exr:" in (text := refusal(path))
    assert all(name in text for name in names)


def test_an_unknown_channel_has_suggestions(tmp_path):
    """The error lists the channels, similar names first."""
    path, _ = exr(tmp_path / "k.exr", "A", "bg.A", "hero.A")
    text = refusal(path, selector="heros.A")
    assert "there is no channel or layer 'heros.A' in the file. It has: hero.A, " in text
    assert "bg.A" in text


@pytest.mark.parametrize("stored", ["A", "prefixed"])
def test_parts_of_a_multi_part_file_are_layers(tmp_path, stored):
    """A part with one channel is an object with the name of the part, whether or not the channel repeats it."""
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


@pytest.mark.parametrize(
    "names", ["RGBA", ["rgba.R", "rgba.G", "rgba.B", "rgba.A"], ["rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"]]
)
@pytest.mark.parametrize("selector", [None, "rgba", "rgba.alpha", "A", "rgb"])
def test_the_layer_called_rgba_is_the_main_one(tmp_path, names, selector):
    """Nuke uses this name for the unnamed layer, and may write it."""
    path, channels = exr(tmp_path / "k.exr", *names)
    same(read(path, selector=selector), {"matte": channels[names[3]]})


@pytest.mark.parametrize(("stored", "wanted"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_name_in_another_normal_form(tmp_path, stored, wanted):
    """Names that look the same are the same: of a layer, and of an object of a Cryptomatte. They are read in NFC."""
    name = "h\u00e9ro"
    asked = unicodedata.normalize(wanted, name)
    path, channels = exr(tmp_path / "k.exr", f"{unicodedata.normalize(stored, name)}.A", "R", "G", "B")
    matte = next(iter(channels.values()))
    same(read(path), {name: matte})
    same(read(path, objects={"hero": asked}), {"hero": matte})
    same(read(path, selector=f"{asked}.A"), {name: matte})
    writer = MatteWriter(FrameSequence.parse(tmp_path / "c.####.exr"), objects=[asked], layout="cryptomatte")
    (path,) = writer.write(1001, {asked: SOFT}, window=DISPLAY, header=FrameHeader(DISPLAY, DISPLAY))
    same(read(path, objects={"hero": unicodedata.normalize(stored, name)}), {"hero": SOFT})


@pytest.mark.parametrize("channel", ["red", "R", "r"])
def test_a_layer_of_one_red_channel_is_an_object(tmp_path, channel):
    """Nuke creates layers with red first; depth is excluded, and an alpha elsewhere takes precedence."""
    path, channels = exr(tmp_path / "k.exr", *"RGBA", f"hero.{channel}", f"depth.{channel}")
    same(read(path), {"hero": channels[f"hero.{channel}"]})
    path, channels = exr(tmp_path / "a.exr", *"RGBA", f"hero.{channel}", "bg.A")
    same(read(path), {"bg": channels["bg.A"]})


def test_names_in_an_error_are_harmless_to_a_terminal(tmp_path):
    """Control characters in layer names are escaped."""
    path, _ = exr(tmp_path / "k.exr", "he\x1b[2Jro\x07.A", "bg.A")
    text = refusal(path, selector="heero")
    assert text.isprintable()
    assert "he\\x1b[2Jro\\x07.A" in text


def test_render_passes_are_not_objects(tmp_path):
    """Blender writes depth and mist as single-channel layers, like mattes."""
    names = ("ViewLayer.Depth.V", "ViewLayer.Mist.Z", "ViewLayer.IndexOB.X", "ViewLayer.Mask.V")
    path, channels = exr(tmp_path / "k.exr", *names)
    same(read(path), {"ViewLayer.Mask": channels["ViewLayer.Mask.V"]})
    same(read(path, selector="ViewLayer.Depth"), {"ViewLayer.Depth": channels["ViewLayer.Depth.V"]})


@pytest.mark.parametrize("name", ["mist", "confidence", "ViewLayer.Depth"])
def test_an_object_may_have_the_name_of_a_render_pass(tmp_path, name):
    """A layer whose only channel is alpha is an object, whatever its name."""
    path, channels = exr(tmp_path / "k.exr", f"{name}.A", "hero.A")
    same(read(path), {layer: channels[f"{layer}.A"] for layer in sorted([name, "hero"])})


@pytest.mark.parametrize(
    ("names", "first"),
    [
        (["B", "G", "R", "Z"], "B"),
        (["spec.R", "spec.G", "spec.B", "spec.A", "diff.R", "diff.G", "diff.B"], "spec.A"),
        (
            ["ViewLayer.Combined.R", "ViewLayer.Combined.G", "ViewLayer.Combined.B", "ViewLayer.Combined.A"],
            "ViewLayer.Combined.A",
        ),
        (["x.R", "x.G", "x.B", "y.red", "y.green", "y.alpha"], "y.alpha"),
    ],
)
def test_suggestions_put_alpha_first(tmp_path, names, first):
    """Likely mattes come before colours in the example and the list."""
    path, _ = exr(tmp_path / "k.exr", *names)
    text = refusal(path)
    first = first if "." in first else "R"
    assert f"Choose a channel or layer, such as k.exr:{first}. It has: {first}, " in text
    assert f"It has: {first}, " in refusal(path, selector="nothing like it")


# Cryptomatte; more of them in test_cryptomatte_files


def test_our_own_cryptomatte_reads_back(tmp_path):
    """Written Cryptomattes can be used as keyframes, exactly."""
    mattes = {"hero": SOFT / 2, "bg": SOFT / 3}
    writer = MatteWriter(FrameSequence.parse(tmp_path / "m.####.exr"), objects=list(mattes), layout="cryptomatte")
    (path,) = writer.write(1001, mattes, window=DISPLAY, header=FrameHeader(DISPLAY, DISPLAY))
    same(read(path, objects={"hero": "hero", "back": "bg"}), {"hero": mattes["hero"], "back": mattes["bg"]})


def test_an_object_that_this_frame_does_not_show_is_empty(tmp_path):
    """A name in the manifest without pixels is an object that is absent."""
    mattes = {"hero": SOFT, "cup": SOFT * 0}
    writer = MatteWriter(FrameSequence.parse(tmp_path / "m.####.exr"), objects=list(mattes), layout="cryptomatte")
    (path,) = writer.write(1001, mattes, window=DISPLAY, header=FrameHeader(DISPLAY, DISPLAY))
    assert empties(path, objects={"mug": "cup"}) == (("mug",), False)


@pytest.mark.parametrize("wanted", [{}, {"selector": "cupp"}])
def test_a_cryptomatte_asks_for_an_object(tmp_path, wanted):
    """The error lists the names, similar ones first."""
    mattes = {"char:hero": SOFT / 2, "prop:cup": SOFT / 4}
    writer = MatteWriter(FrameSequence.parse(tmp_path / "m.####.exr"), objects=list(mattes), layout="cryptomatte")
    (path,) = writer.write(1001, mattes, window=DISPLAY, header=FrameHeader(DISPLAY, DISPLAY))
    known = "It has: prop:cup, char:hero" if wanted else "such as m.1001.exr:char:hero. It has: char:hero, prop:cup"
    assert known in refusal(path, **{key: f"prop:{value}" for key, value in wanted.items()})
