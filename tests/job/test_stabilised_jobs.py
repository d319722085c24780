"""Stabilised mattes of whole jobs: which frames take part, and that runs in parts give the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stcn_plugin import make_shot
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.matte.sight import Moment
from stcn_plugin.matte.stabiliser import stabilise

FRAMES = range(1001, 1009)
RAW = (
    "size=96",
    "window=frame",
    "matte.black=0",
    "matte.white=1",
    "output.depth=float",
    "compute.precision=float32",
    "matte.edges=off",
)


@pytest.fixture
def built(clip, engine):
    """Build the clip with some settings; `engine_for` fails if the network must not run."""

    def run(keyframes, *settings, network=True, **options):
        def engine_for(_):
            assert network, "the network ran"
            return engine

        arguments = {"plate": clip.plate, "out": clip.out, "keyframes": keyframes, "overrides": settings}
        return build(prepare(make_shot(**arguments)), engine_for, options=BuildOptions(**options))

    return run


def files(clip) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path(clip.out).parent.glob("*.exr"))}


def moment(clip, frame: int, matte: np.ndarray) -> Moment:
    return Moment(np.asarray(Image.open(clip.folder / f"plate.{frame}.png"), np.float32) / 255, {"a0": matte})


def test_mattes_are_stabilised_with_their_neighbours(clip, built):
    """With keyframes as the artist drew them, and without frames beyond the shot. Keyframes themselves do not change."""
    keyframes = {1001: clip.keyframe(1001, 0), 1005: clip.keyframe(1005, 0)}
    built(keyframes, *RAW, "matte.stabilise=off")
    raw = {frame: moment(clip, frame, clip.matte(frame)) for frame in FRAMES}
    report = built(keyframes, *RAW, "matte.stabilise=1", network=False)
    assert list(report.frames) == list(FRAMES)
    for frame in FRAMES:
        if frame in keyframes:
            np.testing.assert_array_equal(clip.matte(frame), clip.mask(frame, 0))
            continue
        others = [raw[each] for each in (frame - 1, frame + 1) if each in raw]
        expected = stabilise(raw[frame], others, {"a0": 1.0})["a0"].matte
        np.testing.assert_allclose(clip.matte(frame), expected, atol=1e-3, err_msg=str(frame))  # half floats
        assert np.abs(clip.matte(frame) - raw[frame].mattes["a0"]).max() > 0.02, "nothing was stabilised"
    (summary,) = report.flicker
    assert (summary.name, summary.frames, summary.strength) == ("a0", 6, 1.0)
    assert 0 < summary.flicker < 0.5


@pytest.mark.parametrize("keyframes", [(1004,), (1001, 1008), (1003, 1006)])
def test_without_a_cache_the_bytes_are_the_same(clip, built, keyframes):
    """The probabilities of neighbours come from memory, from the backward pass or from the cache."""
    given = {frame: clip.keyframe(frame, 0) for frame in keyframes}
    built(given, "size=64", "matte.stabilise=1")
    expected = files(clip)
    built(given, "size=64", "matte.stabilise=1", "cache=off", rebuild=True)
    assert files(clip) == expected


def test_a_new_keyframe_gives_the_same_bytes_as_all_at_once(clip, built):
    """It is a neighbour of the last frame of the segment before."""
    keyframes = {frame: clip.keyframe(frame, 0) for frame in (1001, 1005)}
    built(keyframes, "size=64", "matte.stabilise=1")
    expected = files(clip)
    built({1001: keyframes[1001]}, "size=64", "matte.stabilise=1", rebuild=True)
    assert files(clip) != expected
    built(keyframes, "size=64", "matte.stabilise=1")
    assert files(clip) == expected


@pytest.mark.parametrize("lost", [1003, 1004, 1005])
def test_lost_probabilities_of_a_neighbour_are_found_again(clip, built, lost):
    """A matte is only finished when its neighbours are known."""
    given = {1001: clip.keyframe(1001, 0)}
    built(given, "size=64", "matte.stabilise=1")
    expected = files(clip)
    (cached,) = (clip.folder / "out" / "matte.exr.stcn-cache").rglob(f"*{lost}*.exr")
    cached.unlink()
    (clip.folder / "out" / "matte.1004.exr").unlink()
    assert built(given, "size=64", "matte.stabilise=1").frames == (1004,)
    assert files(clip) == expected


def test_segments_alone_give_the_same_bytes(clip, built):
    """Of other segments, only keyframes take part, so that each can run on a machine of its own."""
    keyframes = {frame: clip.keyframe(frame, 0) for frame in (1001, 1004, 1007)}
    built(keyframes, "size=64", "matte.stabilise=1")
    expected = files(clip)
    for path in clip.folder.glob("out/*.exr"):
        path.unlink()
    for segment in (3, 1, 2):
        built(keyframes, "size=64", "matte.stabilise=1", "cache=off", segments=(segment,))
    assert files(clip) == expected


def test_auto_leaves_mattes_without_flicker_alone(clip, built, monkeypatch):
    """The setting changes nothing then, not even the last bit."""
    given = {1001: clip.keyframe(1001, 0)}
    built(given, "size=64", "matte.stabilise=off")
    expected = files(clip)
    monkeypatch.setattr("stcn_plugin.matte.stabiliser._STEADY", 10.0)
    monkeypatch.setattr("stcn_plugin.matte.stabiliser._UNSTEADY", 20.0)
    report = built(given, "size=64", "matte.stabilise=auto", network=False)
    assert report.flicker[0].strength == 0
    assert files(clip) == expected
