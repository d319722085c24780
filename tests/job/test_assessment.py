"""The assessment of a job: confidence, doubtful frames, next keyframes, and the file in the cache with their figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stcn_plugin import make_shot
from stcn_plugin.bridge.assessment import Assessment, DoubtfulFrame, Problem, assessment_lines
from stcn_plugin.bridge.job import json_of
from stcn_plugin.bridge.report import Report
from stcn_plugin.confidence import grids
from stcn_plugin.errors import OutputError
from stcn_plugin.evaluation.matte_file import object_names
from stcn_plugin.job import assessment
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.matte.haze import Haze
from stcn_plugin.media.images import read_image


@pytest.fixture
def run(clip, engine):
    """Run the clip without doing again what is there."""

    def call(keyframes, *settings, **arguments):
        overrides = ["compute.precision=float32", *settings]
        shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keyframes, overrides=overrides, **arguments)
        return build(prepare(shot), lambda _: engine)

    return call


@pytest.fixture
def reads(monkeypatch):
    """Record which cache files are read for figures."""
    names = []
    read = grids.read_grids

    def recorded(path, *, made_from):
        names.append(path.name)
        return read(path, made_from=made_from)

    monkeypatch.setattr(assessment, "read_grids", recorded)
    return names


def test_the_report_assesses_every_object(clip, run):
    """Each object has a mean confidence; the figures of all frames are in the cache."""
    report = run({1001: clip.keyframe(1001, 0, 1), 1008: clip.keyframe(1008, 0, 1)})
    assert set(report.assessment.confidence) == {"a0", "a1"}
    assert all(0 < value < 1 for value in report.assessment.confidence.values())
    [file] = clip.folder.rglob("figures.json")
    frames = json.loads(file.read_text())["frames"]
    assert list(frames) == [str(frame) for frame in range(1001, 1009)]
    middle = frames["1004"]["objects"]["a0"]
    true = clip.mask(1004, 0).mean()
    assert middle["area"] == pytest.approx(true, rel=0.25)
    assert 0 < middle["agreement"] <= 1
    assert frames["1001"]["objects"]["a0"]["area"] == pytest.approx(clip.mask(1001, 0).mean(), rel=1e-3)
    assert "backward" not in frames["1008"]["arrivals"]["a0"]
    assert frames["1008"]["arrivals"]["a0"]["forward"] == pytest.approx(frames["1007"]["objects"]["a0"]["agreement"])
    assert "forward" not in frames["1001"]["arrivals"]["a0"]
    assert 0 < frames["1001"]["arrivals"]["a0"]["backward"] <= 1


def test_figures_are_computed_once(clip, run, reads):
    """A second run reads no probabilities; with a new keyframe, only those of frames that changed."""
    keyframes = {1001: clip.keyframe(1001, 0), 1008: clip.keyframe(1008, 0)}
    before = run(keyframes).assessment
    assert reads
    reads.clear()
    assert run(keyframes).assessment == before
    assert reads == []
    run({1008: clip.keyframe(1008, 0), 1001: clip.keyframe(1001, 0)}, "matte.black=0.2")
    assert reads == []
    run(keyframes | {1003: clip.keyframe(1003, 0)})
    assert {name.split(".")[1] for name in reads} >= {"1002", "1004", "1007"}


def test_a_wrong_keyframe_is_named(clip, run):
    """A keyframe that marks a corner of the frame, where nothing is, disagrees with both its neighbours."""
    wrong = np.zeros((96, 144), np.uint8)
    wrong[:9, :40] = 1
    image = Image.fromarray(wrong)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.save(clip.folder / "wrong.png")
    keyframes = {
        1001: clip.keyframe(1001, 0),
        1004: {"file": str(clip.folder / "wrong.png"), "objects": {"a0": 1}},
        1008: clip.keyframe(1008, 0),
    }
    problems = run(keyframes).assessment.problems
    assert [(each.frame, each.object_name) for each in problems if "disagrees" in each.what] == [(1004, "a0")]


def test_haze_is_named_until_the_mattes_have_none(clip, run, monkeypatch):
    """Also by a run that has nothing to do. Keyframes are not refined, so they have none."""
    keyframes = {1001: clip.keyframe(1001, 0), 1008: clip.keyframe(1008, 0)}
    monkeypatch.setattr(Haze, "cells", lambda self, detail, width: torch.ones_like(detail))
    report = run(keyframes)
    [edges] = report.edges
    assert edges.hazy == edges.doubtful == 1.0
    for found in (report.assessment, run(keyframes).assessment):
        [text] = [each.what for each in found.problems if "haze" in each.what]
        assert "'a0'" in text
        assert "1002-1007" in text
        assert "100%" in text
    monkeypatch.undo()
    problems = run(keyframes, "matte.edges=off").assessment.problems
    assert [each for each in problems if "haze" in each.what] == []


def test_there_is_no_assessment_without_a_cache(clip, run):
    report = run({1001: clip.keyframe(1001, 0)}, "cache=off")
    assert report.assessment is None
    assert not list(clip.folder.rglob("figures.json"))


def test_an_assessment_survives_the_pipe():
    """Host and worker read the same assessment."""
    found = Assessment(
        {"hero": 0.8},
        (DoubtfulFrame(1022, "hero", 0.42),),
        3,
        (1022, 1004),
        (Problem(1030, "hero", "vanishes", "Draw it"),),
    )
    report = Report(("hero",), {}, {}, "layers", "cpu", "float32", assessment=found)
    assert Report.from_json(json.loads(json.dumps(json_of(report)))).assessment == found


def test_lines_name_the_frames_in_the_numbers_of_the_host():
    found = Assessment(
        {"hero": 0.8}, (DoubtfulFrame(1022, "hero", 0.4), DoubtfulFrame(1007, "hero", 0.5)), 9, (1020, 1004)
    )
    lines = list(assessment_lines(found, frame_shift=1000))
    assert lines == ["doubtful: 9 frames; look at 7, 22", "next keyframe: 20"]
    assert list(assessment_lines(Assessment({"hero": 0.95}, (), 0, (1020,)))) == []


@pytest.mark.parametrize("layout", ["layers", "per_object", "cryptomatte"])
def test_the_confidence_of_every_pixel_is_a_channel(clip, run, layout):
    """It is 1 on a keyframe, 1 far from the object and 0 on its soft edge, and no object when read as a keyframe."""
    report = run({1001: clip.keyframe(1001, 0)}, "output.confidence=yes", f"output.layout={layout}")
    drawn, propagated = (read_image(Path(file)) for file in (report.files[0], report.files[3]))
    assert (drawn.channel("confidence.Y") == 1).all()
    found = propagated.channel("confidence.Y")
    assert found.shape == (96, 144)
    assert found[0, 0] == 1
    assert found.min() < 0.2
    soft = propagated.channel("A")
    middle, edge = soft > 0.99, (soft > 0.4) & (soft < 0.6)
    assert found[edge].mean() < 0.5 < found[middle].mean()
    assert object_names(Path(report.files[3])).names == (("matte",) if layout == "per_object" else ("a0",))


def test_a_confidence_needs_exr(clip):
    shot = make_shot(
        plate=clip.plate,
        out=clip.out.replace(".exr", ".png"),
        keyframes={1001: clip.keyframe(1001, 0)},
        overrides=["output.confidence=yes"],
    )
    with pytest.raises(OutputError, match=r"confidence needs EXR.*output\.confidence"):
        prepare(shot)
