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
RECIPES = sorted(FOLDER.glob("*.yaml"))

LEAST = """\
out: runs/show
data:
  clips: [footage/clips]
"""


@pytest.fixture
def written(tmp_path):
    """Write a configuration into a folder of its own; return its file."""

    def write(text: str) -> Path:
        file = tmp_path / "show" / "train.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    return write


def test_where_the_pictures_are_and_where_the_run_goes_is_enough(written):
    """Everything else has a default; a folder may stand by its path alone."""
    config = load_training_config(written(LEAST))
    assert config.data.clips[0].licence == "not stated"
    assert config.model_dump(exclude={"out", "data"}) == TrainingConfig(out="x", data={"stills": ["y"]}).model_dump(
        exclude={"out", "data"}
    )


def test_relative_paths_start_at_the_files_folder(written, tmp_path, monkeypatch):
    """Wherever the command is called; absolute paths and names in the store stay, `~` is the home folder."""
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", "/home/artist")
    text = """\
start: nearby/show.safetensors
key_encoder: {file: imagenet.pth, licence: BSD}
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
    assert config.key_encoder is not None
    assert (config.key_encoder.file, config.key_encoder.licence) == (str(folder / "imagenet.pth"), "BSD")
    assert config.start == str(folder / "nearby/show.safetensors")
    assert load_training_config(written(f"start: starter\n{LEAST}")).start == "starter"


def test_flags_go_over_the_file(written):
    """Also where the file says nothing; a path in a flag starts where the command is called."""
    config = load_training_config(
        written(LEAST), overrides=["steps.total=7", "optimiser.frozen=[key_encoder.]", "out=here"]
    )
    assert (config.steps.total, config.optimiser.frozen) == (7, ("key_encoder.",))
    assert Path(config.out) == Path.cwd() / "here"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("steps: {totl: 5}", 4, "steps.totl"),
        ("optimser: {}", 4, "optimser"),
        ("steps:\n  total: many", 5, "steps.total"),
        ("steps:\n  batch: 2\n  crop: [250]", 6, "steps.crop: 250 should be a multiple of 16"),
        ("mixture: {clips: 1.5}", 4, "mixture.clips"),
        ("mixture: {crop_of_short_side: [1.0, 0.6]}", 4, "mixture.crop_of_short_side: should be the least and then"),
        ("validation: {frames: 2}", 4, "validation.frames: should be 3 or more, or 0 for all"),
        ("validation: {clips: [{folder: a, weight: 2}]}", 4, "validation.clips"),
        ("variant: heavy", 4, "variant"),
        ("seed: 1\nseed: 2", 5, "seed"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_file_and_line(text, line, what, written):
    """Unknown keys, values of a wrong kind, out of bounds, or said twice."""
    file = written(f"{LEAST}{text}\n")
    with pytest.raises(PresetError) as caught:
        load_training_config(file)
    assert what in str(caught.value)
    assert f"{file}:{line}" in str(caught.value)


def test_all_problems_are_told_at_once(written):
    """With the nearest right spelling."""
    with pytest.raises(PresetError) as caught:
        load_training_config(written(f"{LEAST}steps: {{totl: 5, batch: 0}}\n"))
    assert "total" in str(caught.value)
    assert "steps.batch" in str(caught.value)


@pytest.mark.parametrize("text", ["out: run\n", "out: run\ndata: {lines: 96}\n", "data: {clips: [here]}\n"])
def test_a_run_without_data_or_without_a_folder_is_refused(text, written):
    """What has no default has to be said."""
    missing = "out" if "out" not in text else "data"
    with pytest.raises(PresetError, match=missing):
        load_training_config(written(text))


def test_the_command_ends_with_one_message(written, tmp_path):
    """Exit code 1, where and what, and no traceback: here for pictures that are not there."""
    result = stcn("train", written(LEAST))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"stcn: {tmp_path / 'show' / 'footage' / 'clips'}: there are no pictures")
    assert len(result.stderr.splitlines()) == 1


def test_every_setting_is_printed_with_its_meaning():
    """`stcn train --settings` lists every key that a configuration may have."""
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
def test_what_a_recipe_is_judged_by_it_does_not_train_on(recipe):
    """Each recipe of the starter weights loads, and leaves out of training the clips that it holds out."""
    config = load_training_config(recipe)
    for judged in config.validation.clips:
        same = [source for source in config.data.clips if source.folder == judged.folder]
        assert all(set(config.validation.names) <= set(source.leave_out) for source in same)
        assert config.validation.names


def licences_of(config: TrainingConfig) -> set[str]:
    """Return what the pictures that a run trains on are under."""
    return {source.licence for source in (*config.data.clips, *config.data.stills, *config.data.elements)}


def test_the_recipes_of_the_free_weights_take_nothing_that_is_not_free():
    """Every source says what it is under, none of that forbids commercial work, and each starts from the one before."""
    names = ("free", "free_deep", "free_last", "free_wide")
    first, *others = (load_training_config(FOLDER / f"{name}.yaml") for name in names)
    assert first.key_encoder is not None and first.start is None
    assert licences_of(first) | {first.key_encoder.licence} == {"Apache-2.0", "CC0", "public domain"}
    for before, config in pairwise([first, *others]):
        assert config.start == str(Path(before.out) / "weights.safetensors") and config.key_encoder is None
        assert licences_of(config) == {"Apache-2.0", "CC0", "public domain"}
