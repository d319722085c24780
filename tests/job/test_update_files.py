"""Runs after a keyframe has changed: only the frames that it affects are written, with the mattes of a whole run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clip_files import A, B, state
from PIL import Image

from stcn_plugin import make_shot
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.errors import CancelledError
from stcn_plugin.evaluation.hard import region_overlap
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.media.images import read_image
from stcn_plugin.media.keyframes import read_keyframe
from stcn_plugin.media.window import Window

pytestmark = pytest.mark.slow

FRAMES = range(1001, 1009)


def frames_written(before, after) -> list[int]:
    """Return the frames whose files differ; fails if a file is missing or incomplete."""
    assert set(after) >= set(before)
    return sorted({int(name.split(".")[-2]) for name in after if after[name] != before.get(name)})


@pytest.fixture
def updated(clip, engine):
    """Run a shot with the old keyframes, then with the new ones; return the report and what was written."""

    def call(old, new, *settings, **arguments):
        def shot(keyframes):
            overrides = ["compute.precision=float32", *settings]
            given = {"plate": clip.plate, "out": clip.out, "keyframes": keyframes, "overrides": overrides}
            return make_shot(**(given | arguments))

        build(prepare(shot(old)), lambda _: engine)
        folder = Path(shot(new).out).parent
        before = state(folder)
        report = build(prepare(shot(new)), lambda _: engine)
        assert frames_written(before, state(folder)) == list(report.frames)
        return report

    return call


@pytest.mark.parametrize(
    ("old", "new", "settings", "written"),
    [
        pytest.param([1001, 1003, 1007], [1001, 1003, 1005, 1007], [], [1004, 1005, 1006], id="between two"),
        pytest.param([1003, 1006], [1001, 1003, 1006], [], [1001, 1002], id="before the first"),
        pytest.param([1002, 1005], [1002, 1005, 1007], [], [1006, 1007, 1008], id="after the last"),
        pytest.param([1001, 1004, 1006], [1001, 1006], [], range(1002, 1006), id="one that is gone"),
        pytest.param([1003, 1006], [1006], [], range(1001, 1006), id="the first is gone"),
        pytest.param([1001, 1004, 1008], [1001, 1002, 1004, 1006, 1008], [], [1002, 1003, 1005, 1006, 1007], id="two spans"),
        pytest.param([1001, 1008], [1001, 1003, 1005, 1008], [], range(1002, 1008), id="two that meet"),
        pytest.param([1001, 1007], [1001, 1004, 1007], ["direction=forward"], [1003, 1004, 1005, 1006], id="forward"),
        pytest.param([1001, 1007], [1001, 1004, 1007], ["direction=backward"], [1002, 1003, 1004, 1005], id="backward"),
        pytest.param([1003], [1003, 1006], ["direction=backward"], [1004, 1005, 1006], id="backward, last"),
        pytest.param([1001, 1003, 1007], [1001, 1003, 1005, 1007], ["memory.interval=1"], [1004, 1005, 1006], id="every frame memorised"),
    ],
)  # fmt: skip
def test_only_affected_frames_are_written(clip, updated, old, new, settings, written):
    """All other files are the same files. Beside a new keyframe, the frame that was not propagated from it is stabilised with it."""
    report = updated(
        {frame: clip.keyframe(frame, A) for frame in old},
        {frame: clip.keyframe(frame, A) for frame in new},
        *settings,
    )
    assert list(report.frames) == list(written)
    assert report.files == tuple(clip.out.replace("####", str(frame)) for frame in written)
    for frame in new:
        np.testing.assert_array_equal(clip.matte(frame), clip.mask(frame, A))


def test_an_update_of_a_range_with_steps(clip, updated):
    """The neighbours are those of the range; frames in its gaps have no files."""
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1005, 1007)}
    report = updated({1001: keys[1001], 1007: keys[1007]}, keys, range="1001-1008x2")
    assert list(report.frames) == [1003, 1005]


@pytest.mark.parametrize(("policy", "written"), [("skip", [1004, 1006]), ("hold", [1004, 1005, 1006])])
def test_missing_frames_in_an_update(clip, updated, policy, written):
    """Held frames are written like others, skipped ones are not."""
    (clip.folder / "plate.1005.png").unlink()
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1003, 1006, 1007)}
    old = {frame: keys[frame] for frame in (1001, 1003, 1007)}
    assert list(updated(old, keys, f"read.missing={policy}").frames) == written


def test_an_update_equals_a_run_of_the_whole_shot(clip, updated, propagated):
    """To the bit: a segment depends on nothing outside of it."""
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1003, 1005, 1007)}
    updated({frame: keys[frame] for frame in (1001, 1003, 1007)}, keys)
    ours = {frame: clip.matte(frame) for frame in FRAMES}
    propagated(keys)
    for frame in (1004, 1005, 1006):
        np.testing.assert_array_equal(ours[frame], clip.matte(frame))


def test_an_update_corrects_wrong_mattes(clip, updated):
    """A keyframe of the wrong disc is replaced by a right one."""
    wrong = {"file": clip.keyframe(1003, B)["file"], "objects": {"a0": B + 1}}
    right = clip.keyframe(1001, A)

    def overlap(frame):
        return region_overlap(clip.matte(frame) > 0.5, clip.mask(frame, A) > 0.5)

    updated({1001: right}, {1001: right, 1003: wrong}, "matte.stabilise=off", "matte.edges=off")
    assert max(overlap(frame) for frame in range(1002, 1006)) < 0.3
    report = updated(
        {1001: right, 1003: wrong},
        {1001: right, 1003: clip.keyframe(1003, A)},
        "matte.stabilise=off",
        "matte.edges=off",
    )
    assert list(report.frames) == list(range(1002, 1009))
    assert min(overlap(frame) for frame in range(1002, 1009)) > 0.8


LAYOUTS = [
    ("exr", "layers"),
    ("exr", "per_object"),
    ("png", "per_object"),
    ("tif", "per_object"),
    ("exr", "cryptomatte"),
]


def delivered(clip, layout, suffix, frame, name):
    """Return a matte as the keyframe reader reads it from the files."""
    window = Window(0, 0, 144, 96)
    by_object = layout == "per_object"
    path = clip.folder / "out" / (f"m.{name}.{frame}.{suffix}" if by_object else f"m.{frame}.{suffix}")
    selector = {"layers": f"{name}.A", "cryptomatte": name}.get(layout)
    mattes = read_keyframe(path, frame=frame, window=window, display=window, selector=selector, only_name=name).mattes
    return mattes[name]


@pytest.mark.parametrize(("suffix", "layout"), LAYOUTS)
def test_a_segment_is_rebuilt_for_all_objects(clip, updated, propagated, suffix, layout):
    """Keyframes of one object do not end a segment; in every layout, the update equals a run of the whole shot."""
    arguments = {"out": str(clip.folder / "out" / f"m.####.{suffix}")}
    settings = [f"output.layout={layout}"]
    old = {1001: clip.keyframe(1001, A, B), 1003: clip.keyframe(1003, A), 1006: clip.keyframe(1006, A, B)}
    new = {**old, 1004: clip.keyframe(1004, A)}
    report = updated(old, new, *settings, **arguments)
    assert list(report.frames) == [1002, 1003, 1004, 1005]
    assert report.layout == layout
    ours = {(frame, name): delivered(clip, layout, suffix, frame, name) for frame in FRAMES for name in ("a0", "a2")}
    propagated(new, *settings, **arguments)
    for frame in FRAMES:
        for name, disc in (("a0", A), ("a2", B)):
            np.testing.assert_array_equal(ours[frame, name], delivered(clip, layout, suffix, frame, name))
            assert region_overlap(ours[frame, name] > 0.5, clip.mask(frame, disc) > 0.5) > 0.8


def test_objects_stay_absent_outside_their_range(clip, updated):
    """Also on updated frames; their absence lets the keyframes of the others end a segment."""
    old = {1001: clip.keyframe(1001, A), 1003: clip.keyframe(1003, B), 1008: clip.keyframe(1008, A)}
    new = {**old, 1006: clip.keyframe(1006, A)}
    report = updated(old, new, objects={"a2": "1002-1004"})
    assert list(report.frames) == list(range(1002, 1008))
    for frame in FRAMES:
        assert clip.matte(frame, "a2").any() == (1002 <= frame <= 1004)


def test_a_new_object_updates_the_whole_shot(clip, updated):
    """Every file gets its layer."""
    keys = {1001: clip.keyframe(1001, A), 1005: clip.keyframe(1005, B)}
    report = updated({1001: keys[1001]}, keys)
    assert list(report.frames) == list(FRAMES)
    assert all(region_overlap(clip.matte(frame, "a2") > 0.5, clip.mask(frame, B) > 0.5) > 0.7 for frame in FRAMES)


def test_progress_of_an_update(clip, engine, propagated):
    """Only the passes that start at the new keyframe run; those towards it are in the cache."""
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1003, 1005, 1007)}
    propagated({frame: keys[frame] for frame in (1001, 1003, 1007)})
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keys, overrides=["compute.precision=float32"])
    seen, written = [], []
    watcher = Watcher(on_progress=seen.append, on_frame=lambda frame, _: written.append(frame))
    build(prepare(shot), lambda _: engine, watcher=watcher)
    # Backward from 1005, forward from 1005.
    assert [progress.frame for progress in seen] == [1005, 1004, 1005, 1006]
    assert [progress.done for progress in seen] == list(range(1, 5))
    assert {progress.total for progress in seen} == {4}
    assert sorted(written) == [1004, 1005, 1006]


def test_a_cancelled_update_can_be_run_again(clip, engine, propagated):
    """It leaves complete files, and none outside the update; the second run gives the expected mattes."""
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1003, 1005, 1007)}
    propagated({frame: keys[frame] for frame in (1001, 1003, 1007)})
    before = state(clip.folder / "out")
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keys, overrides=["compute.precision=float32"])
    seen = []
    with pytest.raises(CancelledError):
        build(
            prepare(shot),
            lambda _: engine,
            watcher=Watcher(on_progress=seen.append, is_cancelled=lambda: len(seen) == 2),
        )
    cancelled = state(clip.folder / "out")
    assert frames_written(before, cancelled) == [1004]
    assert set(cancelled) == set(before)
    for frame in FRAMES:
        assert read_image(clip.out.replace("####", str(frame))).pixels.shape == (96, 144, 5)
    build(prepare(shot), lambda _: engine)
    again = {frame: clip.matte(frame) for frame in FRAMES}
    build(prepare(shot), lambda _: engine, options=BuildOptions(rebuild=True))
    for frame in (1004, 1005, 1006):
        np.testing.assert_array_equal(again[frame], clip.matte(frame))


def test_overlays_of_an_update(clip, updated):
    """Only overlays of updated frames are written; the contact sheet has all frames."""
    look = clip.folder / "look"
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1003, 1005, 1007)}
    old = {frame: keys[frame] for frame in (1001, 1003, 1007)}
    setting = f"overlay.folder={look}"
    updated(old, old, setting)
    before, sheet = state(look), Image.open(look / "contact_sheet.jpg").copy()
    report = updated(old, keys, setting)
    assert report.contact_sheet == str(look / "contact_sheet.jpg")
    with Image.open(look / "contact_sheet.jpg") as again:
        assert again.size == sheet.size
        difference = np.abs(np.asarray(again, np.int16) - np.asarray(sheet, np.int16)).mean(axis=-1)
    # Three columns of 144 pixels: tile 0 is frame 1001, tile 4 is 1005.
    assert difference[6:102, 6:150].mean() < 4
    assert set(before) == set(state(look))
