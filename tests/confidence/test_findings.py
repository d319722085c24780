"""Warnings about what looks wrong, each of which says what to do."""

from dataclasses import replace

from series import GONE, SURE, series

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


def test_an_object_that_comes_and_goes_is_one_short_message():
    """However many gaps it has."""
    frames = range(10**5, 10**5 + 400)
    gone = {f"at_{index}": GONE for index in range(1, 399) if index**2 % 11 in (1, 3)}
    [finding] = findings([series(400, keyframes=(0, 399), **gone)], frames)
    assert len(finding.what) < 200


def test_a_coarse_keyframe():
    """A keyframe with half the detail of the mattes beside it is named, one with nearly all of it is not."""
    arrivals = {20: Arrivals(0.8, 0.8, detail=2.0)}
    [(frame, _, what, _)] = found(series(keyframes=(0, 20, 39), at_20={"detail": 1.0}, arrivals=arrivals))
    assert frame == 1021
    assert "coarse" in what
    assert "50%" in what
    assert found(series(keyframes=(0, 20, 39), at_20={"detail": 1.7}, arrivals=arrivals)) == []
    assert found(series(keyframes=(0, 20, 39), at_20={"detail": 1.0}, arrivals={20: Arrivals(0.8, 0.8)})) == []


def swapped(frames):
    """Return two objects that are swapped on some frames."""
    a = {f"at_{index}": {"swapped_with": "b"} for index in frames}
    b = {f"at_{index}": {"swapped_with": "a"} for index in frames}
    return series(name="a", **a), series(name="b", **b)


def test_a_swap_is_reported_once_for_both_objects():
    """Also if it is not noticed on every frame."""
    [(frame, name, what, fix)] = found(*swapped([*range(10, 15), *range(17, 20)]))
    assert (frame, name) == (1011, "a")
    assert "'a' and 'b'" in what
    assert "1011" in fix


def test_a_swap_from_keyframe_to_keyframe_may_be_of_their_names():
    """Their outlines differ for the same reason, so they are not coarse."""
    a, b = swapped([*range(1, 8), *range(34, 38)])
    a.figures[0] = replace(SURE, detail=0.5)
    [(frame, _, what, fix)] = found(a, b)
    assert frame == 1002
    assert "between 1001 and 1040" in what
    assert "names" in fix


def test_a_keyframe_that_disagrees_with_its_neighbours():
    [(frame, _, what, _)] = found(series(keyframes=(0, 15, 39), arrivals={15: Arrivals(0.1, 0.12, outlier=0.12)}))
    assert frame == 1016
    assert "0.12" in what


def test_a_coarse_keyframe_does_not_disagree_as_well():
    """A coarse matte of the right object differs from both neighbours for that reason."""
    coarse = {"at_15": {"detail": 1.0}, "arrivals": {15: Arrivals(0.6, 0.6, detail=3.0, outlier=0.5)}}
    [(_, _, what, _)] = found(series(keyframes=(0, 15, 39), **coarse))
    assert "coarse" in what


def test_haze_is_one_message():
    """It names all frames with at least 3 % of the edge in haze, and goes to the worst. Keyframes are the artist's."""
    shares = {0: 0.9, 3: 0.029, 4: 0.03, 5: 0.12, 6: 0.05, 20: 0.3, 30: 0.0}
    [(frame, name, what, fix)] = found(series(hazy=shares))
    assert (frame, name) == (1021, "hero")
    assert "1005-1007,1021," in what
    assert "30%" in what
    assert "1021" in fix
    assert found(series(hazy={3: 0.029, 39: 0.5})) == []


def test_haze_on_many_frames_is_a_short_message():
    frames = range(10**5, 10**5 + 400)
    shares = {index: 0.1 for index in range(1, 399) if index**2 % 11 in (1, 3)}
    [finding] = findings([series(400, keyframes=(0, 399), hazy=shares)], frames)
    assert len(finding.what) < 200
