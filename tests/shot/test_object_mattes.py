"""Matte settings of single objects in a shot file."""

from __future__ import annotations

import pytest

from stcn_plugin import load_shot
from stcn_plugin.config.wording import keys_at, schema_at
from stcn_plugin.errors import PresetError
from stcn_plugin.presets.matte import Matte
from stcn_plugin.shot.layers import ShotLayers, keys_layer
from stcn_plugin.shot.schema import json_schema
from stcn_plugin.shot.writer import save_shot

SHOT = "plate: p.####.exr\nout: m.####.exr\nkeyframes:\n  1001: {file: k.exr, objects: [hero, ball]}\n"


@pytest.fixture
def load(tmp_path):
    """Load a shot file with some lines, and overrides."""

    def load(lines, *overrides):
        path = tmp_path / "a.yaml"
        path.write_text(SHOT + lines)
        return load_shot(path, overrides=overrides, search_path=())

    return load


def test_settings_are_the_shots_overridden_by_the_objects(load):
    """Whatever is left out comes from the shot."""
    shot = load(
        "matte: {black: 0.1, grow: 2}\n"
        "objects:\n  hero: {range: 1001-1060, matte: {grow: -1.5, feather_side: inside}}\n  ball: 1001-1010\n"
    )
    assert shot.matte_settings("hero") == Matte(black=0.1, grow=-1.5, feather_side="inside")
    assert shot.matte_settings("ball") == shot.matte_settings("unlisted") == Matte(black=0.1, grow=2)
    assert shot.objects["hero"].ranges == (range(1001, 1061),)


def test_a_default_value_overrides_too(load):
    """An object can go back to no growth."""
    shot = load("matte: {grow: 2}\nobjects: {hero: {matte: {grow: 0}}}\n")
    assert shot.matte_settings("hero") == Matte()


@pytest.mark.parametrize(("written", "value"), [("off", "off"), ("auto", "auto"), ("0.5", 0.5), ("1", 1.0), ("0", 0.0)])
def test_stabilise_is_a_word_or_a_strength(load, written, value):
    """YAML reads `off` as a boolean."""
    assert load(f"objects: {{hero: {{matte: {{stabilise: {written}}}}}}}\n").matte_settings("hero").stabilise == value
    assert load("", f"matte.stabilise={written}").matte_settings("ball").stabilise == value


def test_levels_are_checked_together(load):
    """Black alone may be above the default of white, but not above the white of the shot."""
    assert load("matte: {white: 0.95}\nobjects: {hero: {matte: {black: 0.9}}}\n").matte_settings("hero").black == 0.9
    with pytest.raises(PresetError) as caught:
        load("objects:\n  hero:\n    matte: {black: 0.9}\n")
    assert "objects.hero.matte: black (0.9) must be below white (0.85)" in str(caught.value)
    assert "a.yaml:7" in str(caught.value)


@pytest.mark.parametrize(
    ("matte", "words"),
    [
        ("{grow: 101}", ["objects.hero.matte.grow", "at least -100 and at most 100", "101"]),
        ("{grow: much}", ["objects.hero.matte.grow", "a number", "much"]),
        ("{stabilise: 1.5}", ["objects.hero.matte.stabilise", "1.5"]),
        ("{stabilise: sometimes}", ["objects.hero.matte.stabilise", "'sometimes'"]),
        ("{feather: -1}", ["objects.hero.matte.feather", "at least 0", "-1"]),
        ("{fill_holes: yes}", ["objects.hero.matte.fill_holes", "a number", "yes"]),
        ("{feather_side: insde}", ["objects.hero.matte.feather_side", "both, inside or outside", "'inside'"]),
        ("{gorw: 1}", ["objects.hero.matte.gorw", "no such setting", "'grow'"]),
        ("5", ["objects.hero.matte", "a group with the keys stabilise, edges, black, white", "5"]),
    ],
)
def test_errors_name_the_setting(load, matte, words):
    """And the values that it accepts."""
    with pytest.raises(PresetError) as caught:
        load(f"objects:\n  hero: {{matte: {matte}}}\n")
    for word in ["a.yaml:6", *words]:
        assert word in str(caught.value)


def test_a_saved_shot_has_the_settings_of_its_objects(load, tmp_path):
    """Only those that the objects set; objects without any are written in short."""
    lines = "objects:\n  hero: {matte: {grow: 0.0, fill_holes: 20}}\n  ball: {range: 1001-1010, matte: {white: 0.7}}\n"
    shot = load(f"{lines}matte: {{grow: 1}}\n")
    again = load_shot(save_shot(shot, tmp_path / "b.yaml", search_path=()), search_path=())
    assert {name: span.matte_keys for name, span in again.objects.items()} == {
        "hero": {"grow": 0.0, "fill_holes": 20},
        "ball": {"white": 0.7},
    }
    assert again.objects["ball"].range == "1001-1010"
    assert again.matte_settings("hero") == shot.matte_settings("hero") == Matte(fill_holes=20)


def test_set_reaches_an_object(load):
    """Above what the file has."""
    lines = "objects: {hero: {range: 1001-1005, matte: {grow: 2, feather: 3}}}\n"
    shot = load(lines, "objects.hero.matte.grow=-1")
    assert shot.matte_settings("hero") == Matte(grow=-1, feather=3)
    assert shot.objects["hero"].range == "1001-1005"


@pytest.mark.parametrize(("span", "expected"), [("1002-1004", "1002-1004"), (None, None)])
def test_a_range_of_an_argument_keeps_the_matte_settings(tmp_path, span, expected):
    """Of the object in the shot file, whose range it replaces."""
    path = tmp_path / "a.yaml"
    path.write_text(f"{SHOT}objects: {{hero: {{range: 1001-1005, matte: {{grow: 2}}}}, ball: 1001-1003}}\n")
    above = keys_layer(plate=None, out=None, range=None, objects={"hero": span, "ball": span})
    shot = ShotLayers.read(path, above, search_path=()).shot()
    assert (shot.objects["hero"].range, shot.objects["ball"].range) == (expected, expected)
    assert shot.matte_settings("hero") == Matte(grow=2)


def test_the_schema_has_the_keys_without_defaults():
    """Because the default is the shot's value."""
    schema = json_schema("shot")
    path = ("objects", "hero", "matte")
    assert set(keys_at(schema, path)) == set(Matte.model_fields)
    for key in Matte.model_fields:
        node = dict(schema_at(schema, (*path, key)))
        wanted = dict(schema_at(schema, ("matte", key)))
        assert wanted.pop("default") is not None
        assert node == wanted
    assert "$ref" not in str(schema_at(schema, ("objects",)))
