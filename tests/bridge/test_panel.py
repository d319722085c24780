"""The settings in panels: their bounds and choices are those of the presets, and text fields keep the rest."""

from __future__ import annotations

from typing import get_args

import pytest
import yaml

from stcn_plugin.bridge.job import Setting
from stcn_plugin.bridge.panel import PANEL_SETTINGS, SETTINGS_BY_KEY, panel_settings, split_settings
from stcn_plugin.errors import PresetError
from stcn_plugin.presets.model import Preset


def schema_of(key: str) -> dict:
    """The JSON schema of a setting."""
    schema = Preset.model_json_schema()
    found = schema
    for part in key.split("."):
        found = found["properties"][part]
        while "$ref" in found:
            found = schema["$defs"][found["$ref"].rpartition("/")[2]]
    return found


def preset_with(key: str, text: str) -> Preset:
    """A preset with one setting, as YAML has it."""
    data = yaml.safe_load(text)
    for part in reversed(key.split(".")):
        data = {part: data}
    return Preset.model_validate(data)


@pytest.mark.parametrize("setting", PANEL_SETTINGS, ids=lambda setting: setting.key)
def test_a_field_accepts_what_the_setting_accepts(setting):
    """All its choices, both of its bounds, and its default."""
    schema = schema_of(setting.key)
    if setting.choices:
        if "enum" in schema:  # the stabiliser also has a strength, which the text field takes
            assert {name for name, _ in setting.choices} == set(schema["enum"])
        values = [name for name, _ in setting.choices]
    elif setting.is_number:
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        assert (setting.minimum, setting.maximum) == pytest.approx((low, high), abs=0.011)
        values = [setting.default]
        for bound in (setting.minimum, setting.maximum):
            if (setting.key, bound) not in (("matte.black", setting.maximum), ("matte.white", setting.minimum)):
                preset_with(setting.key, setting.text(bound))  # black must be below white
    else:
        assert schema["type"] == "boolean"
        values = [True, False]
    for value in values:
        preset_with(setting.key, setting.text(value))
        assert setting.value(setting.text(value)) == value


def test_names_and_labels_differ():
    """They name knobs and properties."""
    assert (
        len({each.name for each in PANEL_SETTINGS})
        == len({each.label for each in PANEL_SETTINGS})
        == len(PANEL_SETTINGS)
    )
    assert all(each.name.isidentifier() for each in PANEL_SETTINGS)


def test_the_text_field_overrides_the_fields():
    """Errors name the field, or the text."""
    found = panel_settings({"matte.grow": -1.5, "matte.edges": "off"}, "matte.grow=2 size=720", place="STCN panel")
    assert found == {
        "matte.edges": Setting("off", "STCN panel, Edges", is_yaml=True),
        "matte.grow": Setting("2", "STCN panel, Settings matte.grow=2", is_yaml=True),
        "size": Setting("720", "STCN panel, Settings size=720", is_yaml=True),
    }


def test_a_panel_is_filled_in_from_its_settings():
    """Values that no field can show stay in the text, quoted where needed."""
    values, more = (
        {"matte.grow": -1.5, "output.confidence": True, "window": "frame"},
        "'read.layer=my layer' matte.black=2",
    )
    found = panel_settings(values, more, place="panel")
    assert split_settings(found) == (values, more)
    again = panel_settings(*split_settings(found), place="panel")
    assert {key: each.value for key, each in again.items()} == {key: each.value for key, each in found.items()}


@pytest.mark.parametrize("text", ["size", "'size=3", "=4"])
def test_invalid_text_is_an_error(text):
    with pytest.raises(PresetError) as caught:
        panel_settings({}, text, place="STCN panel")
    assert text.strip("'") in f"{caught.value.where}"


def test_every_choice_of_the_presets_is_offered():
    """A new choice of a setting needs a label here."""
    from stcn_plugin.choices import Edges, FeatherSide, WindowChoice

    for key, choices in (("matte.edges", Edges), ("matte.feather_side", FeatherSide), ("window", WindowChoice)):
        assert {name for name, _ in SETTINGS_BY_KEY[key].choices} == set(get_args(choices))
