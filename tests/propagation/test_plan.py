"""Segments, the frames of their passes, and the weight of each direction."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stcn_plugin.propagation.plan import affected_frames, plan_segments

NAN = np.nan


def plan(keyframes, *, length=7, objects=("a",), life=None, direction="both"):
    return plan_segments(length=length, objects=objects, keyframes=keyframes, life=life or {}, direction=direction)


def only(*arguments, **others):
    (segment,) = plan(*arguments, **others)
    return segment


def frames_of(segments):
    return [(segment.frames.start, segment.frames.stop) for segment in segments]


def passes(segment):
    return list(segment.forward), list(segment.backward)


def test_a_keyframe_on_the_first_frame_needs_one_pass():
    """One keyframe at the start: forward only."""
    segment = only({0: ["a"]})
    assert passes(segment) == ([0, 1, 2, 3, 4, 5, 6], [])
    assert (segment.weight == 1).all()
    assert {segment.source(index) for index in range(7)} == {"forward"}


def test_a_keyframe_in_the_middle_is_propagated_both_ways():
    """Backward before it, forward after it: two segments."""
    before, after = plan({3: ["a"]})
    assert frames_of([before, after]) == [(0, 3), (3, 7)]
    assert (passes(before), passes(after)) == (([], [3, 2, 1, 0]), ([3, 4, 5, 6], []))
    assert (before.weight == 0).all()
    assert (after.weight == 1).all()


def test_between_two_keyframes_the_nearer_counts_more():
    """The weight falls linearly; both passes start from their own keyframe, and neither visits the other."""
    _, between, _ = plan({1: ["a"], 5: ["a"]})
    np.testing.assert_allclose(between.weight[:, 0], [1, 0.75, 0.5, 0.25])
    assert passes(between) == ([1, 2, 3, 4], [5, 4, 3, 2])
    assert [between.source(index) for index in between.frames] == ["forward", *3 * ["both"]]


def test_forward_only_and_backward_only():
    """With one direction, frames on the other side of the keyframe are not reached, and no pass visits them."""
    before, after = plan({3: ["a"]}, direction="forward")
    assert (passes(before), passes(after)) == (([], []), ([3, 4, 5, 6], []))
    assert before.unreached == (0, 1, 2)
    before, after = plan({3: ["a"]}, direction="backward")
    assert frames_of([before, after]) == [(0, 4), (4, 7)]
    assert (passes(before), passes(after)) == (([], [3, 2, 1, 0]), ([], []))
    assert after.unreached == (4, 5, 6)


def test_a_keyframe_of_some_objects_does_not_end_a_segment():
    """The other object goes on through it, so the frames on both sides depend on each other."""
    segments = plan({0: ["a", "b"], 3: ["a"], 6: ["a", "b"]}, objects=("a", "b"))
    assert frames_of(segments) == [(0, 6), (6, 7)]
    np.testing.assert_allclose(segments[0].weight[:, 0], [1, 2 / 3, 1 / 3, 1, 2 / 3, 1 / 3])
    assert passes(segments[0]) == ([0, 1, 2, 3, 4, 5], [6, 5, 4, 3, 2, 1])


def test_objects_outside_their_range_do_not_matter_for_the_end_of_a_segment():
    """A keyframe is an anchor if it gives every object that may appear on its frame."""
    life = {"a": (0, 2), "b": (3, 6)}
    segments = plan({0: ["a"], 4: ["b"]}, objects=("a", "b"), life=life)
    assert frames_of(segments) == [(0, 4), (4, 7)]
    first, second = segments
    np.testing.assert_array_equal(first.weight[:, 0], [1, 1, 1, NAN])
    np.testing.assert_array_equal(first.weight[:, 1], [NAN, NAN, NAN, 0])
    assert passes(first) == ([0, 1, 2], [4, 3])
    assert passes(second) == ([4, 5, 6], [])


def test_frames_that_no_pass_reaches():
    """No object is there; they get empty mattes."""
    segments = plan({0: ["a"], 6: ["b"]}, objects=("a", "b"), life={"a": (0, 1), "b": (5, 6)})
    assert [segment.source(index) for segment in segments for index in segment.frames] == [*2 * ["forward"], *3 * ["neither"], "backward", "forward"]  # fmt: skip


LENGTH, NAMES = 14, ("a", "b")


@st.composite
def shots(draw):
    """Keyframes of two objects, their ranges, and a direction."""
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
    return keyframes, life, draw(st.sampled_from(["both", "forward", "backward"]))


@given(shots())
def test_segments_cover_the_shot_and_depend_on_nothing_outside(shot):
    """Every frame is in one segment; passes stay within its reach and reach every matte from a keyframe there."""
    keyframes, life, direction = shot
    segments = plan(keyframes, length=LENGTH, objects=NAMES, life=life, direction=direction)
    assert [index for segment in segments for index in segment.frames] == list(range(LENGTH))
    for segment in segments:
        for visits, step in ((segment.forward, 1), (segment.backward, -1)):
            assert set(visits) <= {*segment.frames, segment.frames.start - 1, segment.frames.stop}
            assert all((later - earlier) * step > 0 for earlier, later in pairwise(visits))
            present: set[str] = set()
            for index in visits:
                present |= set(keyframes.get(index, ()))
                if index in segment.frames:
                    for column, name in enumerate(NAMES):
                        weight = segment.weight[index - segment.frames.start, column]
                        assert name in present or not (weight > 0 if step == 1 else weight < 1)
            for column in range(len(NAMES)):
                weight = segment.weight[:, column]
                wanted = segment.frames.start + np.flatnonzero(weight > 0 if step == 1 else weight < 1)
                assert set(wanted) <= set(visits)


@given(shots(), st.data())
def test_a_changed_keyframe_changes_only_segments_that_it_reaches(shot, data):
    """All others are planned as before, wherever they lie; so their mattes on disk stay right."""
    keyframes, life, direction = shot
    changed = data.draw(st.sampled_from(sorted(keyframes)))
    other = {index: names for index, names in keyframes.items() if index != changed}
    if data.draw(st.booleans()):
        keyframes, other = other, keyframes  # added, not removed
    if any(not any(name in given for given in min(keyframes, other, key=len).values()) for name in NAMES):
        return  # an object of which no keyframe is left is gone from the shot
    one, two = (plan(each, length=LENGTH, objects=NAMES, life=life, direction=direction) for each in (keyframes, other))

    now = {"keyframes": other, "length": LENGTH, "objects": NAMES, "life": life, "direction": direction}
    affected = affected_frames([changed], **now)

    untouched = {index for each in two if affected.isdisjoint(each.frames) for index in each.frames}
    assert untouched == {index for index in untouched if made_of(one, keyframes, index) == made_of(two, other, index)}


def made_of(segments, keyframes, index):
    """Return all that the matte of a frame depends on: weights, and the frames and keyframes of its passes up to it."""
    (segment,) = (each for each in segments if index in each.frames)
    weight = segment.weight[index - segment.frames.start]
    passes_ = [(segment.forward, bool((weight > 0).any())), (segment.backward, bool((weight < 1).any()))]
    return weight.tobytes(), [
        [(visited, frozenset(keyframes.get(visited, ()))) for visited in list(visits)[: list(visits).index(index) + 1]]
        for visits, is_used in passes_
        if is_used
    ]


def test_weights_are_those_of_the_segment_alone():
    """Another keyframe far away changes nothing, not even by where the shot begins."""
    near = plan({2: ["a"], 6: ["a"]}, length=10)[1]
    far = plan({4: ["a"], 8: ["a"], 11: ["a"]}, length=14)[1]
    np.testing.assert_array_equal(near.weight, far.weight)
    assert [index - 2 for index in far.forward] == list(near.forward)


@pytest.mark.parametrize("direction", ["both", "forward", "backward"])
def test_each_frame_is_a_step_of_each_pass_that_it_needs(direction):
    """Segments cost no more steps than one pass through the whole shot would."""
    segments = plan({0: ["a"], 3: ["a"], 6: ["a"]}, direction=direction)
    assert sum(segment.steps for segment in segments) == {"both": 7 + 6, "forward": 7, "backward": 7}[direction]
