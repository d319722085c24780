"""Several shots in one command: one worker, an honest exit code, a report and a log. Real processes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli.stcn_process import STCN, stcn
from golden.stand_in import golden_frames, golden_masks
from PIL import Image

SHOT = "plate: p.####.png\nkeyframes: {{1001: {key}}}\nout: {name}/m.####.exr\nsize: 64\nrange: 1001-1003\nobjects: [{name}]\n"


@pytest.fixture
def show(tmp_path) -> Path:
    """A plate and three shots of it; the second one's keyframe is missing."""
    for number, frame in enumerate(golden_frames(3, 64, 96)):
        Image.fromarray(frame).save(tmp_path / f"p.{1001 + number}.png")
    Image.fromarray(golden_masks(64, 96)[0] * 255).save(tmp_path / "key.png")
    for name, key in (("a", "key.png"), ("b", "gone.png"), ("c", "key.png")):
        (tmp_path / f"{name}.yaml").write_text(SHOT.format(name=name, key=key))
    return tmp_path


def written(show: Path) -> dict[str, int]:
    return {name: len(list((show / name).glob("m.*.exr"))) for name in "abc" if (show / name).is_dir()}


def test_the_others_go_on_after_one_has_failed(show):
    """The pattern is expanded in order; the report, the log and the table have all three; the exit code is 1."""
    result = stcn("propagate", "*.yaml", "--report", "night.json", "--log", "night.log", cwd=show)
    assert result.returncode == 1
    assert written(show) == {"a": 3, "c": 3}
    shots = json.loads((show / "night.json").read_text())["shots"]
    assert [(each["shot"], each["status"]) for each in shots] == [
        ("a.yaml", "done"),
        ("b.yaml", "failed"),
        ("c.yaml", "done"),
    ]
    first, failed, _ = shots
    assert (first["objects"], first["frames"], first["error"]) == (["a"], [1001, 1002, 1003], None)
    assert first["weights"]["name"] == "starter" and len(first["weights"]["sha256"]) == 64
    assert first["weights"]["licence"].startswith("CC-BY-NC") and "non-commercial" in first["warnings"][0]
    assert set(first["assessment"]["confidence"]) == {"a"}
    assert failed["assessment"] is None
    assert first["seconds"] > 0
    assert "gone.png" in failed["error"]["where"] and failed["frames"] == []
    log = (show / "night.log").read_text()
    assert (
        len(re.findall(r"^\S+ \S+ frame 100\d: ", log, re.MULTILINE)) == 6
        and "failed: " in log
        and "worker: stcn_plugin.weights.loading: lite on cpu" in log
    )
    lines = result.stderr.splitlines()
    assert any(line.startswith("stcn: b.yaml: ") and "gone.png" in line for line in lines)
    assert [line.split()[:2] for line in lines[-3:]] == [["a.yaml", "done"], ["b.yaml", "failed"], ["c.yaml", "done"]]
    assert result.stdout == ""


@pytest.mark.slow
def test_fail_fast_runs_no_other(show):
    """What was not run is in the report as such."""
    result = stcn("propagate", "a.yaml", "b.yaml", "c.yaml", "--fail-fast", "--report", "r.json", "-q", cwd=show)
    assert (result.returncode, written(show)) == (1, {"a": 3})
    assert [each["status"] for each in json.loads((show / "r.json").read_text())["shots"]] == [
        "done",
        "failed",
        "not run",
    ]


@pytest.mark.slow
def test_one_worker_runs_all_shots(show):
    """It is the same process for each, as the plugin that it loads sees."""
    (show / "who.py").write_text(
        "import os\nfrom stcn_plugin.bridge.hooks import hookimpl\n\n"
        "@hookimpl\ndef stcn_shot_started(out):\n"
        f"    with open({str(show / 'pids')!r}, 'a') as file:\n        file.write(f'{{os.getpid()}}\\n')\n"
    )
    assert stcn("propagate", "a.yaml", "c.yaml", "--plugin", "./who.py", "-q", cwd=show).returncode == 0
    pids = (show / "pids").read_text().split()
    assert len(pids) == 2 and len(set(pids)) == 1


@pytest.mark.slow
def test_json_lines_are_for_programs(show):
    """Every line of stdout is an object that names its shot; stderr has the errors alone."""
    result = stcn("propagate", "a.yaml", "b.yaml", "--progress", "json", cwd=show)
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert {each["shot"] for each in events} == {"a.yaml", "b.yaml"}
    kinds = [each["event"] for each in events if each["shot"] == "a.yaml"]
    assert kinds.count("frame") == 3 and kinds.count("progress") == 3 and kinds[-1] == "done"
    progress = [each for each in events if each["event"] == "progress"]
    assert (progress[-1]["done"], progress[-1]["total"]) == (3, 3)
    assert [each["frame"] for each in events if each["event"] == "frame"] == [1001, 1002, 1003]
    (failed,) = (each for each in events if each["event"] == "failed")
    assert "gone.png" in failed["where"]
    assert (result.returncode, result.stderr) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.yaml", "c.yaml", "--out", "m.####.exr"), "--out can be given for one shot only"),
        (
            ("a.yaml", "c.yaml", "--keyframe", "1001=key.png", "--segments", "1"),
            "--keyframe and --segments can be given",
        ),
        (("night/*.yaml",), "no file matches 'night/*.yaml'"),
        (("a.yaml", "--progress", "loud"), "--progress"),
    ],
)
def test_wrong_usage(show, arguments, message):
    """Exit code 2, and nothing is run."""
    result = stcn("propagate", *arguments, cwd=show)
    assert (result.returncode, written(show)) == (2, {})
    assert message in result.stderr


@pytest.mark.parametrize("option", ["--report", "--log"])
def test_files_that_cannot_be_written_are_found_first(show, option):
    """Not after a night of work."""
    (show / "file").write_text("in the way")
    result = stcn("propagate", "a.yaml", option, "file/x", cwd=show)
    assert (result.returncode, written(show)) == (1, {})
    assert "file" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_signal_ends_all_shots(show):
    """The shot that runs is cancelled, and the ones after it are not begun."""
    command = [*STCN, "propagate", "a.yaml", "c.yaml", "--report", "r.json"]
    with subprocess.Popen(command, cwd=show, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not (show / "r.json").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, text = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, text
    assert "Traceback" not in text
    statuses = [each["status"] for each in json.loads((show / "r.json").read_text())["shots"]]
    assert statuses[1] == "not run" and statuses[0] in ("cancelled", "done", "not run")
