"""Objects that leave and come back: several ranges, and empty keyframes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from golden.stand_in import golden_frames
from media.picture_files import write
from PIL import Image

from stcn_plugin import make_shot
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.errors import KeyframeError, PresetError
from stcn_plugin.evaluation.hard import region_overlap
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.propagate import propagate
from stcn_plugin.job.transfers import rounded
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.matte.finishing import finish
from stcn_plugin.media.window import Window
from stcn_plugin.presets.matte import Matte
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator
from stcn_plugin.training.keyframe_pictures import write_keyframe_pictures

FRAMES = range(1001, 1009)


@pytest.fixture
def shot_of(clip):
    """Make a shot of the clip."""

    def make(keyframes, *settings, **arguments):
        overrides = ["compute.precision=float32", "size=64", *settings]
        return make_shot(**{"plate": clip.plate, "out": clip.out, "keyframes": keyframes, "overrides": overrides} | arguments)  # fmt: skip

    return make


def layers(clip, frame, **discs):
    """Write an EXR with a layer for each object: the mask of a disc, or an empty matte for ``None``."""
    empty = np.zeros_like(clip.mask(frame, 0))
    planes = [empty if disc is None else clip.mask(frame, disc) for disc in discs.values()]
    path = clip.folder / f"layers.{frame}.exr"
    write(path, np.stack(planes, -1), "half", [f"{name}.A" for name in discs])
    return str(path)


def black(clip, frame):
    """Write a grey image of zeros."""
    path = clip.folder / f"black.{frame}.png"
    Image.fromarray(np.zeros(clip.mask(frame, 0).shape, np.uint8)).save(path)
    return str(path)


def present(clip, name="a0"):
    """Return the frames on which the matte of an object is not exactly 0."""
    return [frame for frame in FRAMES if clip.matte(frame, name).any()]


def mattes(clip, *names):
    return {(frame, name): clip.matte(frame, name) for frame in FRAMES for name in names}


def assert_segments_alone_are_the_same(shot, engine, clip, *names):
    """Run every segment of a job by itself, in reverse order, and compare bit for bit with all of them in one run."""
    job = prepare(shot)
    build(job, lambda _: engine)
    whole = mattes(clip, *names)
    assert len(job.segments) > 1
    shutil.rmtree(Path(clip.out).parent)
    job = prepare(shot)
    for number in range(len(job.segments), 0, -1):
        build(job, lambda _: engine, options=BuildOptions(segments=(number,)))
    for key, matte in mattes(clip, *names).items():
        np.testing.assert_array_equal(matte, whole[key], err_msg=str(key))


def test_an_object_comes_back_in_its_second_range(clip, engine, shot_of):
    """It is exactly 0 between its ranges, and found in each, before and after the keyframe there."""
    keyframes = {1001: clip.keyframe(1001, 0), 1007: clip.keyframe(1007, 0)}
    propagate(shot_of(keyframes, objects={"a0": ["1006-1008", "1001-1003"]}), engine_for=lambda _: engine)
    assert present(clip) == [1001, 1002, 1003, 1006, 1007, 1008]
    both = mattes(clip, "a0")
    for frame in present(clip):
        assert region_overlap(clip.matte(frame) > 0.5, clip.mask(frame, 0) > 0.5) > 0.8
    # Each range is as if it were the only one.
    propagate(shot_of({1007: keyframes[1007]}, objects={"a0": "1006-1008"}), engine_for=lambda _: engine)
    assert present(clip) == [1006, 1007, 1008]
    for frame in present(clip):
        np.testing.assert_array_equal(clip.matte(frame), both[frame, "a0"])


def test_another_object_goes_on_through_the_gap(clip, engine, shot_of):
    """It crosses the gap in both directions; the absent object leaves the pass and enters again."""
    keyframes = {1001: clip.keyframe(1001, 0, 2), 1004: clip.keyframe(1004, 2), 1007: clip.keyframe(1007, 0), 1008: clip.keyframe(1008, 2)}  # fmt: skip
    shot = shot_of(keyframes, objects={"a0": "1001-1002,1006-1007"})
    job = prepare(shot)
    assert [(segment.frames.start, segment.frames.stop) for segment in job.segments] == [(0, 3), (3, 8)]
    assert_segments_alone_are_the_same(shot, engine, clip, "a0", "a2")
    assert present(clip, "a0") == [1001, 1002, 1006, 1007]
    assert present(clip, "a2") == list(FRAMES)
    for frame in (1002, 1006):
        assert region_overlap(clip.matte(frame, "a0") > 0.5, clip.mask(frame, 0) > 0.5) > 0.7


def test_an_absent_object_has_no_effect_on_others(clip, engine, shot_of):
    """In the gap, the other object has the mattes of a pass from which the absent one was retired."""
    keyframes, settings = {1001: clip.keyframe(1001, 0, 2)}, ["size=native", "memory.interval=1", "direction=forward"]
    images = torch.from_numpy(golden_frames(8, 96, 144)).permute(0, 3, 1, 2).float() / 255
    expected = {}
    for is_retired in (True, False):
        propagator = Propagator(engine, objects=["a0", "a2"], settings=PropagationSettings(interval=1))
        for frame, image in zip(FRAMES, images, strict=True):
            if is_retired and frame == 1003:
                propagator.retire(["a0"])
            masks = {f"a{disc}": torch.from_numpy(clip.mask(frame, disc)) for disc in (0, 2)} if frame == 1001 else None
            own = rounded(propagator.step(image, masks).own).float()
            expected[is_retired, frame] = finish(own[1:], settings=[Matte()])[0].numpy()
    propagate(
        shot_of(
            keyframes,
            *settings,
            "output.depth=float",
            "matte.edges=off",
            "matte.stabilise=off",
            objects={"a0": "1001-1002"},
        ),
        engine_for=lambda _: engine,
    )
    for frame in range(1003, 1009):
        np.testing.assert_array_equal(clip.matte(frame, "a2"), expected[True, frame])
    assert any((expected[True, frame] != expected[False, frame]).any() for frame in FRAMES)


@pytest.mark.parametrize(
    ("direction", "frames"),
    [
        ("both", [1001, 1002, 1003, 1005, 1006, 1007, 1008]),
        ("forward", [1001, 1002, 1003, 1007, 1008]),
        ("backward", [1001, 1005, 1006, 1007]),
    ],
)
def test_an_empty_keyframe_says_that_the_object_is_absent(clip, engine, shot_of, direction, frames):
    """On its frame alone; before it the keyframe before counts, after it the next one."""
    keyframes = {1001: clip.keyframe(1001, 0), 1004: layers(clip, 1004, a0=None), 1007: clip.keyframe(1007, 0)}
    shot = shot_of(keyframes, f"direction={direction}", "matte.stabilise=off")
    assert_segments_alone_are_the_same(shot, engine, clip, "a0")
    assert present(clip) == frames
    found = mattes(clip, "a0")
    if direction == "both":
        propagate(shot_of({1001: keyframes[1001]}, "matte.stabilise=off"), engine_for=lambda _: engine)
        for frame in (1002, 1003):
            np.testing.assert_array_equal(clip.matte(frame), found[frame, "a0"])
        propagate(shot_of({1007: keyframes[1007]}, "matte.stabilise=off"), engine_for=lambda _: engine)
        for frame in (1005, 1006):
            np.testing.assert_array_equal(clip.matte(frame), found[frame, "a0"])


def test_one_of_two_layers_is_empty(clip, engine, shot_of):
    """The other object has a keyframe there, so the frame still ends a segment."""
    keyframes = {1001: layers(clip, 1001, a0=0, a2=2), 1005: (file := layers(clip, 1005, a0=None, a2=2)), 1008: layers(clip, 1008, a0=0, a2=2)}  # fmt: skip
    warnings = []
    shot = shot_of(keyframes)
    job = prepare(shot, watcher=Watcher(on_warning=warnings.append))
    assert warnings == [f"{file}: the matte of 'a0' is empty: it is treated as absent on frame 1005"]
    assert job.presence == {"a0": (range(4), range(5, 8)), "a2": (range(8),)}
    assert [segment.frames.start for segment in job.segments] == [0, 4]
    assert_segments_alone_are_the_same(shot, engine, clip, "a0", "a2")
    assert present(clip, "a0") == [frame for frame in FRAMES if frame != 1005]
    np.testing.assert_array_equal(clip.matte(1005, "a2"), clip.mask(1005, 2))


def test_a_black_image_applies_to_all_objects(clip, engine, shot_of):
    """To those of the other keyframes; nothing is in play there, so the segments end."""
    file = black(clip, 1004)
    shot = shot_of({1001: layers(clip, 1001, a0=0, a2=2), 1004: file})
    report = propagate(shot, engine_for=lambda _: engine)
    assert [text for text in report.warnings if "empty" in text] == [
        f"{file}: the mattes of 'a0', 'a2' are empty: they are treated as absent on frame 1004"
    ]
    for name in ("a0", "a2"):
        assert present(clip, name) == [1001, 1002, 1003]


def absent(shot):
    """Return the frames without each object, and the warnings about empty mattes."""
    warnings = []
    job = prepare(shot, watcher=Watcher(on_warning=warnings.append))
    frames = {
        name: [frame for index, frame in enumerate(job.frames) if not any(index in span for span in spans)]
        for name, spans in job.presence.items()
    }
    return frames, [text for text in warnings if "empty" in text]


def test_a_black_image_applies_to_the_named_object_or_to_those_without_another_file(clip, shot_of):
    """A single name of the shot names it; beside another file of its frame, it applies to the other objects."""
    one = {1001: {"file": clip.keyframe(1001, 0)["file"]}, 1004: black(clip, 1004)}
    frames, (warning,) = absent(shot_of(one, objects={"hero": None}))
    assert frames == {"hero": [1004]}
    assert "'hero'" in warning
    two = {1001: layers(clip, 1001, a0=0, a2=2), 1004: [clip.keyframe(1004, 2), black(clip, 1004)]}
    frames, (warning,) = absent(shot_of(two))
    assert frames == {"a0": [1004], "a2": []}
    assert "'a0'" in warning
    frames, (warning,) = absent(
        shot_of({1001: clip.keyframe(1001, 0), 1004: [clip.keyframe(1004, 0), black(clip, 1004)]})
    )
    assert frames == {"a0": []}
    assert "other files of frame 1004" in warning


def test_an_empty_matte_outside_the_range_of_its_object_agrees_with_it(clip, shot_of):
    """Exported layers may be empty on all frames where the object is not in the shot."""
    keyframes = {1001: layers(clip, 1001, a0=0, a2=2), 1006: layers(clip, 1006, a0=None, a2=2)}
    frames, (warning,) = absent(shot_of(keyframes, objects={"a0": "1001-1004"}))
    assert frames == {"a0": [1005, 1006, 1007, 1008], "a2": []}
    assert "frame 1006" in warning


def test_an_object_with_empty_mattes_alone_is_refused(clip, shot_of):
    """Nothing could be propagated. The error names file and object."""
    file = layers(clip, 1004, a0=0, a2=None)
    with pytest.raises(KeyframeError, match="'a2'") as caught:
        prepare(shot_of({1001: clip.keyframe(1001, 0), 1004: file}))
    assert caught.value.where == f"{file}, frame 1004"
    assert caught.value.fix
    with pytest.raises(KeyframeError, match="all pixels are background") as caught:
        prepare(shot_of({1004: black(clip, 1004)}))
    assert "frame 1004" in str(caught.value.where)
    with pytest.raises(KeyframeError, match="'hero'"):
        prepare(shot_of({1004: black(clip, 1004)}, objects={"hero": None}))


def test_two_files_of_one_frame_contradict_each_other(clip, shot_of):
    """An object cannot have a matte and be absent."""
    with pytest.raises(KeyframeError, match="'a0' of frame 1004"):
        prepare(shot_of({1001: clip.keyframe(1001, 0), 1004: [clip.keyframe(1004, 0), layers(clip, 1004, a0=None)]}))


@pytest.mark.parametrize(
    ("ranges", "frames", "words"),
    [
        ("1001-1003,1006-1008", [1001], ["1006-1008", "'a0'", "has no keyframe"]),
        ("1001-1003,1005,1007-1008", [1001, 1007], ["range 1005 ", "'a0'", "has no keyframe"]),
        ("1001-1003,1006-1008", [1001, 1005, 1007], ["frame 1005", "'a0'", "ranges 1001-1003,1006-1008"]),
        ("1001-1003,1020-1030", [1001], ["1020-1030", "'a0'", "outside the shot"]),
    ],
)
def test_ranges_and_keyframes_that_do_not_fit(clip, shot_of, ranges, frames, words):
    """Every range has a keyframe, and every keyframe is in a range; the error names range, frame and object."""
    keyframes = {frame: clip.keyframe(frame, 0) for frame in frames}
    with pytest.raises(PresetError) as caught:
        prepare(shot_of(keyframes, objects={"a0": ranges}))
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert caught.value.fix


def test_a_range_with_an_empty_keyframe_alone_is_refused(clip, shot_of):
    """A range needs a matte; one with a matte may be split by an empty keyframe."""
    keyframes = {1001: clip.keyframe(1001, 0), 1007: layers(clip, 1007, a0=None)}
    with pytest.raises(PresetError, match=r"1006-1008 .*has no keyframe"):
        prepare(shot_of(keyframes, objects={"a0": "1001-1003,1006-1008"}))
    frames, _ = absent(shot_of(keyframes, objects={"a0": "1001-1008"}))
    assert frames == {"a0": [1007]}


def test_a_gap_between_the_frames_of_the_shot_is_no_gap(clip, shot_of):
    """With every second frame, nothing is absent between 1003 and 1005."""
    job = prepare(shot_of({1003: clip.keyframe(1003, 0)}, objects={"a0": "1001-1003,1005-1007"}, range="1001-1007x2"))
    assert job.presence == {"a0": (range(4),)}


def test_overscan_of_a_frame_with_an_empty_matte(clip, engine, shot_of):
    """A keyframe of the format leaves nothing to fill for an empty matte; the other object is filled."""
    for frame in FRAMES:
        path = clip.folder / f"wide.{frame}.exr"
        pixels = np.zeros((104, 152, 3), np.float32)
        pixels[4:-4, 4:-4] = np.asarray(Image.open(clip.folder / f"plate.{frame}.png"), np.float32) / 255
        write(path, pixels, "half", "RGB", data=(-4, -4), display=Window(0, 0, 144, 96))
    keyframes = {1001: layers(clip, 1001, a0=0, a2=2), 1003: layers(clip, 1003, a0=None, a2=2)}
    shot = shot_of(keyframes, plate=str(clip.folder / "wide.####.exr"), range="1001-1004")
    propagate(shot, engine_for=lambda _: engine)
    assert [bool(clip.matte(frame, "a0").any()) for frame in FRAMES[:4]] == [True, True, False, False]
    assert all(clip.matte(frame, "a2").any() for frame in FRAMES[:4])


def test_training_images_leave_out_empty_keyframes(clip, shot_of, tmp_path):
    """They have no mask; the objects of other layers on the same frame do."""
    keyframes = {1001: layers(clip, 1001, a0=0, a2=2), 1003: layers(clip, 1003, a0=None, a2=2), 1005: black(clip, 1005)}
    folder = write_keyframe_pictures([shot_of(keyframes)], tmp_path / "pictures")
    assert sorted(path.name for path in folder.rglob("*.exr")) == ["001001.exr", "001003.exr"]
