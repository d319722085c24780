"""The installed plugin in the stand-in for Nuke, with a real worker and real pixels."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
import yaml
from nuke_tests import HERE, STAND_IN, pixels_of

from stcn_plugin import load_shot, make_shot, propagate
from stcn_plugin.install.nuke import install

pytestmark = pytest.mark.slow

FRAMES = range(1001, 1009)
WIDTH, HEIGHT = 96, 64


def bare_environment(**more: str) -> dict[str, str]:
    """What Nuke's process has: the stand-in, and nothing else of Python's; OpenImageIO for the stand-in alone."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "PYTHONPATH": str(STAND_IN),
        "NUKE_STAND_IN_LIBRARIES": str(Path(oiio.__file__).parents[1]),
        **more,
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A ``~/.nuke`` with the plugin installed."""
    folder = tmp_path_factory.mktemp("home") / ".nuke"
    install(folder, python=sys.executable)
    return folder


@pytest.fixture(scope="module")
def plate(tmp_path_factory) -> str:
    """A disc and a smaller one that wander over a ramp; linear half EXR."""
    folder = tmp_path_factory.mktemp("plate")
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    for frame in FRAMES:
        step = frame - 1001
        pixels = np.dstack([columns / WIDTH * 0.3, rows / HEIGHT * 0.3, np.full_like(rows, 0.1)])
        for x, y, radius, colour in ((30 + 2 * step, 40, 14, (0.8, 0.2, 0.1)), (70, 20 + step, 9, (0.1, 0.3, 0.9))):
            inside = np.clip(radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1)[..., np.newaxis]
            pixels = pixels * (1 - inside) + np.array(colour) * inside
        output = oiio.ImageOutput.create("x.exr")
        output.open(str(folder / f"plate.{frame}.exr"), oiio.ImageSpec(WIDTH, HEIGHT, 3, "half"))
        assert output.write_image(pixels.astype(np.float32))
        output.close()
    return f"{folder.as_posix()}/plate.%04d.exr"


@pytest.fixture(scope="module")
def day(home, plate, tmp_path_factory):
    """What happened in an artist's session, and the folder of its files."""
    folder = tmp_path_factory.mktemp("work")
    record = folder / "record.json"
    result = subprocess.run(
        [sys.executable, "-S", str(HERE / "drive.py"), str(home), "artist", plate, str(folder), str(record)],
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(record.read_text("utf-8")), folder


def layers_of(path: Path) -> dict[str, np.ndarray]:
    pixels, spec = pixels_of(path)
    return {name: pixels[..., index] for index, name in enumerate(spec.channelnames)}


def test_a_finished_job_shows_no_message(day):
    """The mattes are in the script, the bridge is the installed one, and progress reaches the end."""
    first = day[0]["first"]
    assert first["messages"] == []
    assert first["bridge"].endswith("/.nuke/stcn/site/stcn_plugin/bridge/__init__.py")
    percents = [entry for entry in first["progress"] if isinstance(entry, int)]
    assert percents == sorted(percents)
    assert percents[-1] == 100


def test_the_nodes_are_there_before_the_mattes(day):
    """They are added when the job has been checked, and completed at its end."""
    assert day[0]["first"]["steps"] == ["STCN mattes to come", "end", "STCN mattes", "end"]


def test_keyframes_are_rendered_at_full_size_and_the_script_is_restored(day):
    """Each roto at its keys, with proxy mode off; then proxy mode, frame and undo are restored."""
    first = day[0]["first"]
    assert [entry[1:] for entry in first["rendered"]] == [[1001, False], [1004, False], [1001, False]]
    assert first["left"] == [True, 1003, 0]
    pixels, spec = pixels_of(day[1] / "mattes" / "keyframes" / "sh010.hero.1004.exr")
    assert (spec.width, spec.height) == (WIDTH, HEIGHT)
    assert abs(pixels.sum() - np.pi * 14**2) < 2


def test_the_nodes_are_connected_to_the_plate(day):
    """Read, Copy, Dot and Backdrop; the backdrop stores the shot file."""
    first, folder = day[0]["first"], day[1]
    mattes = f"{folder.as_posix()}/mattes"
    assert [entry for entry in first["nodes"] if entry[0].startswith("STCN")] == [
        ["STCN_sh010_Read1", "Read", []],
        ["STCN_sh010_Dot1", "Dot", ["STCN_sh010_Copy1"]],
        ["STCN_sh010_Copy1", "Copy", ["Read1", "STCN_sh010_Read1"]],
        ["STCN_sh010_BackdropNode1", "BackdropNode", []],
    ]
    assert first["read"] == {
        "file": f"{mattes}/sh010.####.exr",
        "first": 1001,
        "last": 1008,
        "raw": True,
        "on_error": "error",
    }
    assert first["backdrop"] == {
        "stcn_shot": f"{mattes}/sh010.stcn.yaml",
        "stcn_out": f"{mattes}/sh010.####.exr",
        "stcn_plate": "Read1",
        "stcn_sources": "hero ball",
    }
    assert "from0 hero.alpha" in first["script"]
    assert "to1 ball.alpha" in first["script"]


def test_the_mattes_are_those_of_the_same_job_without_nuke(day, plate, tmp_path):
    """A run by the library with the same keyframes gives the same values in every frame and channel."""
    folder = day[1] / "mattes"
    keyframes = folder / "keyframes"
    shot = make_shot(
        plate=plate,
        keyframes={
            1001: [
                {"file": keyframes / "sh010.hero.1001.exr", "objects": {"hero": "A"}},
                {"file": keyframes / "sh010.ball.1001.exr", "objects": {"ball": "A"}},
            ],
            1004: {"file": keyframes / "sh010.hero.1004.exr", "objects": {"hero": "A"}},
        },
        out=tmp_path / "sh010.####.exr",
        range="1001-1008",
        preset="draft",
        overrides=["colour.input=linear", "compute.device=cpu"],
    )
    propagate(shot)
    # The update came after: the frames before its span are still the first run's.
    for frame in range(1001, 1005):
        theirs, ours = layers_of(folder / f"sh010.{frame}.exr"), layers_of(tmp_path / f"sh010.{frame}.exr")
        assert set(theirs) == {"R", "G", "B", "A", "hero.A", "ball.A"}
        for channel, pixels in ours.items():
            np.testing.assert_array_equal(theirs[channel], pixels, err_msg=f"{frame} {channel}")
    # Against where the discs are: the network found both.
    found = layers_of(folder / "sh010.1003.exr")
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    for name, x, y, radius in (("hero.A", 34, 40, 14), ("ball.A", 70, 22, 9)):
        truth = np.hypot(columns - x, rows - y) < radius
        matte = found[name] > 0.5
        assert (truth & matte).sum() / (truth | matte).sum() > 0.7, name


def test_an_update_writes_only_affected_frames(day):
    """Other frames are the same bytes; the nodes are the same, reloaded."""
    first, update = day[0]["first"], day[0]["update"]
    assert update["messages"] == []
    changed = {name for name, digest in update["digests"].items() if first["digests"][name] != digest}
    assert changed == {f"sh010.{frame}.exr" for frame in range(1005, 1009)}
    assert update["nodes"] == first["nodes"]
    assert update["read"] == {"first": 1001, "last": 1008}
    assert update["reloads"] >= 2  # at the end of each job, and when the frame that is shown was written
    assert update["backdrop"] == {"stcn_sources": "hero ball"}
    assert set(yaml.safe_load(first["shot_file"])["keyframes"]) == {1001, 1004}
    assert set(yaml.safe_load(update["shot_file"])["keyframes"]) == {1001, 1004, 1007}


def test_mattes_after_an_update_equal_those_of_a_whole_run(day, tmp_path):
    """The saved shot, run by the library from the start, gives the same values on all frames."""
    folder = day[1] / "mattes"
    propagate(load_shot(folder / "sh010.stcn.yaml", overrides=[f"out={tmp_path}/sh010.####.exr"]))
    for frame in FRAMES:
        theirs, ours = layers_of(folder / f"sh010.{frame}.exr"), layers_of(tmp_path / f"sh010.{frame}.exr")
        for channel, pixels in ours.items():
            np.testing.assert_array_equal(theirs[channel], pixels, err_msg=f"{frame} {channel}")


def test_an_update_without_a_change_writes_nothing(day):
    """Its report has no files; the nodes are the same, and show the whole shot."""
    nothing, update = day[0]["nothing"], day[0]["update"]
    assert nothing["messages"] == []
    assert nothing["untouched"]
    assert nothing["read"] == {"first": 1001, "last": 1008}
    assert nothing["reloads"] == update["reloads"] + 2  # when the nodes are found again, and at the end
    assert nothing["nodes"] == update["nodes"]


def test_a_plate_that_is_rendered_again_is_recognised(day):
    """Its files are new, but their pixels are those of the last job, so no matte is written."""
    assert day[0]["rendered_again"] == {"messages": [], "untouched": True, "plates": 2}


def test_any_node_can_be_the_plate(day):
    """Its frames are rendered next to the mattes, in the script's working space; the layout is the chosen one."""
    record = day[0]["rendered_plate"]
    assert record["messages"] == []
    assert record["plates"] == ["sh010c.Multiply1.1001.exr", "sh010c.Multiply1.1002.exr"]
    assert record["mattes"] == ["sh010c.1001.exr", "sh010c.1002.exr"]
    assert record["pick"] == {"matteList": "hero"}
    assert ["STCN_sh010c_Cryptomatte1", "Cryptomatte", ["STCN_sh010c_Read1"]] in record["nodes"]
    assert ["STCN_sh010c_Copy1", "Copy", ["Multiply1", "STCN_sh010c_Cryptomatte1"]] in record["nodes"]
    assert yaml.safe_load(record["shot_file"])["colour"]["input"] == "linear"


def test_after_a_cancel_the_script_has_what_is_done(day):
    """The nodes are there; frames without a matte are a checkerboard, and the backdrop says why. No message is shown."""
    record = day[0]["cancelled"]
    assert record["messages"] == []
    assert len(record["printed"]) == 1
    assert record["printed"][0].startswith("STCN: ")
    assert ["STCN_sh010s_Copy1", "Copy", ["Read1", "STCN_sh010s_Read1"]] in record["nodes"]
    assert record["on_error"] == "checkerboard"
    assert record["label"].splitlines()[2] == "not finished"
    for path in (day[1] / "stopped").glob("*.exr"):
        assert set(layers_of(path)) == {"R", "G", "B", "A", "hero.A"}


def test_after_a_cancel_the_next_job_goes_on(day, tmp_path):
    """With the same settings and keyframes, at another frame: mattes on disk stay, and all equal an undisturbed run."""
    before, after = day[0]["cancelled"]["times"], day[0]["resumed"]
    assert after["messages"] == []
    assert 0 < len(before) < len(FRAMES)
    assert after["times"].items() >= before.items()
    assert list(after["times"]) == [f"sh010s.{frame}.exr" for frame in FRAMES]
    assert after["read"] == {"first": 1001, "last": 1008, "on_error": "error"}
    assert "not finished" not in after["label"]
    assert list(yaml.safe_load(after["shot_file"])["keyframes"]) == [1001]
    propagate(load_shot(day[1] / "stopped" / "sh010s.stcn.yaml", overrides=[f"out={tmp_path}/sh010s.####.exr"]))
    for name in after["times"]:
        theirs, ours = layers_of(day[1] / "stopped" / name), layers_of(tmp_path / name)
        np.testing.assert_array_equal(theirs["hero.A"], ours["hero.A"], err_msg=name)


def test_jobs_run_one_after_another(day):
    """The second shows that it waits; both add their mattes."""
    record = day[0]["queued"]
    assert record["messages"] == []
    assert [Path(out).name for out in record["order"]] == ["one.####.exr", "two.####.exr"]
    first, second = record["logs"]
    assert "Waiting for 1 other job" in second
    assert "Waiting for 1 other job" not in first
    assert (first[-2], second[-2]) == (100, 100)


def test_rendering_the_plate_can_be_cancelled(day):
    """Between chunks of frames; no job is started."""
    record = day[0]["plate_cancelled"]
    assert record["messages"] == []
    assert "rendering 'Multiply1' was cancelled" in record["printed"]
    assert record["plates"] == [f"sh010p.Multiply1.{frame}.exr" for frame in range(1001, 1005)]


def test_an_error_of_the_worker_is_one_message(day):
    """The message has the problem and the fix; all of these jobs used the same worker."""
    (message,) = day[0]["error"]
    assert message.startswith("STCN: ")
    assert "the OCIO config has no colour space 'no such space'" in message


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
    assert "stcn: 100 %, frame 1003, step 4 of 4" in lines  # the keyframe is finished, then starts the pass
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
