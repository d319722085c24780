"""A day of an artist in Blender, and the next morning in a new process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from blender_shot import read_channels
from three_objects import FRAMES, discs, largest_difference, matte_of, outline, propagate_plainly, write_plate

pytestmark = pytest.mark.slow

OBJECTS = ("hero", "ball", "flag")
LOOKED_AT = (1004, 1010)
DRAWN = {1001: OBJECTS, 1003: ("hero",), 1005: ("ball",), 1007: OBJECTS}
LEVELS = ("matte.black=0.3", "matte.white=0.7")


@pytest.fixture(scope="module")
def day(blender, tmp_path_factory):
    """The folder, what happened on the first day, and on the next."""
    folder = tmp_path_factory.mktemp("day")
    (folder / "plate").mkdir()
    plate = write_plate(folder / "plate")
    outlines = {frame: {name: outline(disc) for name, disc in discs(frame).items()} for frame in FRAMES}
    given = {"plate": plate.replace("####", "1001"), "outlines": outlines, "looked_at": LOOKED_AT}
    first = blender.run("day", folder, **given)
    return folder, first, blender.run("next_day", folder, **given)


def written(before, after, folder="sh010"):
    """Frames whose mattes were written between two steps."""
    names = [name for name, time in after["times"].items() if Path(name).parent == Path(folder)]
    return [int(name.split(".")[-2]) for name in names if before["times"].get(name) != after["times"][name]]


def cached(step):
    """When the network's results were written."""
    return {name: time for name, time in step["times"].items() if "_matte" not in Path(name).name}


def plain(day, tmp_path, *options):
    """The mattes of ``stcn propagate`` with the same keyframes, and no host."""
    folder = day[0]
    files = folder / "mattes" / "sh010" / "keyframes"
    keyframes = {
        frame: {name: f"{files}/sh010_matte.{name}.{frame}.exr:R" for name in names} for frame, names in DRAWN.items()
    }
    colour = "colour.input=lin_rec709"
    return propagate_plainly(tmp_path / "plain", f"{folder}/plate/sh010.####.exr", keyframes, colour, *options)


def test_after_a_cancel_the_next_press_goes_on(day):
    """The panel says so, the nodes say that they are not finished, and no matte is written twice."""
    cancel, go_on = day[1]["record"]["cancel"], day[1]["record"]["go on"]
    assert cancel["ended"] == ["CANCELLED"]
    assert "Cancelled. Propagate goes on from there." in cancel["panel"]
    assert any("not finished" in label for label in cancel["labels"])
    done = written({"times": {}}, cancel)
    assert 3 <= len(done) < len(FRAMES)
    assert go_on["ended"] == ["FINISHED"]
    assert not any("not finished" in label for label in go_on["labels"])
    assert sorted([*done, *written(cancel, go_on)]) == list(FRAMES)
    assert any("the last run did not finish these frames" in line for line in go_on["panel"])


def test_the_keys_of_the_mask_are_the_keyframes(day):
    """Wherever the artist is on the timeline; the licence is shown once, and nothing else is warned about."""
    (warning,) = day[1]["record"]["go on"]["warnings"]
    assert "'starter' are for non-commercial work only" in warning
    keyframes = {(1001, name) for name in OBJECTS} | {(1007, name) for name in OBJECTS}
    files = [Path(name) for name in day[1]["record"]["go on"]["times"] if "keyframes" in name]
    assert {(int(file.suffixes[-2][1:]), file.suffixes[-3][1:]) for file in files} == keyframes
    assert "CC-BY-NC" not in warning
    assert sum(line.startswith("Weights: starter") for line in day[1]["record"]["go on"]["panel"]) == 1


def test_two_corrections_change_the_frames_between_their_neighbours(day, tmp_path):
    """No other frame is written, and all mattes are those of a run without Blender."""
    before, after = day[1]["record"]["go on"], day[1]["record"]["correct"]
    assert written(before, after) == [1002, 1003, 1004, 1005, 1006]
    assert [line for line in after["panel"] if "keyframe 1003 is new" in line and "keyframe 1005 is new" in line]
    difference = largest_difference(day[0] / "corrected" / "sh010", plain(day, tmp_path))
    print(f"Blender {day[1]['version']}: layers differ by {difference} from stcn propagate")
    assert difference == 0


def test_levels_take_no_network(day, tmp_path):
    """All mattes are written from the cache."""
    before, after = day[1]["record"]["correct"], day[1]["record"]["levels"]
    assert written(before, after) == list(FRAMES)
    assert cached(before) == cached(after) != {}
    assert largest_difference(day[0] / "levels" / "sh010", plain(day, tmp_path, *LEVELS)) == 0


def test_cryptomatte_instead_of_layers(day, tmp_path):
    """The artist's connections now carry the objects of the Cryptomatte."""
    before, after = day[1]["record"]["levels"], day[1]["record"]["cryptomatte"]
    assert cached(before) == cached(after)
    assert after["nodes"].count("CompositorNodeCryptomatteV2") == len(OBJECTS)
    assert after["nodes"].count("CompositorNodeSetAlpha") == before["nodes"].count("CompositorNodeSetAlpha")
    mattes = day[0] / "mattes" / "sh010"
    assert largest_difference(mattes, plain(day, tmp_path, *LEVELS, "output.layout=cryptomatte")) == 0
    assert largest_rendered_difference(day, day[1]["renders"]) <= 1e-6


def largest_rendered_difference(day, renders):
    """Between what Blender composites and the mattes on disk."""
    mattes = day[0] / "mattes" / "sh010"
    assert len(renders) == len(OBJECTS) * len(LOOKED_AT)
    differences = [
        np.abs(read_channels(path)["R"] - matte_of(mattes / f"sh010_matte.{frame}.exr", name)).max()
        for (name, _, frame), path in ((key.rpartition(":"), path) for key, path in renders.items())
    ]
    return float(max(differences))


def test_the_next_day_everything_is_there(day):
    """Settings, mattes, and the frames to look at, in a new process."""
    evening, opened = day[1]["record"]["cryptomatte"], day[2]["opened"]
    assert (opened["mask"], opened["shot_file"]) == ("roto", f"{day[0]}/mattes/sh010/sh010_matte.stcn.yaml")
    for line in ("Black = on, 0.3", "White = on, 0.7", "Layout = cryptomatte", "Grow = off"):
        assert line in opened["settings"]
    assert opened["markers"] == evening["markers"] != []
    looks = [line for line in opened["panel"] if line.startswith("[")]
    assert looks == [line for line in evening["panel"] if line.startswith("[")]
    assert len(looks) == len(evening["markers"])
    assert largest_rendered_difference(day, day[2]["renders"]) <= 1e-6


def test_the_next_day_there_is_nothing_to_do(day):
    """Nothing is written, and the nodes and markers are the same."""
    evening, morning = day[1]["record"]["cryptomatte"], day[2]
    assert "Nothing to do, all mattes are up to date" in morning["panel"]
    assert written(evening, morning) == []
    assert cached(evening) == cached(morning)
    assert morning["markers"] == evening["markers"]
    assert morning["nodes"][0] == morning["nodes"][1] == evening["nodes"]
