"""The page of the settings, read as a person would read it, and the code say the same."""

import re

import pytest
from docs.pages import DOCS

from stcn_plugin.config.wording import accepts, schema_at, settings_of
from stcn_plugin.config.yaml_source import parse_value
from stcn_plugin.presets.library import builtin_folder
from stcn_plugin.presets.model import SHOT_KEYS, Preset
from stcn_plugin.shot.model import ShotFile

PAGE = (DOCS / "reference" / "settings.md").read_text("utf-8")
GUIDE = (DOCS / "how-to" / "presets-and-shot-files.md").read_text("utf-8")
SCHEMA = ShotFile.model_json_schema()
ENTRIES = dict(re.findall(r"^#### `([\w.]+)`\n\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL))


def entry(key):
    """Return the schema node of a dotted key."""
    return schema_at(SCHEMA, tuple(key.split(".")))


def test_the_page_has_every_key_and_no_other():
    """The page has to change with the settings."""
    assert set(ENTRIES) == set(settings_of(SCHEMA))


@pytest.mark.parametrize("key", settings_of(SCHEMA))
def test_each_entry_has_the_default_and_the_meaning_of_the_code(key):
    """Defaults are compared as values, meanings word by word."""
    node, text = entry(key), ENTRIES[key]
    assert f"\n{node['description']}\n" in text
    if "default" in node:
        written = re.match(r"Default `(.*?)`\.", text)[1]
        default = node["default"]
        # YAML reads `off` as a boolean; settings that take it accept both.
        value = "off" if default == "off" and parse_value(written) is False else parse_value(written)
        assert value == (int(default) if key == "size" else default)
    elif key in SCHEMA["required"]:
        assert text.startswith("Required.\n")
    else:
        assert (key, text[:12]) == ("objects", "Default `{}`")


@pytest.mark.parametrize("key", [key for key in settings_of(SCHEMA) if key not in SHOT_KEYS])
def test_each_setting_says_what_it_accepts(key):
    """In the words of the error messages, with values in code format."""
    accepted = re.match(r"Default `.*?`\. Accepts (.*?)\.\n", ENTRIES[key])[1]
    expected = accepts(SCHEMA, entry(key)).replace("'", "").removeprefix("one of ")
    assert accepted.removesuffix(", or `null`").replace("`", "") == expected


@pytest.mark.parametrize("key", settings_of(Preset.model_json_schema()))
def test_each_setting_says_when_to_change_it(key):
    """In a second paragraph; the first one fits a tooltip."""
    default_line, meaning, *advice = ENTRIES[key].strip().split("\n\n")
    assert default_line.startswith("Default `")
    assert meaning == entry(key)["description"]
    assert len(meaning) < 250
    assert advice


def test_the_guide_names_every_built_in_preset():
    """The table of built-in presets is complete."""
    listed = set(re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE))
    assert listed == {path.stem for path in builtin_folder().glob("*.yaml")}
