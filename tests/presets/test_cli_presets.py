"""``stcn presets``: output to stdout and stderr, and exit codes."""

import json

import pytest
from click.testing import CliRunner

from stcn_plugin.cli.presets import presets
from stcn_plugin.errors import PresetError
from stcn_plugin.presets import load_preset

SHOT = "plate: p.####.exr\nout: m.####.exr\nkeyframes: {1001: k.png}\nextends: draft\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``stcn presets`` in an empty folder without studio presets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STCN_PRESET_PATH", raising=False)
    return lambda *words: CliRunner().invoke(presets, words)


def test_list_shows_name_layer_and_description(run, tmp_path, monkeypatch):
    """One line per preset, sorted, with aligned columns."""
    (tmp_path / "show").mkdir()
    (tmp_path / "show/roto.yaml").write_text("description: For  roto.\n")
    monkeypatch.setenv("STCN_PRESET_PATH", "show")
    result = run("list")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["default", "draft", "hero", "long_shot", "roto"]
    assert lines[-1] == "roto       show      For roto."


def test_show_prints_a_preset_that_loads_as_the_same(run, tmp_path):
    """The output, including origins, is a preset file."""
    result = run("show", "hero", "--set", "memory.top_k=all", "--set", "matte.black=0")
    assert result.exit_code == 0
    (tmp_path / "copy.yaml").write_text(result.stdout)
    assert load_preset("copy.yaml") == load_preset("hero", overrides=["memory.top_k=all", "matte.black=0"])
    assert "  interval: 3           # hero.yaml:5\n" in result.stdout


def test_show_takes_the_settings_of_a_shot_file(run, tmp_path):
    """The output has the settings that the shot runs with."""
    (tmp_path / "sh010.yaml").write_text(SHOT + "memory: {top_k: 9}\n")
    result = run("show", "sh010.yaml")
    lines = {line.partition(":")[0].strip(): line.partition("# ")[2] for line in result.stdout.splitlines()[1:]}
    assert (lines["top_k"], lines["size"], lines["weights"]) == ("sh010.yaml:5", "draft.yaml:3", "default.yaml:7")


def test_show_of_an_unknown_name_is_an_error(run):
    """The error reaches the main command, which prints it."""
    result = run("show", "heros")
    assert isinstance(result.exception, PresetError)
    assert str(result.exception).startswith("there is no preset 'heros'. Perhaps you meant 'hero'")


def test_check_distinguishes_presets_and_shots_and_continues_after_a_problem(run, tmp_path):
    """Valid files on stdout, problems on stderr, exit code 1 if there are any."""
    (tmp_path / "sh010.yaml").write_text(SHOT)
    (tmp_path / "bad.yaml").write_text("memory: {intervall: 3}\n")
    (tmp_path / "mine.yaml").write_text("size: 300\n")
    result = run("check", "sh010.yaml", "bad.yaml", "mine.yaml", "none.yaml")
    assert result.exit_code == 1
    assert result.stdout == "ok: sh010.yaml (shot)\nok: mine.yaml (preset)\n"
    assert result.stderr == (
        "bad.yaml:1: memory.intervall: there is no such setting. Perhaps you meant 'interval'.\n"
        "none.yaml: there is no such file. Check the spelling of the path.\n"
    )


def test_check_of_valid_files_exits_with_0(run, tmp_path):
    """So it can be used with `&&` and in a commit hook."""
    (tmp_path / "mine.yaml").write_text("")
    result = run("check", "mine.yaml")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "ok: mine.yaml (preset)\n", "")


def test_check_without_files_is_bad_usage(run):
    """Exit code 2, as for every invalid command line."""
    assert run("check").exit_code == 2


def test_schema_is_json_for_either_kind(run):
    """Shot files have more keys than presets."""
    preset, shot = json.loads(run("schema").stdout), json.loads(run("schema", "--shot").stdout)
    assert "plate" in shot["properties"]
    assert "plate" not in preset["properties"]
    assert preset["$schema"] == shot["$schema"] == "https://json-schema.org/draft/2020-12/schema"
