"""Alpha of keyframes on other frames of a job: which keyframe, and that runs in parts give the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stcn_plugin import make_shot
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.job import keyframe_match as job_match
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.matte.keyframe_match import match_keyframe
from stcn_plugin.matte.refinement import EdgeReport, Refiner
from stcn_plugin.matte.sight import Moment

FRAMES = range(1001, 1009)
SETTINGS = ("size=96", "compute.precision=float32", "matte.stabilise=off", "matte.edges=guided", "output.depth=float")


@pytest.fixture
def built(clip, engine):
    """Build the clip with some settings."""

    def run(keyframes, *settings, **options):
        arguments = {"plate": clip.plate, "out": clip.out, "keyframes": keyframes, "overrides": (*SETTINGS, *settings)}
        return build(prepare(make_shot(**arguments)), lambda _: engine, options=BuildOptions(**options))

    return run


@pytest.fixture
def keyframes_used(monkeypatch):
    """Record how often mattes are matched with a keyframe."""
    calls = []

    def recorded(now, keyframe, names):
        calls.append(tuple(names))
        return match_keyframe(now, keyframe, names)

    monkeypatch.setattr(job_match, "match_keyframe", recorded)
    return calls


def files(clip) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path(clip.out).parent.glob("*.exr"))}


def test_every_frame_is_matched_with_its_nearest_keyframe(clip, built, monkeypatch):
    """At the size of the plate, so that the result is that of the function, with the default matte levels undone."""
    monkeypatch.setattr(Refiner, "refine", lambda self, own, plate, objects: (own, (EdgeReport(),) * len(objects)))
    raw = ("window=frame", "matte.black=0", "matte.white=1")
    keyframes = {frame: clip.keyframe(frame, 0) for frame in (1001, 1006)}
    with monkeypatch.context() as without:
        without.setattr(job_match, "match_keyframe", lambda now, keyframe, names: now.mattes)
        built(keyframes, *raw)
        before = {frame: clip.matte(frame) for frame in FRAMES}
    built(keyframes, *raw, rebuild=True)

    def moment(frame, matte):
        return Moment(np.asarray(Image.open(clip.folder / f"plate.{frame}.png"), np.float32) / 255, {"a0": matte})

    for frame in FRAMES:
        if frame in keyframes:
            continue
        nearest = moment(
            1001 if frame < 1004 else 1006, clip.mask(1001 if frame < 1004 else 1006, 0).astype(np.float32)
        )
        expected = match_keyframe(moment(frame, before[frame]), nearest, ["a0"])["a0"]
        np.testing.assert_allclose(clip.matte(frame), expected, atol=2e-3, err_msg=str(frame))
        assert np.abs(clip.matte(frame) - before[frame]).max() > 0.01, "nothing was matched"


def test_runs_in_parts_give_the_same_bytes(clip, built):
    """Without a cache, and every segment alone."""
    keyframes = {frame: clip.keyframe(frame, 0) for frame in (1001, 1004, 1007)}
    built(keyframes)
    expected = files(clip)
    built(keyframes, "cache=off", rebuild=True)
    assert files(clip) == expected
    for path in clip.folder.glob("out/*.exr"):
        path.unlink()
    for segment in (3, 1, 2):
        built(keyframes, "cache=off", segments=(segment,))
    assert files(clip) == expected


def test_a_new_keyframe_gives_the_same_bytes_as_all_at_once(clip, built):
    """It is the nearest one of frames that its passes do not reach, too."""
    keyframes = {frame: clip.keyframe(frame, 0) for frame in (1001, 1005)}
    built(keyframes)
    expected = files(clip)
    built({1001: keyframes[1001]}, rebuild=True)
    assert files(clip) != expected
    built(keyframes)
    assert files(clip) == expected


def test_another_plate_of_the_keyframe_finishes_its_frames_again(clip, built):
    """Also if no pass comes from there."""
    keyframes, forward = {frame: clip.keyframe(frame, 0) for frame in (1001, 1008)}, "direction=forward"
    built(keyframes, forward)
    path = clip.folder / "plate.1008.png"
    picture = Image.open(path)
    path.unlink()
    picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    assert built(keyframes, forward).frames == (1005, 1006, 1007, 1008)
    found = files(clip)
    built(keyframes, forward, rebuild=True)
    assert files(clip) == found


def test_only_objects_whose_edges_are_refined_are_matched(clip, built, keyframes_used):
    keyframes = {1001: clip.keyframe(1001, 0, 1)}
    built(keyframes, "matte.edges=off")
    assert keyframes_used == []
    built(keyframes)
    assert len(keyframes_used) >= 7
    assert set(sum(keyframes_used, ())) == {"a0", "a1"}
