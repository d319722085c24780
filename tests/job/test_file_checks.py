"""``stcn presets check --files``: whether shots can run, without running them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from PIL import Image

from stcn_plugin import load_shot
from stcn_plugin.cli.presets import presets
from stcn_plugin.job.file_checks import shot_problems


@pytest.fixture
def write(clip, monkeypatch):
    """Write a shot file of the clip that is valid except for the given keys."""
    monkeypatch.chdir(clip.folder)
    monkeypatch.delenv("STCN_PRESET_PATH", raising=False)

    def write_shot(name: str = "shot.yaml", **keys: object) -> str:
        shot = {
            "plate": "plate.####.png",
            "keyframes": {1001: {**clip.keyframe(1001, 0), "file": "key.1001.0.png"}},
            "out": "deep/er/matte.####.exr",
            "weights": "starter-free",
        }
        (clip.folder / name).write_text(yaml.safe_dump({**shot, **keys}))
        return name

    return write_shot


def check(*arguments: str) -> Result:
    return CliRunner().invoke(presets, ["check", "--files", *arguments], catch_exceptions=False)


def everything_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_valid_shot_passes_and_leaves_no_files(write, clip) -> None:
    """Missing output folders are still missing afterwards, and existing ones are kept."""
    write(overlay={"folder": "look/here"})
    before = everything_in(clip.folder)
    result = check("shot.yaml")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "ok: shot.yaml (shot, and its files)\n", "")
    assert everything_in(clip.folder) == before
    (clip.folder / "deep").mkdir()
    assert shot_problems(load_shot("shot.yaml")) == ()
    assert everything_in(clip.folder) == {*before, "deep"}


@pytest.mark.parametrize(
    "out", ["deep/<object>/m.####.exr", "a_<object>_b/c/m.####.exr", "[x]/<object>/<object>.####.exr"]
)
def test_folders_of_objects_are_removed_again(write, clip, out: str) -> None:
    """Their names are only known once the keyframes are read; existing ones are kept."""
    write(out=out)
    (clip.folder / "a_other_b" / "c").mkdir(parents=True)
    before = everything_in(clip.folder)
    assert shot_problems(load_shot("shot.yaml")) == ()
    assert everything_in(clip.folder) == before


def test_warnings_of_a_job_are_shown_beforehand(write, clip) -> None:
    """The shot can run, so the exit code is 0: a licence that limits use, and frames of another padding."""
    write(weights="starter", plate="plate.%03d.png")
    (clip.folder / "plate.1001.png").rename(clip.folder / "plate.0001.png")
    write(weights="starter", plate="plate.%03d.png", keyframes={1002: {**clip.keyframe(1001, 0), "file": "key.1001.0.png"}})  # fmt: skip
    result = check("shot.yaml")
    assert result.exit_code == 0, result.stderr
    licence, padding = result.stderr.splitlines()
    assert licence.startswith("shot.yaml: warning: ") and "non-commercial" in licence
    assert padding.startswith("shot.yaml: warning: ") and "plate.####.png" in padding
    assert len(shot_problems(load_shot("shot.yaml"))) == 0


def test_empty_keyframes_are_a_warning_and_ranges_without_a_keyframe_an_error(write, clip) -> None:
    """As when the shot runs."""
    first = {**clip.keyframe(1001, 0), "file": "key.1001.0.png"}
    Image.new("L", (144, 96)).save(clip.folder / "black.png")
    write(keyframes={1001: first, 1004: "black.png"})
    result = check("shot.yaml")
    assert result.exit_code == 0, result.stderr
    (warning,) = (line for line in result.stderr.splitlines() if "empty" in line)
    assert all(word in warning for word in ("black.png", "'a0'", "frame 1004"))
    write(keyframes={1001: first}, objects={"a0": ["1001-1003", "1006-1008"]})
    result = check("shot.yaml")
    assert result.exit_code == 1
    assert "the range 1006-1008 of 'a0' has no keyframe" in result.stderr
    write(keyframes={1001: "black.png"})
    assert [problem.what for problem in shot_problems(load_shot("shot.yaml"))] == [
        "the matte is empty: all pixels are background"
    ]


def test_without_the_flag_no_files_are_checked(write) -> None:
    """The plain check only reads the YAML."""
    write(plate="nowhere/p.####.exr")
    result = CliRunner().invoke(presets, ["check", "shot.yaml"], catch_exceptions=False)
    assert result.stdout == "ok: shot.yaml (shot)\n"


@pytest.mark.parametrize(
    ("keys", "where", "what"),
    [
        ({"plate": "nowhere/p.####.exr"}, "nowhere/p.####.exr", "no frame of the plate is on disk"),
        ({"range": "1001-1012"}, "plate.####.png", "4 of 12 frames have no file: 1009-1012"),
        ({"keyframes": {1001: "none.png"}}, "none.png, frame 1001", "there is no such file"),
        ({"keyframes": {1099: "key.1001.0.png"}}, "key.1001.0.png", "frame 1099"),
        ({"keyframes": {1001: "plate.1001.png:mask.A"}}, "plate.1001.png, frame 1001", ""),
        ({"weights": "nobodys"}, "", "there are no weights called 'nobodys'"),
        ({"weights": "w/none.safetensors"}, "w/none.safetensors", "there is no such file"),
        ({"weights": "junk.safetensors"}, "junk.safetensors", "not a readable safetensors file"),
        ({"colour": {"config": "none.ocio"}}, "none.ocio", ""),
        ({"colour": {"input": "no such space"}}, "", "has no colour space 'no such space'"),
        ({"out": "plate.1001.png/m.####.exr"}, "plate.1001.png/m.", "cannot be written"),
        ({"out": "m.####.exr", "output": {"depth": "uint8"}}, "m.####.exr", "EXR files cannot hold uint8"),
        ({"overlay": {"folder": "plate.1001.png"}}, "plate.1001.png/", "cannot be written"),
    ],
)
def test_missing_and_invalid_files_are_reported(write, clip, keys, where: str, what: str) -> None:
    """With the errors that a job would raise."""
    write(**keys)
    (clip.folder / "junk.safetensors").write_bytes(b"junk")
    before = everything_in(clip.folder)
    result = check("shot.yaml")
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("shot.yaml: ")
    assert where in line
    assert what in line
    assert everything_in(clip.folder) == before


def test_all_problems_are_reported(write) -> None:
    """A job stops at the first one."""
    write(
        plate="nowhere/p.####.exr",
        keyframes={1001: "none.png", 1003: "key.1001.0.png", 1004: "gone.png"},
        weights="nobodys",
        out="plate.1001.png/m.####.exr",
        colour={"config": "none.ocio"},
    )
    text = check("shot.yaml").stderr
    for part in ("nowhere/p.####.exr", "none.png, frame 1001", "gone.png, frame 1004", "nobodys", "none.ocio"):
        assert part in text
    assert "plate.1001.png/m.1001.exr" in text
    assert len(text.splitlines()) == 6


def test_several_files_are_each_checked(write, clip) -> None:
    """Valid ones on stdout, problems on stderr with their file; presets have weights and colour settings, too."""
    write("good.yaml")
    write("bad.yaml", keyframes={1001: "none.png"})
    (clip.folder / "preset.yaml").write_text("weights: nobodys\n")
    (clip.folder / "fine.yaml").write_text("size: 300\n")
    result = check("bad.yaml", "good.yaml", "preset.yaml", "fine.yaml", "none.yaml")
    assert result.exit_code == 1
    assert result.stdout == "ok: good.yaml (shot, and its files)\nok: fine.yaml (preset, and its files)\n"
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["bad.yaml", "preset.yaml", "none.yaml"]
