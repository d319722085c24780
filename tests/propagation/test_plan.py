"""Segments, the frames of their passes, and the weight of each direction."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stcn_plugin.frames import merged_spans
from stcn_plugin.propagation.plan import plan_segments

NAN = np.nan


def plan(keyframes, *, length=7, objects=("a",), presence=None, direction="both"):
    presence = {name: (range(length),) for name in objects} | (presence or {})
    return plan_segments(length=length, objects=objects, keyframes=keyframes, presence=presence, direction=direction)


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
    assert frames_of(segments) == [(0, 7)]
    np.testing.assert_allclose(segments[0].weight[:, 0], [1, 2 / 3, 1 / 3, 1, 2 / 3, 1 / 3, 1])
    assert passes(segments[0]) == ([0, 1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1])


def test_objects_outside_their_range_do_not_matter_for_the_end_of_a_segment():
    """A keyframe is an anchor if it gives every object that may appear on its frame."""
    presence = {"a": (range(3),), "b": (range(3, 7),)}
    segments = plan({0: ["a"], 4: ["b"]}, objects=("a", "b"), presence=presence)
    assert frames_of(segments) == [(0, 4), (4, 7)]
    first, second = segments
    np.testing.assert_array_equal(first.weight[:, 0], [1, 1, 1, NAN])
    np.testing.assert_array_equal(first.weight[:, 1], [NAN, NAN, NAN, 0])
    assert passes(first) == ([0, 1, 2], [4, 3])
    assert passes(second) == ([4, 5, 6], [])


def test_frames_that_no_pass_reaches():
    """No object is there; they get empty mattes."""
    presence = {"a": (range(2),), "b": (range(5, 7),)}
    segments = plan({0: ["a"], 6: ["b"]}, objects=("a", "b"), presence=presence)
    assert [segment.source(index) for segment in segments for index in segment.frames] == [*2 * ["forward"], *3 * ["neither"], "backward", "forward"]  # fmt: skip


def weights(segments):
    return np.concatenate([segment.weight for segment in segments])


def test_each_range_is_propagated_from_its_own_keyframes():
    """Nothing is blended across a gap, and the weights in a range are those of a shot of this range."""
    presence = {"a": (range(1, 4), range(6, 12))}
    segments = plan({2: ["a"], 7: ["a"], 10: ["a"]}, length=13, presence=presence)
    expected = [NAN, 0, 1, 1, NAN, NAN, 0, 1, 2 / 3, 1 / 3, 1, 1, NAN]
    np.testing.assert_allclose(weights(segments)[:, 0], expected, rtol=1e-6)
    assert frames_of(segments) == [(0, 2), (2, 7), (7, 10), (10, 13)]
    assert [passes(segment) for segment in segments] == [
        ([], [2, 1]),
        ([2, 3], [7, 6]),
        ([7, 8, 9], [10, 9, 8]),
        ([10, 11], []),
    ]
    assert segments[1].unreached == (4, 5)


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("both", [1, 1, 1, NAN, 0, 0, 1]),
        ("forward", [1, 1, 1, NAN, NAN, NAN, 1]),
        ("backward", [0, NAN, NAN, NAN, 0, 0, 0]),
    ],
)
def test_an_empty_keyframe_splits_the_shot(direction, expected):
    """Before it only the keyframe before counts, after it only the next one; it ends a segment like any keyframe."""
    presence = {"a": (range(3), range(4, 7))}
    segments = plan({0: ["a"], 3: [], 6: ["a"]}, presence=presence, direction=direction)
    np.testing.assert_array_equal(weights(segments)[:, 0], expected)
    cuts = [(0, 4), (4, 7)] if direction == "backward" else [(0, 3), (3, 7)]
    assert frames_of(segments) == cuts


def test_a_range_without_a_keyframe_is_not_propagated():
    """Between two empty keyframes, the object is absent."""
    presence = {"a": (range(2), range(3, 5), range(6, 7))}
    segments = plan({0: ["a"], 2: [], 5: [], 6: ["a"]}, presence=presence)
    np.testing.assert_array_equal(weights(segments)[:, 0], [1, 1, NAN, NAN, NAN, NAN, 1])


def test_an_empty_keyframe_of_some_objects_does_not_end_a_segment():
    """The others are in play there and are not given."""
    presence = {"a": (range(3), range(4, 7))}
    keyframes = {0: ["a", "b"], 3: [], 6: ["a", "b"]}
    segments = plan(keyframes, objects=("a", "b"), presence=presence)
    assert frames_of(segments) == [(0, 7)]
    np.testing.assert_array_equal(segments[0].weight[:, 0], [1, 1, 1, NAN, 0, 0, 1])
    one_given = plan(keyframes | {3: ["b"]}, objects=("a", "b"), presence=presence)
    assert frames_of(one_given) == [(0, 3), (3, 7)]


LENGTH, NAMES = 14, ("a", "b")


@st.composite
def shots(draw):
    """Keyframes of two objects, their presence, and a direction. Frames without an object may be empty keyframes."""
    presence = {}
    keyframes: dict[int, set[str]] = {}
    for name in NAMES:
        absent = draw(st.sets(st.integers(0, LENGTH - 1), max_size=LENGTH // 2))
        present = sorted(set(range(LENGTH)) - absent)
        presence[name] = merged_spans(range(index, index + 1) for index in present)
        for index in draw(st.sets(st.sampled_from(present), min_size=1, max_size=5)):
            keyframes.setdefault(index, set()).add(name)
        for index in draw(st.sets(st.sampled_from(sorted(absent)), max_size=2)) if absent else ():
            keyframes.setdefault(index, set())
    return keyframes, presence, draw(st.sampled_from(["both", "forward", "backward"]))


@given(shots())
def test_segments_cover_the_shot_and_depend_on_nothing_outside(shot):
    """Every frame is in one segment; passes stay within its reach and reach every matte from a keyframe there."""
    keyframes, presence, direction = shot
    segments = plan(keyframes, length=LENGTH, objects=NAMES, presence=presence, direction=direction)
    assert [index for segment in segments for index in segment.frames] == list(range(LENGTH))
    for segment in segments:
        for visits, step in ((segment.forward, 1), (segment.backward, -1)):
            assert set(visits) <= {*segment.frames, segment.frames.start - 1, segment.frames.stop}
            assert all((later - earlier) * step > 0 for earlier, later in pairwise(visits))
            present: set[str] = set()
            for index in visits:
                present &= {name for name in NAMES if any(index in span for span in presence[name])}
                present |= set(keyframes.get(index, ()))
                if index in segment.frames:
                    for column, name in enumerate(NAMES):
                        weight = segment.weight[index - segment.frames.start, column]
                        assert name in present or not (weight > 0 if step == 1 else weight < 1)
            for column in range(len(NAMES)):
                weight = segment.weight[:, column]
                wanted = segment.frames.start + np.flatnonzero(weight > 0 if step == 1 else weight < 1)
                assert set(wanted) <= set(visits)


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
