"""Batch: flags override the settings of the .blend file; exit codes; rendering afterwards."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pluggy
import pytest
import yaml
from blender_shot import read_channels

import stcn_plugin
from stcn_plugin.bridge.launch import without_python

pytestmark = pytest.mark.slow

OUTLINE = [(50 + 22.5 * math.cos(step * math.pi / 16), 48 + 22.5 * math.sin(step * math.pi / 16)) for step in range(32)]


@pytest.fixture(scope="session")
def batch(extension) -> Path:
    return extension.parent / "batch.py"


@pytest.fixture
def saved(blender, plates, tmp_path) -> Path:
    blender.run("save", tmp_path, plate=str(plates), outline=OUTLINE)
    return tmp_path / "shot.blend"


def test_flags_override_the_files_settings_and_the_compositor_is_rendered(blender, batch, saved, tmp_path):
    """The mattes of the range are on disk, the render shows one of them, and the .blend file has the nodes."""
    arguments = [
        "--range",
        "1001-1003",
        "--preset",
        "default",
        "--set",
        "memory.interval=2",
        "--render",
        "--save-blend",
    ]
    result = blender.script(batch, *arguments, file=saved)
    assert result.returncode == 0, result.stderr
    assert "3 frames (1001-1003) of hero" in result.stdout
    assert "stcn: 100 %, frame 1003, step 3 of 3" in result.stdout.splitlines()
    mattes = tmp_path / "mattes" / "sh010"
    assert sorted(path.name for path in mattes.glob("*.exr")) == [f"sh010_matte.{n}.exr" for n in (1001, 1002, 1003)]
    shot = yaml.safe_load((mattes / "sh010_matte.stcn.yaml").read_text())
    assert shot["range"] == "1001-1003"
    assert shot["size"] == 96
    assert shot["memory"]["interval"] == 2

    rendered = read_channels(tmp_path / "render" / "comp.1003.exr")
    matte = read_channels(mattes / "sh010_matte.1003.exr")["hero.A"]
    assert np.abs(rendered["A"] - matte).max() < 1e-6


def test_only_what_is_missing_is_done(blender, batch, saved, tmp_path):
    """A dry run writes no matte, a segment is one part, another keyframe changes its neighbours, --rebuild does all."""
    mattes = tmp_path / "mattes" / "sh010"

    def run(*flags):
        before = {path.name: path.stat().st_mtime_ns for path in mattes.glob("*.exr")}
        result = blender.script(batch, "--range", "1001-1006", "--set", "memory.interval=2", *flags, file=saved)
        assert result.returncode == 0, result.stderr
        after = {path.name: path.stat().st_mtime_ns for path in mattes.glob("*.exr")}
        lines = [line for line in result.stdout.splitlines() if line.startswith("stcn: ")]
        return lines, [int(name[12:16]) for name in sorted(after) if after[name] != before.get(name)]

    lines, written = run("--at", "1001,1005", "--dry-run", "--render", "--save-blend")
    assert written == []
    assert [line for line in lines if "segment 2, 1005-1006: 2 steps, write 1005-1006, because " in line]
    assert run("--at", "1001,1005", "--segments", "2", "--render", "--save-blend")[1] == [1005, 1006]
    assert not (tmp_path / "render").exists()
    assert run("--at", "1001,1005")[1] == [1001, 1002, 1003, 1004]
    lines, written = run("--at", "1001,1005", "--verify")
    assert (lines[0], written) == ("stcn: nothing to do, all mattes are up to date", [])
    lines, written = run("--at", "1001,1003,1005")
    assert written == [1002, 1003, 1004]
    assert "stcn: reason: keyframe 1003 is new" in lines
    lines, written = run("--at", "1001,1003,1005", "--rebuild")
    assert written == [1001, 1002, 1003, 1004, 1005, 1006]


def test_several_files_are_several_shots(blender, batch, saved, tmp_path):
    """With one report; a file that cannot be opened does not stop the others."""
    other = shutil.copy(saved, tmp_path / "sh020.blend")
    report = tmp_path / "night.json"
    arguments = ["--range", "1001-1002", "--report", report, str(tmp_path / "no.blend"), str(other)]
    result = blender.script(batch, *arguments, file=saved)
    assert result.returncode == 1, result.stderr
    shots = json.loads(report.read_text())["shots"]
    assert [(each["shot"], each["status"], each["frames"]) for each in shots] == [
        (str(saved), "done", [1001, 1002]),
        (str(tmp_path / "no.blend"), "failed", []),
        (str(other), "done", []),  # its mattes are those of the first, next to it, and up to date
    ]
    wrong = blender.script(batch, "--scene", "Comp", "--scene", "Other", "--out", "m.####.exr", file=saved)
    assert wrong.returncode == 2
    assert "--out can be given for one shot only, not for 2" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--help"], 0, ["--mask", "--range", "--segments", "--rebuild", "--verify", "--dry-run", "130"]),
        (["--nonsense"], 2, ["--nonsense"]),
        (["--keyframe", "hero.exr"], 2, ["--keyframe", "'hero.exr'", "FRAME=FILE"]),
        (["--scene", "Shot"], 1, ["'Shot'", "Comp"]),
        (["--mask", "rotor"], 1, ["'rotor'", "roto"]),
        (["--range", "1001 1003"], 1, ["'1001 1003'", "1001,1003"]),
        (["--preset", "heroo"], 1, ["'hero'"]),
        (["--keyframe", "1001=/absent.exr"], 1, ["/absent.exr"]),
        (["--worker", "/no/python"], 1, ["/no/python"]),
    ],
)
def test_exit_codes(blender, batch, saved, arguments, code, words):
    """0 done, 1 error, 2 wrong flags; one message, no traceback."""
    result = blender.script(batch, *arguments, file=saved)
    assert result.returncode == code, result.stderr
    assert [word for word in words if word not in result.stdout + result.stderr] == []
    assert "Traceback" not in result.stderr


def test_it_runs_from_a_checkout_where_nothing_is_installed(blender, batch, saved, tmp_path):
    """Without the extension, the files beside the script are used; a flag names the worker's Python."""
    bare = {"BLENDER_USER_RESOURCES": str(tmp_path / "bare"), "PYTHONPATH": str(_site(tmp_path))}
    result = blender.script(batch, "--range", "1001-1002", file=saved, **bare)
    assert result.returncode == 1
    assert "no Python is set for the worker" in result.stderr
    result = blender.script(batch, "--range", "1001-1002", "--worker", sys.executable, file=saved, **bare)
    assert result.returncode == 0, result.stderr
    assert len(list((tmp_path / "mattes" / "sh010").glob("*.exr"))) == 2


