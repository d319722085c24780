"""The confidence of frames, and what follows from it."""

from dataclasses import replace

import pytest
from series import GONE, SURE, series

from stcn_plugin.confidence.model import fitted_model
from stcn_plugin.confidence.ranking import doubtful, next_keyframes, spread, worst


@pytest.mark.parametrize("agreement", [None, 0.9])
def test_more_certain_frames_have_a_higher_confidence(agreement):
    """The expected J rises with the certainty, and stays between 0 and 1."""
    values = [
        fitted_model().expected_j(replace(SURE, certainty=certainty, agreement=agreement), keyframe=SURE)
        for certainty in (0, 0.2, 0.5, 0.8, 0.9, 1)
    ]
    assert values == sorted(set(values))
    assert 0 < values[0] < 0.4
    assert 0.9 < values[-1] < 1


@pytest.mark.parametrize("agreement", [None, 0.9])
def test_an_outline_unlike_that_of_the_nearest_keyframe_lowers_the_confidence(agreement):
    """Whether it is smoother or more ragged; equally for half and twice the detail."""
    like, smooth, ragged = (
        fitted_model().expected_j(replace(SURE, detail=detail, agreement=agreement), keyframe=SURE)
        for detail in (SURE.detail, 0.5 * SURE.detail, 2 * SURE.detail)
    )
    assert smooth == pytest.approx(ragged)
    assert smooth < like
    keyframes = series(keyframes=(0, 39), at_39={"detail": 8.0})
    assert keyframes.nearest_keyframe(10) == SURE
    assert keyframes.nearest_keyframe(30).detail == 8
    assert keyframes.confidence[30] < keyframes.confidence[10]


def test_keyframes_are_certain():
    """What the artist drew is not doubted."""
    assert series(at_0={"certainty": 0.1}).confidence[0] == 1


def test_doubtful_frames_are_those_below_the_limit():
    assert doubtful(series(at_7={"certainty": 0.3}, at_20={"certainty": 0.4})) == (7, 20)


def test_the_worst_frames_are_spread_over_the_shot():
    """Of frames beside each other, only the worst is named; keyframes are not."""
    confidence = dict.fromkeys(range(100), 0.9) | {50: 0.1, 51: 0.2, 52: 0.3, 80: 0.4, 0: 1.0}
    assert worst(confidence, 100, most=2) == (50, 80)
    assert spread([3, 4, 5, 9], 100, most=5) == (3, 9)


def test_a_frame_whose_object_has_left_the_frame_has_no_confidence():
    """An object that was on the border before its matte ended has left; one that was not has vanished."""
    left = series(at_30={"border": 0.2}, **{f"at_{index}": GONE for index in range(31, 39)})
    assert left.vanished == ()
    assert not set(range(31, 39)) & set(left.confidence)
    vanished = series(**{f"at_{index}": GONE for index in range(31, 39)})
    assert vanished.vanished == (range(31, 39),)
    assert all(vanished.confidence[index] < 0.4 for index in range(31, 39))


def test_the_next_keyframe_is_where_the_errors_are():
    """A run of doubtful frames is split near its middle; the second choice is in the other run."""
    bad = {f"at_{index}": {"certainty": 0.4} for index in (*range(8, 15), *range(28, 33))}
    first, second, *_ = next_keyframes([series(**bad)], 40, most=3)
    assert 8 <= first < 15
    assert 26 <= second < 34


@pytest.mark.parametrize(("keyframes", "best"), [((0,), 24), ((39,), 15), ((0, 39), 20)])
def test_where_a_keyframe_helps_most_if_all_frames_are_alike(keyframes, best):
    """Between two keyframes in the middle. With one, the sums of the shares removed are largest at exp(-0.5) of the distance."""
    even = {f"at_{index}": {"certainty": 0.7} for index in range(40) if index not in keyframes}
    [first] = next_keyframes([series(keyframes=keyframes, **even)], 40, most=1)
    assert abs(first - best) <= 1


@pytest.mark.parametrize(
    ("hidden", "area", "is_among"),
    [
        (range(20, 28), 0.1, True),
        (range(20, 28), 0.03, False),
        (range(20, 28), 0.0, False),
        (range(18, 36), 0.06, True),
    ],
    ids=["visible", "hidden", "without a matte", "hidden for long"],
)
def test_what_a_keyframe_does_not_show_counts_against_it(hidden, area, is_among):
    """Its passes lack the rest of the object on other frames, but not where as much is hidden. Without a matte, none is drawn."""
    figures = {f"at_{index}": {"certainty": 0.8} for index in range(1, 40)}
    figures |= {f"at_{index}": {"certainty": 0.3, "area": area} for index in hidden}
    [first] = next_keyframes([series(keyframes=(0,), **figures)], 40, most=1)
    assert (first in hidden) == is_among


def test_no_keyframe_is_suggested_beside_another_one():
    """Unless there is nothing else between two keyframes."""
    bad = {f"at_{index}": {"certainty": 0.2} for index in (1, 2, 37, 38)}
    assert all(3 <= each <= 36 for each in next_keyframes([series(**bad)], 40, most=3))
    assert next_keyframes([series(3, keyframes=(0, 2), at_1={"certainty": 0.2})], 3, most=3) == (1,)


def test_no_keyframe_is_suggested_for_a_shot_without_errors():
    sure = replace(SURE, certainty=1.0, agreement=1.0)
    assert next_keyframes([series(5, keyframes=(0, 4), **{f"at_{i}": sure for i in range(5)})], 5, most=3) == ()


def test_a_keyframe_helps_only_its_own_range():
    """Errors beyond a gap in the presence of the object do not attract keyframes."""
    bad = {f"at_{index}": {"certainty": 0.3} for index in range(25, 35)}
    present = (range(20), range(22, 40))
    chosen = next_keyframes([series(present=present, keyframes=(0, 22), **bad)], 40, most=1)
    assert chosen[0] >= 22


def test_a_keyframe_of_one_object_where_another_is_unknown():
    """Objects with figures on different frames are ranked together."""
    bad = {f"at_{index}": {"certainty": 0.3} for index in range(25, 35)}
    other = series(20, name="other", keyframes=(0,), present=(range(40),))
    assert 25 <= next_keyframes([other, series(**bad)], 40, most=2)[0] < 35
