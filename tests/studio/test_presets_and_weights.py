"""Presets and weights of plugins: precedence and checks."""

from __future__ import annotations

from pathlib import Path

import pytest
from job.conftest import STARTER

from stcn_plugin import load_preset
from stcn_plugin.errors import PluginError, PresetError, WeightsError
from stcn_plugin.presets.library import builtin_folder, list_presets
from stcn_plugin.studio import builtin_hooks, preset_search_path, studio_hooks, weights_store


def preset(folder: Path, name: str, interval: int) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(f"description: of {folder.name}\nmemory: {{interval: {interval}}}\n")
    return folder


def test_preset_folders_of_plugins_come_before_the_built_in_ones(hooks, tmp_path, monkeypatch):
    """STCN_PRESET_PATH has precedence over plugins, and plugins over built-in presets; missing folders are ignored."""
    shown = preset(preset(tmp_path / "show", "both", 3), "mine", 4)
    plugin = preset(preset(preset(tmp_path / "plugin", "both", 7), "theirs", 8), "draft", 9)
    monkeypatch.setenv("STCN_PRESET_PATH", str(shown))
    folders = preset_search_path(hooks({"stcn_preset_folders": lambda: [plugin, tmp_path / "absent"]}))
    assert folders == (shown, plugin, tmp_path / "absent", builtin_folder())
    found = {info.name: info.layer for info in list_presets(folders)}
    assert found == {
        "both": str(shown), "mine": str(shown), "theirs": str(plugin), "draft": str(plugin),
        "default": "built-in", "hero": "built-in", "long_shot": "built-in",
    }  # fmt: skip
    intervals = {name: load_preset(name, search_path=folders).memory.interval for name in ("both", "mine", "theirs")}
    assert intervals == {"both": 3, "mine": 4, "theirs": 8}
    with pytest.raises(PresetError, match="there is no preset 'theirs'"):
        load_preset("theirs")


def test_the_built_in_plugin_has_the_presets_and_weights_of_the_package(monkeypatch):
    """Without plugins, there are only the presets and weights of the package."""
    monkeypatch.delenv("STCN_PRESET_PATH", raising=False)
    studio = builtin_hooks()
    assert studio.names == ("built-in",)
    assert preset_search_path(studio) == (builtin_folder(),)
    assert list_presets(preset_search_path(studio)) == list_presets()
    assert weights_store(studio).path("starter").samefile(STARTER)


def test_weights_of_plugins_are_added_to_the_store(hooks, tmp_path):
    """The folder has precedence; all are listed; those of a plugin cannot be removed."""
    store = tmp_path / "store"
    store.mkdir()
    for file in (store / "both.safetensors", tmp_path / "show.safetensors", tmp_path / "other.safetensors"):
        file.write_bytes(STARTER.read_bytes())
    named = {"both": tmp_path / "other.safetensors", "show": tmp_path / "show.safetensors"}
    weights = weights_store(hooks({"stcn_weights_files": lambda: named}), store)
    assert [(entry.name, entry.variant) for entry in weights.entries()] == [
        ("starter", "lite"), ("starter-free", "light"), ("both", "lite"), ("show", "lite"),
    ]  # fmt: skip
    assert weights.path("both") == store / "both.safetensors"
    assert weights.path("show") == named["show"]
    with pytest.raises(WeightsError, match="'show' belongs to a studio plugin"):
        weights.remove("show")
    named["show"].unlink()
    with pytest.raises(WeightsError, match="the weights 'show' of a studio plugin are not on disk"):
        weights.path("show")


def test_the_plugin_loaded_last_has_precedence(hooks, tmp_path):
    """If two plugins use the same name for weights, that of the plugin loaded last is used."""
    studio = hooks(
        {"stcn_weights_files": lambda: {"show": STARTER}},
        {"stcn_weights_files": lambda: {"show": tmp_path / "later.safetensors"}},
    )
    assert weights_store(studio, tmp_path).entry("show").path == tmp_path / "later.safetensors"


@pytest.mark.parametrize(
    ("hook", "answer", "message"),
    [
        ("stcn_preset_folders", lambda: "/presets", "returned a str, not a list of folders"),
        ("stcn_preset_folders", lambda: [3], "returned a list with an int in it"),
        ("stcn_preset_folders", lambda: 1 / 0, r"failed \(ZeroDivisionError: division by zero\)"),
        ("stcn_weights_files", lambda: [STARTER], "returned a list, not a mapping of names to files"),
        ("stcn_weights_files", lambda: {"show": 3}, "returned a str and an int, not a name and a file"),
        ("stcn_weights_files", lambda: {"starter": STARTER}, "returned the name 'starter', which is reserved"),
        ("stcn_weights_files", lambda: {"show": "w.pth"}, "returned 'show' with a file that is not .safetensors: w.pth.*stcn weights add w.pth"),
        ("stcn_weights_files", lambda: {}["x"], r"failed \(KeyError: 'x'\)"),
    ],
)  # fmt: skip
def test_an_invalid_result_names_the_plugin(hooks, hook, answer, message):
    """Results that are not folders or weights are reported with plugin and hook."""
    look_up = preset_search_path if hook == "stcn_preset_folders" else weights_store
    with pytest.raises(PluginError, match=rf"^plugin p0: its hook {hook} {message}"):
        look_up(hooks({hook: answer}))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def stcn_shot_begun(): pass", "stcn_shot_begun"),
        ("def stcn_frame_written(frames): pass", "frames"),
        ("raise OSError('no licence')", "the plugin does not load .*OSError: no licence"),
    ],
)
def test_an_invalid_plugin_is_named_by_its_file(tmp_path, code, message):
    """An unknown hook, an unknown argument and an error while loading name the file."""
    file = tmp_path / "mine.py"
    marked = f"@hookimpl\n{code}" if code.startswith("def") else code
    file.write_text(f"from stcn_plugin.studio import hookimpl\n{marked}\n")
    with pytest.raises(PluginError, match=message) as caught:
        studio_hooks([str(file)])
    assert "mine.py" in str(caught.value)
