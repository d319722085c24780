"""Planning of updates: the frames that a changed keyframe affects, their passes, and what is refused."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from clip_files import A, B, state
from hypothesis import given
from hypothesis import strategies as st

from stcn_plugin import make_shot
from stcn_plugin.errors import KeyframeError, OutputError
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.run import run
from stcn_plugin.job.update import ContextFrames, affected, plan_parts
from stcn_plugin.propagation.plan import plan_passes

LENGTH = 14
NAMES = ("a", "b")
CONTEXT = ContextFrames(interval=5, schedule="absolute", limit=24)


# Frames and passes


@st.composite
def shots(draw):
    """Keyframes of two objects, their ranges, a direction, and the index of one changed keyframe."""
    life = {}
    keyframes: dict[int, set[str]] = {}
    for name in NAMES:
        first, last = sorted(draw(st.tuples(*[st.integers(0, LENGTH - 1)] * 2)))
        if draw(st.booleans()):
            life[name] = first, last
        else:
            first, last = 0, LENGTH - 1
        for index in draw(st.sets(st.integers(first, last), min_size=1, max_size=5)):
            keyframes.setdefault(index, set()).add(name)
    changed = draw(st.sampled_from(sorted(keyframes)))
    return keyframes, life, draw(st.sampled_from(["both", "forward", "backward"])), changed


def sources(keyframes, name, index, direction):
    """Return the keyframes that a matte depends on."""
    own = [key for key, names in keyframes.items() if name in names]
    before, after = max((k for k in own if k <= index), default=None), min((k for k in own if k >= index), default=None)
    return {"both": (before, after), "forward": before, "backward": after}[direction]


def range_of(life, name):
    """Return the first index of an object's range, and the one after its last."""
    first, last = life.get(name, (0, LENGTH - 1))
    return first, last + 1


def differing(one, other, life, direction):
    """Return the indices at which a present object depends on other keyframes."""
    return {
        index
        for name in NAMES
        for index in range(*range_of(life, name))
        if sources(one, name, index, direction) != sources(other, name, index, direction)
    }


def affected_by(keyframes, life, direction, changed):
    parts = affected(changed, length=LENGTH, objects=NAMES, keyframes=keyframes, life=life, direction=direction)
    assert all(earlier.stop < later.start for earlier, later in pairwise(parts))
    return {index for part in parts for index in part}


@given(shots())
def test_a_new_keyframe_affects_the_mattes_that_depend_on_it(shot):
    """Exactly those that depend on other keyframes with it than without it."""
    keyframes, life, direction, changed = shot
    without = {index: names for index, names in keyframes.items() if index != changed}
    assert affected_by(keyframes, life, direction, [changed]) == differing(keyframes, without, life, direction)


@given(shots())
def test_a_removed_keyframe_affects_all_objects(shot):
    """That is, all objects that may have had a keyframe there."""
    keyframes, life, direction, changed = shot
    without = {index: names for index, names in keyframes.items() if index != changed}
    had = {name for name in NAMES if changed in range(*range_of(life, name))}
    assert affected_by(without, life, direction, [changed]) == differing(
        without | {changed: had}, without, life, direction
    )


def planned(shot, parts):
    keyframes, life, direction, _ = shot
    whole = plan_passes(length=LENGTH, objects=NAMES, keyframes=keyframes, life=life, direction=direction)
    return whole, plan_parts(whole, parts, objects=NAMES, keyframes=keyframes, context=CONTEXT)


@given(shots())
def test_the_plan_of_a_part_with_all_frames_is_that_of_the_shot(shot):
    """It reads nothing from disk."""
    whole, (part,) = planned(shot, [range(LENGTH)])
    np.testing.assert_array_equal(part.plan.weight, whole.weight)
    assert list(part.plan.backward) == list(whole.backward)
    assert list(part.plan.forward) == list(whole.forward)
    assert not part.on_disk


