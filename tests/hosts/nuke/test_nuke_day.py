"""A day of an artist in the stand-in for Nuke, and the next morning in a new process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from nuke_tests import HERE, bare_environment
from three_objects import FRAMES, discs, largest_difference, matte_of, propagate_plainly, write_plate

from stcn_plugin.install.nuke import install

pytestmark = pytest.mark.slow

OBJECTS = ("hero", "ball", "flag")
DRAWN = {1001: OBJECTS, 1003: ("hero",), 1005: ("ball",), 1007: OBJECTS}
LEVELS = ("matte.black=0.3", "matte.white=0.7")


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """The folder, what happened on the first day, and on the next."""
    home, folder = tmp_path_factory.mktemp("home") / ".nuke", tmp_path_factory.mktemp("day")
    install(home, python=sys.executable)
    (folder / "plate").mkdir()
    plate = write_plate(folder / "plate")
    (folder / "discs.json").write_text(json.dumps({frame: discs(frame) for frame in FRAMES}), "utf-8")

    def run(part):
        record = folder / f"{part}.json"
        command = [sys.executable, "-S", str(HERE / "drive_day.py"), home, part, plate, folder, record]
        result = subprocess.run(command, env=bare_environment(), capture_output=True, text=True, timeout=600)
        assert result.returncode == 0, result.stdout + result.stderr
        return json.loads(record.read_text("utf-8"))

    return folder, run("first"), run("next")


def written(before, after):
    """Frames whose mattes were written between two steps."""
    names = [name for name in after["files"] if Path(name).parent == Path("sh010")]
    return [int(name.split(".")[-2]) for name in names if before["files"].get(name) != after["files"][name]]


def cached(step):
    """When the network's results were written."""
    return {name: time for name, time in step["files"].items() if "_matte" not in Path(name).name}


def plain(day, tmp_path, *options):
    """The mattes of ``stcn propagate`` with the same keyframes, and no host."""
    files = day[0] / "mattes" / "sh010" / "keyframes"
    keyframes = {
        frame: {name: f"{files}/sh010_matte.{name}.{frame}.exr:A" for name in names} for frame, names in DRAWN.items()
    }
    plate, colour = f"{day[0]}/plate/sh010.####.exr", "colour.input=linear"
    return propagate_plainly(tmp_path / "plain", plate, keyframes, colour, *options)


def test_after_a_cancel_the_next_press_goes_on(day):
    """The backdrop says that it is not finished, the panel what to do, and no matte is written twice."""
    cancel, go_on = day[1]["cancel"], day[1]["go on"]
    assert cancel["messages"] == go_on["messages"] == []
    assert cancel["last job"] == "cancelled. Propagate goes on from there"
    assert "not finished" in cancel["labels"][0]
    done = written({"files": {}}, cancel)
    assert 0 < len(done) < len(FRAMES)
    assert "not finished" not in go_on["labels"][0]
    assert sorted([*done, *written(cancel, go_on)]) == list(FRAMES)
    assert go_on["last job"].endswith("of hero, ball, flag; reason: the last run did not finish these frames")


def test_the_panel_is_filled_in(day):
    """Groups of the roto are the objects, and the mattes are named after the plate, next to the script."""
    panel = day[1]["panel"]
    assert panel["mattes"] == f"{day[0]}/mattes/sh010/sh010_matte.####.exr"
    assert (panel["plate"], panel["frame range"], panel["keyframes"]) == (
        "Read1",
        "1001-1012",
        "where the roto has keys",
    )
    assert (panel["last job"], panel["layout"]) == ("", "from the preset")
    assert day[1]["go on"]["labels"][0].splitlines()[:2] == ["STCN sh010_matte", "hero, ball, flag"]


def test_two_corrections_change_the_frames_between_their_neighbours(day, tmp_path):
    """No other frame is written, and all mattes are those of a run without Nuke."""
    before, after = day[1]["go on"], day[1]["correct"]
    assert written(before, after) == [1002, 1003, 1004, 1005, 1006]
    reasons = "reason: keyframe 1003 is new; reason: keyframe 1005 is new"
    assert after["printed"] == [f"STCN: 5 frames (1002-1006) of hero, ball, flag; {reasons}"]
    assert largest_difference(day[0] / "corrected", plain(day, tmp_path)) == 0


def test_levels_take_no_network(day, tmp_path):
    """All mattes are written from the cache."""
    before, after = day[1]["correct"], day[1]["levels"]
    assert written(before, after) == list(FRAMES)
    assert cached(before) == cached(after) != {}
    assert largest_difference(day[0] / "levels", plain(day, tmp_path, *LEVELS)) == 0


def test_cryptomatte_instead_of_layers(day, tmp_path):
    """The artist's connections now carry the objects of the Cryptomatte."""
    before, after = day[1]["levels"], day[1]["cryptomatte"]
    assert cached(before) == cached(after)
    assert after["nodes"].count("Cryptomatte") == len(OBJECTS)
    mattes = day[0] / "mattes" / "sh010"
    assert largest_difference(mattes, plain(day, tmp_path, *LEVELS, "output.layout=cryptomatte")) == 0
    check_shown(day, "evening")


def check_shown(day, when):
    """The last node of the mattes shows the mattes on disk."""
    with np.load(day[0] / f"{when}.npz") as shown:
        assert len(shown.files) == 2 * len(OBJECTS)
        for key in shown.files:
            name, _, frame = key.rpartition(":")
            matte = matte_of(day[0] / "mattes" / "sh010" / f"sh010_matte.{frame}.exr", name)
            np.testing.assert_array_equal(shown[key], matte, err_msg=key)


def test_the_next_day_everything_is_there(day):
    """Settings, mattes, the frames to look at and the last result, in a new process."""
    evening, morning = day[1]["cryptomatte"], day[2]
    panel = morning["panel"]
    assert (panel["black"], panel["matte_black"], panel["white"], panel["matte_white"]) == (True, 0.3, True, 0.7)
    assert (panel["layout"], panel["grow"], panel["keyframes"]) == ("cryptomatte", False, "where the roto has keys")
    assert panel["last job"] == evening["last job"] != ""
    assert morning["opened"]["nodes"] == evening["nodes"]
    assert morning["doubtful"]["messages"] == []
    assert morning["doubtful"]["frames"] == evening["frames"] != []
    check_shown(day, "morning")


def test_the_next_day_there_is_nothing_to_do(day):
    """Nothing is written; the same nodes and the same frames to look at."""
    evening, again = day[1]["cryptomatte"], day[2]["again"]
    assert again["messages"] == []
    assert again["printed"] == ["STCN: Nothing to do, all mattes are up to date"]
    assert again["last job"] == "sh010_matte: Nothing to do, all mattes are up to date"
    assert written(evening, again) == []
    assert cached(evening) == cached(again)
    assert (again["nodes"], again["frames"]) == (evening["nodes"], evening["frames"])
