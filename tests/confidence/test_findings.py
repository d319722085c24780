"""Warnings about what looks wrong, each of which says what to do."""

from series import GONE, series

from stcn_plugin.confidence.arrivals import Arrivals
from stcn_plugin.confidence.findings import findings

FRAMES = range(1001, 1041)


def found(*all_series):
    return [(FRAMES[each.index], each.object_name, each.what, each.fix) for each in findings(all_series, FRAMES)]


def test_nothing_is_found_in_a_sure_shot():
    assert found(series()) == []


def test_an_object_that_vanishes():
    """Names the first frame and all gaps in one message, and both ways out."""
    [(frame, name, what, fix)] = found(series(at_20=GONE, at_21=GONE, at_30=GONE))
    assert (frame, name) == (1021, "hero")
    assert "vanishes at 1021" in what
    assert "1021-1022,1031" in what
    assert "1021" in fix
    assert "range" in fix


def test_a_coarse_keyframe():
    """A keyframe with half the detail of the others is named, one with nearly all of it is not."""
    [(frame, _, what, _)] = found(series(keyframes=(0, 20, 39), at_20={"detail": 1.0}))
    assert frame == 1021
    assert "coarse" in what
    assert found(series(keyframes=(0, 20, 39), at_20={"detail": 1.7})) == []


def test_keyframes_are_not_coarse_beside_mattes_that_break_up():
    """Uncertain mattes are ragged: their detail is no measure. Sure ones and the other keyframes are."""
    ragged = {f"at_{index}": {"detail": 6.0, "certainty": 0.6} for index in range(4, 36)}
    assert found(series(keyframes=(0, 39), **ragged)) == []
    assert found(series(keyframes=(0, 39), at_39={"detail": 8.0})) == []  # the mattes are like the first one


def test_a_swap_is_reported_once_for_both_objects():
    a = {f"at_{index}": {"swapped_with": "b"} for index in range(10, 20)}
    b = {f"at_{index}": {"swapped_with": "a"} for index in range(10, 20)}
    [(frame, name, what, fix)] = found(series(name="a", **a), series(name="b", **b))
    assert (frame, name) == (1011, "a")
    assert "'a' and 'b'" in what
    assert "1011" in fix


def test_a_keyframe_that_disagrees_with_its_neighbours():
    [(frame, _, what, _)] = found(series(keyframes=(0, 15, 39), arrivals={15: Arrivals(0.1, 0.12, 0.12)}))
    assert frame == 1016
    assert "0.12" in what
