"""Configuration files of training runs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from training.short_runs import stcn

from stcn_plugin.cli.train import train as command
from stcn_plugin.errors import PresetError
from stcn_plugin.training.config import TrainingConfig, load_training_config

FOLDER = Path(__file__).parents[2] / "examples" / "training"
RECIPES = sorted(file for file in FOLDER.glob("*.yaml") if file.stem != "edges")

MINIMAL = """\
out: runs/show
data:
  clips: [footage/clips]
"""


@pytest.fixture
def written(tmp_path):
    """Write a configuration file, and return its path."""

    def write(text: str) -> Path:
        file = tmp_path / "show" / "train.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    return write


def test_only_data_and_out_are_required(written):
    """Everything else has a default, and a folder may be given as a plain path."""
    config = load_training_config(written(MINIMAL))
    assert config.data.clips[0].licence == "not stated"
    assert config.model_dump(exclude={"out", "data"}) == TrainingConfig(out="x", data={"stills": ["y"]}).model_dump(
        exclude={"out", "data"}
    )


def test_relative_paths_start_at_the_folder_of_the_file(written, tmp_path, monkeypatch):
    """Independent of the working directory. Absolute paths and store names are unchanged; `~` is the home folder."""
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", "/home/artist")
    text = """\
init_weights: nearby/show.safetensors
init_key_encoder: {file: imagenet.pth, licence: BSD}
out: ../runs/show
data:
  clips: [{folder: footage/clips}, /mnt/clips]
  stills: [{folder: ~/stills, licence: ours}]
  elements: [elements]
validation:
  clips: [held_out]
"""
    config = load_training_config(written(text))
    folder = tmp_path / "show"
    sources = [*config.data.clips, *config.data.stills, *config.data.elements, *config.validation.clips]
    assert [Path(source.folder) for source in sources] == [
        folder / "footage/clips",
        Path("/mnt/clips"),
        Path("/home/artist/stills"),
        folder / "elements",
        folder / "held_out",
    ]
    assert config.data.stills[0].licence == "ours"
    assert Path(config.out).resolve() == tmp_path / "runs" / "show"
    assert config.init_key_encoder is not None
    assert (config.init_key_encoder.file, config.init_key_encoder.licence) == (str(folder / "imagenet.pth"), "BSD")
    assert config.init_weights == str(folder / "nearby/show.safetensors")
    assert load_training_config(written(f"init_weights: starter\n{MINIMAL}")).init_weights == "starter"


def test_overrides_take_precedence_over_the_file(written):
    """A relative path in an override starts at the working directory."""
    config = load_training_config(
        written(MINIMAL), overrides=["steps.total=7", "optimiser.frozen=[key_encoder.]", "out=here"]
    )
    assert (config.steps.total, config.optimiser.frozen) == (7, ("key_encoder.",))
    assert Path(config.out) == Path.cwd() / "here"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("steps: {totl: 5}", 4, "steps.totl"),
        ("optimser: {}", 4, "optimser"),
        ("steps:\n  total: many", 5, "steps.total"),
        ("steps:\n  batch_size: 2\n  crop_size: [250]", 6, "steps.crop_size: 250 should be a multiple of 16"),
        ("mixture: {clips: 1.5}", 4, "mixture.clips"),
        ("mixture: {crop_scale: [1.0, 0.6]}", 4, "mixture.crop_scale: should be the smallest, then"),
        ("validation: {frames: 2}", 4, "validation.frames: should be 3 or more, or 0 for all"),
        ("validation: {clips: [{folder: a, weight: 2}]}", 4, "validation.clips"),
        ("variant: heavy", 4, "variant"),
        ("seed: 1\nseed: 2", 5, "seed"),
    ],
)  # fmt: skip
def test_an_invalid_setting_is_reported_with_file_and_line(text, line, what, written):
    """Unknown keys, wrong types, values out of bounds, duplicate keys."""
    file = written(f"{MINIMAL}{text}\n")
    with pytest.raises(PresetError) as caught:
        load_training_config(file)
    assert what in str(caught.value)
    assert f"{file}:{line}" in str(caught.value)


def test_all_problems_are_reported_together(written):
    """Unknown keys with the closest valid one."""
    with pytest.raises(PresetError) as caught:
        load_training_config(written(f"{MINIMAL}steps: {{totl: 5, batch_size: 0}}\n"))
    assert "'total'" in str(caught.value)
    assert "steps.batch_size" in str(caught.value)


@pytest.mark.parametrize("text", ["out: run\n", "out: run\ndata: {short_side: 96}\n", "data: {clips: [here]}\n"])
def test_missing_data_or_out_is_an_error(text, written):
    """The message names the missing key."""
    missing = "out" if "out" not in text else "data"
    with pytest.raises(PresetError, match=missing):
        load_training_config(written(text))


@pytest.mark.slow
def test_the_command_reports_an_error_in_one_line(written, tmp_path):
    """Exit code 1 and no traceback, here for missing images."""
    result = stcn("train", written(MINIMAL))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"stcn: {tmp_path / 'show' / 'footage' / 'clips'}: there are no images")
    assert len(result.stderr.splitlines()) == 1


def test_all_settings_are_printed_with_their_descriptions():
    """`stcn train --settings` lists every key of a configuration."""
    result = CliRunner().invoke(command, ["--settings"], catch_exceptions=False)
    assert result.exit_code == 0
    sections = {"mixture", "steps", "optimiser", "validation", "compute", "data"}
    expected = {name for name in TrainingConfig.model_fields if name not in sections}
    for section in sections:
        expected |= {f"{section}.{name}" for name in TrainingConfig.model_fields[section].annotation.model_fields}
    words = set(result.stdout.split())
    assert expected <= words, expected - words
    assert "Learning rate." in " ".join(result.stdout.split())


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)
def test_recipes_exclude_their_validation_clips_from_training(recipe):
    """Every recipe loads, and does not train on clips that it validates on."""
    config = load_training_config(recipe)
    for held_out in config.validation.clips:
        same = [source for source in config.data.clips if source.folder == held_out.folder]
        assert all(set(config.validation.names) <= set(source.exclude) for source in same)
        assert config.validation.names


def licences_of(config: TrainingConfig) -> set[str]:
    """The licences of the training data."""
    return {source.licence for source in (*config.data.clips, *config.data.stills, *config.data.elements)}


def test_the_free_recipes_use_only_free_data():
    """No licence forbids commercial use, and each recipe continues from the previous one."""
    names = ("free", "free_deep", "free_last", "free_wide")
    first, *others = (load_training_config(FOLDER / f"{name}.yaml") for name in names)
    assert first.init_key_encoder is not None and first.init_weights is None
    assert licences_of(first) | {first.init_key_encoder.licence} == {"Apache-2.0", "CC0", "public domain"}
    for before, config in pairwise([first, *others]):
        assert config.init_weights == str(Path(before.out) / "weights.safetensors") and config.init_key_encoder is None
        assert licences_of(config) == {"Apache-2.0", "CC0", "public domain"}
