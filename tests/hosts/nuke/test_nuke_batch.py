"""``nuke -t batch.py`` with the installed plugin in the stand-in for Nuke, and a real worker."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from nuke_tests import HERE, bare_environment

pytestmark = pytest.mark.slow

SCRIPT = """#! nuke -nx
version 15.0 v4
Root {{
 inputs 0
 first_frame 1001
 last_frame 1008
 format "96 64 0 0 96 64 1 test"
}}
Read {{
 inputs 0
 file {plate}
 format "96 64 0 0 96 64 1 test"
 first 1001
 last 1004
 name Read1
 xpos 0
 ypos 0
}}
Roto {{
 curves {{{{disc 1001 30 40 14}}}}
 name hero
 xpos 0
 ypos 100
}}
"""


def batch(home, *arguments, python=None):
    return subprocess.run(
        [sys.executable, "-S", str(HERE / "drive.py"), str(home), "batch", str(home / "stcn" / "batch.py"), *arguments],
        env=bare_environment(NUKE_STAND_IN_GUI="0", **({"STCN_WORKER_PYTHON": python} if python else {})),
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture
def script(plate, tmp_path):
    path = tmp_path / "sh010.nk"
    path.write_text(SCRIPT.format(plate=plate), "utf-8")
    return str(path)


def test_batch_propagates_and_saves_the_script(home, script, tmp_path):
    """Progress on stdout, no error on stderr, exit code 0, mattes and the script with their nodes on disk."""
    saved = tmp_path / "with_mattes.nk"
    result = batch(
        home, script, "--node", "Read1", "--roto", "hero", "--range=1001-1003", "--preset=draft",
        "--device=cpu", f"--out={tmp_path}/m/sh010.####.exr", f"--save-script={saved}",
    )  # fmt: skip
    assert result.returncode == 0
    (warning,) = result.stderr.splitlines()  # of the starter weights' licence
    assert "non-commercial" in warning
    lines = result.stdout.splitlines()
    assert lines[0].startswith("stcn: ")
    assert "stcn: 100 %, frame 1003, step 3 of 3" in lines
    for fact in ("3 frames (1001-1003) of hero", f"{tmp_path}/m/sh010.####.exr", f"{tmp_path}/m/sh010.stcn.yaml"):
        assert any(fact in line for line in lines), fact
    assert sorted(path.name for path in (tmp_path / "m").glob("*.exr")) == [
        f"sh010.{n}.exr" for n in (1001, 1002, 1003)
    ]
    assert "name STCN_sh010_Read1" in saved.read_text("utf-8")
    assert "STCN" not in Path(script).read_text("utf-8")


def test_batch_does_only_what_is_missing(home, script, tmp_path):
    """A dry run writes no matte, a segment adds no nodes, a second run has nothing to do, --rebuild does it again."""
    job = (script, "--node", "Read1", "--roto", "hero", "--at=1001,1003", "--range=1001-1004", "--preset=draft",
           "--device=cpu", f"--out={tmp_path}/m/sh010.####.exr")  # fmt: skip
    mattes, saved = tmp_path / "m", tmp_path / "saved.nk"

    def run(*flags):
        before = {path.name: path.stat().st_mtime_ns for path in mattes.glob("*.exr")}
        result = batch(home, *job, *flags)
        assert result.returncode == 0, result.stderr
        after = {path.name: path.stat().st_mtime_ns for path in mattes.glob("*.exr")}
        return result.stdout, [int(name[6:10]) for name in sorted(after) if after[name] != before.get(name)]

    out, written = run("--dry-run", f"--save-script={saved}")
    assert written == []
    assert "segment 2, 1003-1004: 2 steps, write 1003-1004, because " in out
    assert run("--segments=2", f"--save-script={saved}")[1] == [1003, 1004]
    assert not saved.exists()
    out, written = run(f"--save-script={saved}")
    assert written == [1001, 1002]
    assert "name STCN_sh010_Read1" in saved.read_text("utf-8")
    out, written = run("--verify")
    assert (out.splitlines()[0], written) == ("stcn: nothing to do, all mattes are up to date", [])
    out, written = run("--rebuild")
    assert written == [1001, 1002, 1003, 1004]
    assert "stcn: reason: a rebuild was requested" in out


def test_batch_runs_several_scripts(home, script, tmp_path):
    """Each is a shot of the report; one that cannot be opened does not stop the others."""
    other = tmp_path / "sh020.nk"
    other.write_text(Path(script).read_text("utf-8"), "utf-8")
    flags = ("--node", "Read1", "--roto", "hero", "--range=1001-1002", "--preset=draft", "--device=cpu")
    report = tmp_path / "night.json"
    result = batch(home, script, str(tmp_path / "no.nk"), str(other), *flags, f"--report={report}")
    assert result.returncode == 1
    shots = json.loads(report.read_text("utf-8"))["shots"]
    assert [(Path(each["shot"]).name, each["status"], each["frames"]) for each in shots] == [
        ("sh010.nk", "done", [1001, 1002]),
        ("no.nk", "failed", []),
        ("sh020.nk", "done", []),  # its mattes are those of the first, next to it, and up to date
    ]
    assert result.stdout.splitlines()[-1] == f"stcn: {other}: done"
    wrong = batch(home, script, str(other), *flags, "--out=m.####.exr")
    assert wrong.returncode == 2
    assert "--out can be given for one shot only, not for 2" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--node", "Read9", "--roto", "hero"], 1, "'Read9'"),
        (["--node", "Read1", "--roto", "hero", "--range=1002-1004"], 1, "'hero'"),
        (["--node", "Read1", "--roto", "hero", "--range=1-"], 1, "'1-'"),
        (["--roto", "hero"], 2, "--node"),
        (["--node", "Read1", "--roto", "hero", "--range", "1001-1003"], 2, "--range=1001-1100"),
        (["--node", "Read1", "--roto", "hero", "--speed=3"], 2, "--speed=3"),
    ],
)
def test_batch_reports_errors_in_one_line(home, script, arguments, code, word):
    """On stderr, with a nonzero exit code, without a traceback."""
    result = batch(home, script, *arguments)
    assert result.returncode == code
    assert word in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_batch_without_a_script_or_a_worker(home, script, tmp_path):
    """Each has its own error."""
    result = batch(home, str(tmp_path / "no.nk"), "--node", "Read1", "--roto", "hero")
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
    assert "the script cannot be opened" in result.stderr
    result = batch(home, script, "--node", "Read1", "--roto", "hero", python="/no/such/python")
    assert result.returncode == 1
    assert "/no/such/python: the worker's Python cannot be started" in result.stderr
    assert "Traceback" not in result.stderr


def test_batch_help(home):
    """Every option, examples, the note on numbers at the end of the line, and the exit codes."""
    result = batch(home, "--help")
    assert result.returncode == 0
    for text in (
        "--node",
        "--roto",
        "--at",
        "--range",
        "--preset",
        "--save-script",
        "examples:",
        "Exit codes",
        "equals",
    ):
        assert text in result.stdout
