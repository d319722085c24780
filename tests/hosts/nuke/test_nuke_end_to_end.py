"""The installed plugin in the stand-in for Nuke, with a real worker and real pixels."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from nuke_tests import FRAMES, HEIGHT, HERE, WIDTH, bare_environment, pixels_of

from stcn_plugin import load_shot, make_shot, propagate

pytestmark = pytest.mark.slow


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
    assert record["printed"] == "STCN: cancelled; the mattes written so far are complete."
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
