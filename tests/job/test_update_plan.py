"""Updates before they run: which frames a changed keyframe reaches, in which passes, and what is refused."""

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
from stcn_plugin.job.update import Recall, affected, plan_parts
from stcn_plugin.propagation.plan import plan_passes

LENGTH = 14
NAMES = ("a", "b")
RECALL = Recall(interval=5, schedule="absolute", most=24)


# Which frames, and which passes.


@st.composite
def shots(draw):
    """Keyframes of two objects, their lives, a direction, and one more keyframe: its index and its objects."""
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


def reaching(keyframes, name, index, direction):
    """The keyframes that a matte is made of."""
    own = [key for key, names in keyframes.items() if name in names]
    before, after = max((k for k in own if k <= index), default=None), min((k for k in own if k >= index), default=None)
    return {"both": (before, after), "forward": before, "backward": after}[direction]


def alive(life, name):
    """The first index of an object, and the one after its last."""
    first, last = life.get(name, (0, LENGTH - 1))
    return first, last + 1


def differing(one, other, life, direction):
    """The indices on which an object that is there is made of other keyframes."""
    return {
        index
        for name in NAMES
        for index in range(*alive(life, name))
        if reaching(one, name, index, direction) != reaching(other, name, index, direction)
    }


def found(keyframes, life, direction, changed):
    parts = affected(changed, length=LENGTH, objects=NAMES, keyframes=keyframes, life=life, direction=direction)
    assert all(earlier.stop < later.start for earlier, later in pairwise(parts))
    return {index for part in parts for index in part}


@given(shots())
def test_affected_are_the_frames_whose_keyframes_differ(shot):
    """A new keyframe affects exactly the mattes that are made of other keyframes with it than without it."""
    keyframes, life, direction, changed = shot
    without = {index: names for index, names in keyframes.items() if index != changed}
    assert found(keyframes, life, direction, [changed]) == differing(keyframes, without, life, direction)


@given(shots())
def test_affected_by_a_keyframe_that_is_gone(shot):
    """Where no keyframe is left, the mattes of every object that may have had one there are affected."""
    keyframes, life, direction, changed = shot
    without = {index: names for index, names in keyframes.items() if index != changed}
    had = {name for name in NAMES if changed in range(*alive(life, name))}
    assert found(without, life, direction, [changed]) == differing(without | {changed: had}, without, life, direction)


def planned(shot, parts):
    keyframes, life, direction, _ = shot
    whole = plan_passes(length=LENGTH, objects=NAMES, keyframes=keyframes, life=life, direction=direction)
    return whole, plan_parts(whole, parts, objects=NAMES, keyframes=keyframes, recall=RECALL)


@given(shots())
def test_a_part_that_is_the_whole_is_planned_as_the_whole(shot):
    """Where everything is wanted, the passes of the part are those of the shot, and nothing is taken from disk."""
    whole, (part,) = planned(shot, [range(LENGTH)])
    np.testing.assert_array_equal(part.plan.weight, whole.weight)
    assert list(part.plan.backward) == list(whole.backward)
    assert list(part.plan.forward) == list(whole.forward)
    assert not part.on_disk


@given(shots(), st.sets(st.integers(0, LENGTH - 1), max_size=2))
def test_every_matte_of_a_part_is_reached_as_in_the_whole(shot, gone):
    """The passes give what the weights ask for, from given mattes, and take from disk only what is not written."""
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
            in_play: set[str] = set()
            for index in visits:
                shown = set(keyframes.get(index, ())) | set(part.on_disk.get(index, ()))
                in_play = {name for name in in_play if index in range(*alive(life, name))}
                if index not in part.written:
                    assert shown, "nothing is visited in vain"
                    assert shown >= in_play or index in written_by_any, "no matte that stays is guessed again"
                in_play |= shown
                for column, name in enumerate(NAMES):
                    weight = part.plan.weight[index, column]
                    assert name in in_play or not (weight > 0 if step == 1 else weight < 1)
            for column in range(len(NAMES)):
                weight = part.plan.weight[:, column]
                assert set(np.flatnonzero(weight > 0 if step == 1 else weight < 1)) <= set(visits)


def test_recalled_frames():
    """They are those of the whole shot's schedule, the nearest ones, and never more than asked for."""
    assert Recall(5, "absolute", 24).between(17, 0) == [15, 10, 5]
    assert Recall(5, "absolute", 2).between(17, 40) == [20, 25]
    assert Recall(5, "relative", 24).between(17, 0) == [12, 7, 2]
    assert Recall(3, "relative", None).between(17, 28) == [20, 23, 26]
    assert Recall(5, "absolute", 24).between(17, 17) == []


# What an update refuses.


@pytest.mark.slow
def test_there_must_be_mattes(clip, engine):
    """Without the mattes of the other frames nothing is written, and the frames are named."""
    keys = {frame: clip.keyframe(frame, A) for frame in (1001, 1003, 1005, 1007)}
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keys)
    with pytest.raises(OutputError, match=r"5 frames outside of the update have no mattes of a0: 1001-1003,1007-1008.*whole shot first"):  # fmt: skip
        prepare(shot, update=[1005])
    assert not list((clip.folder / "out").iterdir())
    run(prepare(shot), engine)
    Path(clip.out.replace("####", "1008")).unlink()
    with pytest.raises(OutputError, match="1 frames outside of the update have no mattes of a0: 1008"):
        prepare(shot, update=[1005])


def test_frames_to_update_are_frames_of_the_shot(clip):
    """A frame that the shot does not have is an error that names it."""
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes={1001: clip.keyframe(1001, A)})
    with pytest.raises(KeyframeError, match="no frame 1050 to update among 1001-1008"):
        prepare(shot, update=[1001, 1050])


def test_an_update_that_reaches_nothing_is_refused(clip, propagated):
    """A frame on which no object lives changes nothing, which is a mistake and not a success."""
    keyframes, objects = {1003: clip.keyframe(1003, A)}, {"a0": "1003-1005"}
    propagated(keyframes, objects=objects)
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keyframes, objects=objects)
    with pytest.raises(KeyframeError, match="no object lives on frame 1001, so nothing changes"):
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
    """Where the files outside of the span are not what would be written now, nothing is."""

    def shot(frames, discs=(A,), settings=(), out="matte.####.exr"):
        keyframes = {frame: clip.keyframe(frame, *discs) for frame in frames}
        # The second object lives within the span alone, else the whole shot would be written.
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