@given(shots(), st.sets(st.integers(0, LENGTH - 1), max_size=2))
def test_the_plan_of_a_part_has_the_weights_of_the_shot(shot, gone):
    """Its passes reach every matte, and read only mattes from disk that are not written."""
    keyframes, life, direction, changed = shot
    changes = {changed, *(gone - keyframes.keys())}
    parts = affected(changes, length=LENGTH, objects=NAMES, keyframes=keyframes, life=life, direction=direction)
    whole, planned_parts = planned(shot, parts)
    written_by_any = {index for part in parts for index in part}
    for part in planned_parts:
        outside = [index for index in range(LENGTH) if index not in part.written]
        np.testing.assert_array_equal(part.plan.weight[list(part.written)], whole.weight[list(part.written)])
        assert np.isnan(part.plan.weight[outside]).all()
        assert not set(part.on_disk) & written_by_any
        for visits, step in ((part.plan.forward, 1), (part.plan.backward, -1)):
            assert all((later - earlier) * step > 0 for earlier, later in pairwise(visits))
            present: set[str] = set()
            for index in visits:
                shown = set(keyframes.get(index, ())) | set(part.on_disk.get(index, ()))
                present = {name for name in present if index in range(*range_of(life, name))}
                if index not in part.written:
                    assert shown, "every visited frame has a given matte"
                    assert shown >= present or index in written_by_any, "mattes on disk are not propagated again"
                present |= shown
                for column, name in enumerate(NAMES):
                    weight = part.plan.weight[index, column]
                    assert name in present or not (weight > 0 if step == 1 else weight < 1)
            for column in range(len(NAMES)):
                weight = part.plan.weight[:, column]
                assert set(np.flatnonzero(weight > 0 if step == 1 else weight < 1)) <= set(visits)


def test_context_frames():
    """They follow the schedule of the whole shot, nearest first, up to the limit."""
    assert ContextFrames(5, "absolute", 24).between(17, 0) == [15, 10, 5]
    assert ContextFrames(5, "absolute", 2).between(17, 40) == [20, 25]
    assert ContextFrames(5, "relative", 24).between(17, 0) == [12, 7, 2]
    assert ContextFrames(3, "relative", None).between(17, 28) == [20, 23, 26]
    assert ContextFrames(5, "absolute", 24).between(17, 17) == []


# Refused updates


@pytest.mark.slow
def test_an_update_needs_the_mattes_of_the_other_frames(clip, engine):
    """Nothing is written, and the error names the frames without mattes."""
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1003, 1005, 1007)}
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keys)
    with pytest.raises(OutputError, match=r"^.*: 5 .* a0: 1001-1003,1007-1008\. .*whole shot"):
        prepare(shot, update=[1005])
    assert not list((clip.folder / "out").iterdir())
    run(prepare(shot), engine)
    Path(clip.out.replace("####", "1008")).unlink()
    with pytest.raises(OutputError, match=r": 1 .* a0: 1008\."):
        prepare(shot, update=[1005])


def test_frames_to_update_are_frames_of_the_shot(clip):
    """The error names a frame that the shot does not have."""
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, A)})
    with pytest.raises(KeyframeError, match=r"frame 1050 .* 1001-1008"):
        prepare(shot, update=[1001, 1050])


def test_an_update_outside_all_object_ranges_is_refused(clip, propagated):
    """It would change nothing, which is a mistake and not a success."""
    keyframes, objects = {1003: clip.keyframe(1003, A)}, {"a0": "1003-1005"}
    propagated(keyframes, objects=objects)
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keyframes, objects=objects)
    with pytest.raises(KeyframeError, match=r"frame 1001 .*objects"):
        prepare(shot, update=[1001])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        ({"discs": (A,)}, {"discs": (A, B)}, r"matte\.1003\.exr: the file has a0, not a0, a2\. Run the whole shot again"),
        ({"discs": (A, B)}, {"discs": (A,)}, r"matte\.1003\.exr: the file has a0, a2, not a0"),
        ({"discs": (A,)}, {"settings": ["output.layout=cryptomatte"]}, r"matte\.1003\.exr: the file has a0, not a0"),
        ({"settings": ["output.layout=cryptomatte"]}, {"discs": (A, B), "settings": ["output.layout=cryptomatte"]}, "the file has a0, not a0, a2"),
        ({"settings": ["output.layout=per_object"], "out": "matte.<object>.####.exr"}, {"out": "matte.a0.####.exr"}, "the file has one matte, not a0"),
    ],
)  # fmt: skip
def test_mattes_of_other_objects_or_another_layout_are_not_mixed(clip, engine, first, then, message):
    """If the files of the other frames have other objects or another layout, nothing is written."""

    def shot(frames, discs=(A,), settings=(), out="matte.####.exr"):
        keyframes = {frame: clip.keyframe(frame, *discs) for frame in frames}
        # The second object's range is inside the update; otherwise the whole shot would be written.
        objects = {"a2": "1004-1006"} if discs == (A, B) and 1003 not in frames else {}
        return make_shot(plate=clip.plate, out=str(clip.folder / "out" / out), keyframes=keyframes, overrides=settings, objects=objects)  # fmt: skip

    run(prepare(shot([1001, 1003, 1007], **first)), engine)
    before = state(clip.folder / "out")
    later = shot([1005], **then)
    kept = shot([1001, 1003, 1007])
    mixed = later.model_copy(update={"keyframes": (*kept.keyframes, *later.keyframes)})
    with pytest.raises(OutputError, match=message):
        prepare(mixed, update=[1005])
    assert state(clip.folder / "out") == before
