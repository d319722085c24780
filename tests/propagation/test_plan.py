"""The frames of each pass and the weight of each direction."""

from __future__ import annotations

import numpy as np

from stcn_plugin.propagation.plan import plan_passes

NAN = np.nan


def plan(keyframes, *, length=7, objects=("a",), life=None, direction="both"):
    return plan_passes(length=length, objects=objects, keyframes=keyframes, life=life or {}, direction=direction)


def test_a_keyframe_on_the_first_frame_needs_one_pass():
    """One keyframe at the start: forward only."""
    found = plan({0: ["a"]})
    assert list(found.forward) == [0, 1, 2, 3, 4, 5, 6]
    assert list(found.backward) == []
    assert (found.weight == 1).all()
    assert {found.source(index) for index in range(7)} == {"forward"}


def test_a_keyframe_in_the_middle_is_propagated_both_ways():
    """One keyframe in the middle: backward before it, forward after it."""
    found = plan({3: ["a"]})
    assert list(found.forward) == [3, 4, 5, 6]
    assert list(found.backward) == [3, 2, 1, 0]
    np.testing.assert_array_equal(found.weight[:, 0], [0, 0, 0, 1, 1, 1, 1])


def test_between_two_keyframes_the_nearer_counts_more():
    """Between two keyframes the weight falls linearly from the first to the second."""
    found = plan({1: ["a"], 5: ["a"]})
    np.testing.assert_allclose(found.weight[:, 0], [0, 1, 0.75, 0.5, 0.25, 1, 1])
    assert list(found.forward) == [1, 2, 3, 4, 5, 6]
    assert list(found.backward) == [5, 4, 3, 2, 1, 0]
    assert [found.source(index) for index in range(7)] == ["backward", "forward", *3 * ["both"], "forward", "forward"]


def test_forward_only_and_backward_only():
    """With one direction, frames on the other side of the keyframe are not reached."""
    forward = plan({3: ["a"]}, direction="forward")
    np.testing.assert_array_equal(forward.weight[:, 0], [NAN, NAN, NAN, 1, 1, 1, 1])
    assert (list(forward.forward), list(forward.backward)) == ([3, 4, 5, 6], [])
    backward = plan({3: ["a"]}, direction="backward")
    np.testing.assert_array_equal(backward.weight[:, 0], [0, 0, 0, 0, NAN, NAN, NAN])
    assert (list(backward.forward), list(backward.backward)) == ([], [3, 2, 1, 0])


def test_objects_that_start_late_and_end_early():
    """Each object is reached from its own keyframes, within its frame range."""
    found = plan({0: ["a"], 4: ["b"]}, objects=("a", "b"), life={"a": (0, 2), "b": (3, 6)})
    np.testing.assert_array_equal(found.weight[:, 0], [1, 1, 1, NAN, NAN, NAN, NAN])
    np.testing.assert_array_equal(found.weight[:, 1], [NAN, NAN, NAN, 0, 1, 1, 1])
    assert list(found.forward) == [0, 1, 2, 3, 4, 5, 6]
    assert list(found.backward) == [4, 3]


def test_the_backward_pass_starts_at_the_last_keyframe_it_needs():
    """An object that starts at its keyframe does not make the backward pass longer."""
    found = plan({0: ["a"], 2: ["a"], 5: ["b"]}, objects=("a", "b"), life={"b": (5, 6)})
    assert list(found.backward) == [2, 1]
    assert list(found.forward) == [0, 1, 2, 3, 4, 5, 6]
    assert [found.source(index) for index in range(7)] == ["forward", "both", *5 * ["forward"]]


def test_frames_that_no_pass_reaches():
    """If no object is reached, the source is neither, even if a pass visits the frame."""
    found = plan({0: ["a"], 6: ["b"]}, objects=("a", "b"), life={"a": (0, 1), "b": (5, 6)})
    assert [found.source(index) for index in range(7)] == [*2 * ["forward"], *3 * ["neither"], "backward", "forward"]


def test_the_backward_pass_stops_after_the_first_keyframe():
    """With keyframes at both ends, the backward pass does not visit the first."""
    found = plan({0: ["a"], 6: ["a"]})
    assert list(found.backward) == [6, 5, 4, 3, 2, 1]
    assert list(found.forward) == [0, 1, 2, 3, 4, 5, 6]
