"""The reference page and the code say the same."""

import re
from pathlib import Path

import pytest

import stcn_plugin.presets
from stcn_plugin.presets import load_preset, load_shot
from stcn_plugin.presets.library import builtin_folder
from stcn_plugin.presets.model import SHOT_KEYS
from stcn_plugin.presets.shot_model import ShotFile
from stcn_plugin.presets.wording import accepts, schema_at, settings_of
from stcn_plugin.presets.yaml_source import parse_value

PAGE = (Path(stcn_plugin.presets.__file__).parent / "REFERENCE.md").read_text(encoding="utf-8")
SCHEMA = ShotFile.model_json_schema()
ENTRIES = dict(re.findall(r"^#### `([\w.]+)`\n\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL))
EXAMPLES = re.findall(r"^```yaml\n(# (\S+\.yaml)\n.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def entry(key):
    """Return the schema node of a dotted key."""
    return schema_at(SCHEMA, tuple(key.split(".")))


def test_the_page_has_every_key_and_no_other():
    """A setting that is added, renamed or removed must change the page too."""
    assert set(ENTRIES) == set(settings_of(SCHEMA))


@pytest.mark.parametrize("key", settings_of(SCHEMA))
def test_each_entry_has_the_default_and_the_meaning_of_the_code(key):
    """Defaults are compared as values, meanings word by word."""
    node, text = entry(key), ENTRIES[key]
    assert f"\n{node['description']}\n" in text
    if "default" in node:
        written = re.match(r"Default `(.*?)`\. Accepts ", text)[1]
        default = node["default"]
        assert parse_value(written) == (int(default) if key == "size" else default)
    elif key in SCHEMA["required"]:
        assert text.startswith("Required.\n")
    else:
        assert (key, text[:12]) == ("objects", "Default `{}`")


@pytest.mark.parametrize("key", [key for key in settings_of(SCHEMA) if key not in SHOT_KEYS])
def test_each_setting_says_what_it_accepts(key):
    """The page's words are those of the error messages."""
    accepted = re.match(r"Default `.*?`\. Accepts (.*?)\.\n", ENTRIES[key])[1]
    assert accepted.removesuffix(", or null") == accepts(SCHEMA, entry(key))


@pytest.mark.parametrize(("text", "name"), EXAMPLES, ids=[name for _, name in EXAMPLES])
def test_every_example_loads(text, name, tmp_path):
    """What the page shows can be copied."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    if "\nplate:" in text:
        assert load_shot(tmp_path / name, search_path=()).keyframes
    else:
        assert load_preset(tmp_path / name, search_path=()) != load_preset("default", search_path=())


def test_every_yaml_block_is_an_example_that_is_loaded():
    """No block escapes the test above for want of a file name."""
    assert len(EXAMPLES) == PAGE.count("```yaml") >= 4


def test_the_page_names_every_built_in_preset():
    """The table of built-in presets is complete."""
    listed = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert listed == {path.stem for path in builtin_folder().glob("*.yaml")}
