"""The settings: defaults, accepted forms, JSON schema."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from stcn_plugin.presets import Preset, list_presets, load_preset
from stcn_plugin.shot import json_schema


@pytest.mark.parametrize(
    ("written", "kept"),
    [(480, "480"), ("480", "480"), ("Native", "native"), ("0.5MP", "0.5MP"), ("0.5 mp", "0.5MP"), ("2MP", "2MP")],
)
def test_size_accepts_its_three_forms(written, kept):
    """A size is normalised to one spelling."""
    assert Preset(size=written).size == kept


@pytest.mark.parametrize("written", [True, 63, "480p", -480, 480.0, "0.001MP", "", None, [480]])
def test_size_refuses_everything_else(written):
    """Anything but the three forms is an error."""
    with pytest.raises(ValidationError):
        Preset(size=written)


def test_all_means_no_limit():
    """`all` and None are the same limit."""
    assert Preset.model_validate({"memory": {"top_k": "all"}}).memory.top_k is None
    assert Preset.model_validate({"memory": {"max_frames": None}}).memory.max_frames is None


@pytest.mark.parametrize(
    "settings",
    [
        {"memory": {"interval": True}},
        {"memory": {"interval": "5"}},
        {"memory": {"include_last": 1}},
        {"matte": {"black": True}},
        {"matte": {"black": float("nan")}},
        {"matte": {"black": 0.5, "white": 0.5}},
        {"compute": {"device": "cuda:x"}},
        {"compute": {"threads": 0}},
    ],
)
def test_values_of_a_wrong_kind_are_refused(settings):
    """Booleans and text are not numbers, and bounds are checked."""
    with pytest.raises(ValidationError):
        Preset.model_validate(settings)


def test_settings_are_frozen():
    """Shared presets cannot be modified."""
    preset = Preset()
    with pytest.raises(ValidationError):
        preset.memory.interval = 3


def test_builtin_default_lists_every_default():
    """The file with all settings agrees with the code."""
    assert load_preset("default", search_path=()) == Preset()


def test_builtin_presets_change_the_expected_settings():
    """Each built-in preset loads, and differs from `default` as its name implies."""
    draft, hero, long_shot = (load_preset(name, search_path=()) for name in ("draft", "hero", "long_shot"))
    assert int(draft.size) < 480 < int(hero.size)
    assert hero.memory.interval < 5 < draft.memory.interval
    assert draft.memory.max_frames < Preset().memory.max_frames
    assert long_shot.memory.interval > 5
    assert long_shot.memory.max_frames is not None
    assert [info.name for info in list_presets(())] == ["default", "draft", "hero", "long_shot"]
    assert all(info.description for info in list_presets(()))


def test_schema_describes_every_key_and_form():
    """An editor sees descriptions, enums and each form that a value may take."""
    schema = json_schema("preset")
    memory = schema["$defs"]["Memory"]["properties"]
    assert memory["top_k"]["anyOf"] == [{"type": "integer", "minimum": 1}, {"const": "all"}]
    assert schema["$defs"]["Output"]["properties"]["layout"]["enum"] == ["auto", "layers", "per_object", "cryptomatte"]
    assert schema["properties"]["size"]["anyOf"][:2] == [{"type": "integer", "minimum": 64}, {"const": "native"}]
    groups = [schema, *schema["$defs"].values()]
    for group in groups:
        assert group["additionalProperties"] is False
        for key, setting in group["properties"].items():
            assert "$ref" in setting or setting["description"], key


def test_shot_schema_adds_the_keys_of_a_shot():
    """The shot schema has all of the preset's keys and the three forms of a keyframe."""
    preset, shot = json_schema("preset")["properties"], json_schema("shot")["properties"]
    assert set(shot) - set(preset) == {"plate", "range", "keyframes", "objects", "out"}
    text, group, several = shot["keyframes"]["additionalProperties"]["anyOf"]
    assert text == {"type": "string"}
    assert set(group["properties"]) == {"file", "objects"}
    assert several["items"]["anyOf"] == [text, group]


def test_import_loads_neither_torch_nor_openimageio():
    """Presets are read by hosts and by `stcn --help`; heavy packages are not imported."""
    code = (
        "import sys, stcn_plugin.presets, stcn_plugin.cli.presets;"
        "print([name for name in ('torch', 'OpenImageIO', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