def test_from_a_wheel_the_workers_packages_do_not_hide_blenders_own(blender, batch, tmp_path):
    """Blender's modules are found first, although modules of the same names are beside the package."""
    packages = tmp_path / "packages"
    hosts = packages / "stcn_plugin" / "_hosts" / "blender"
    shutil.copytree(batch.parent, hosts)
    for part in ("__init__.py", "environment.py", "errors.py", "frames.py", "bridge"):
        (packages / "stcn_plugin" / part).symlink_to(Path(stcn_plugin.__file__).parent / part)
    (packages / "pluggy").symlink_to(Path(pluggy.__file__).parent)
    for name in ("argparse", "shlex", "textwrap"):
        (packages / f"{name}.py").write_text("raise SystemExit('not those that Blender brings')")
    bare = {"BLENDER_USER_RESOURCES": str(tmp_path / "bare")}
    result = blender.script(hosts / "batch.py", "--range", "1001-1002", **bare)
    assert result.returncode == 1
    assert "Image or Movie Clip node" in result.stderr


@pytest.mark.skipif(shutil.which("blender") is None, reason="there is no program 'blender' on PATH")
def test_the_real_program_gives_the_same_exit_codes(batch, tmp_path):
    """`blender -b --python-exit-code 3 -P batch.py` fails with 1 on a user's mistake and with 2 on wrong flags."""
    command = ["blender", "-b", "--factory-startup", "--python-exit-code", "3", "-P", str(batch), "--"]
    environment = {**without_python(os.environ), "PYTHONPATH": str(_site(tmp_path))}
    codes = {}
    for flag in ("--help", "--nonsense", "--range=1001-1002"):
        result = subprocess.run(
            [command[0], "--python-use-system-env", *command[1:], flag], capture_output=True, text=True, env=environment
        )
        codes[flag] = result.returncode
        assert "Traceback" not in result.stderr, result.stderr
    assert codes == {"--help": 0, "--nonsense": 2, "--range=1001-1002": 1}


def _site(folder: Path) -> Path:
    """A folder with pluggy alone, for a Blender that lacks it."""
    (folder / "site").mkdir()
    (folder / "site" / "pluggy").symlink_to(Path(pluggy.__file__).parent)
    return folder / "site"
