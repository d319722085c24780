"""Doubtful frames and next keyframes: timeline markers, and buttons in the panel."""

from __future__ import annotations

import math

import pytest

pytestmark = pytest.mark.slow

OUTLINE = [(50 + 22.5 * math.cos(step * math.pi / 16), 48 + 22.5 * math.sin(step * math.pi / 16)) for step in range(32)]
LONG = "löwe\n" * 20


def assessment(doubtful, keys=(), problems=()):
    return {
        "confidence": {"hero": 0.8},
        "doubtful": [{"frame": frame, "object_name": name, "confidence": value} for frame, name, value in doubtful],
        "doubtful_frames": len(doubtful),
        "next_keyframes": keys,
        "problems": problems,
    }


@pytest.fixture(scope="module")
def jobs(blender, plates, tmp_path_factory):
    """Four jobs: with doubtful frames, with others, with one of a long name, and without an assessment."""
    problem = {
        "frame": 1006,
        "object_name": "hero",
        "what": "'hero' vanishes at 1006",
        "fix": "Draw it at 1006",
    }
    assessments = [
        assessment([(1004, "hero", 0.416), (1007, "hero", 0.6)], (1004, 1002), [problem]),
        assessment([(1003, "hero", 0.5), (1007, "hero", 0.65)]),
        assessment([(1005, LONG, 0.5)]),
        None,
    ]
    folder = tmp_path_factory.mktemp("markers")
    return blender.run("markers", folder, plate=str(plates), outline=OUTLINE, assessments=assessments)


def test_frames_are_marked_on_the_timeline(jobs):
    """At frames of the scene, beside the artist's own marker; a doubtful frame that is a next keyframe has one marker."""
    assert jobs["first"]["markers"] == [
        [2, "key: hero"],
        [4, "look, key: hero"],
        [6, "look: hero"],  # the artist's
        [7, "look: hero"],
    ]


def test_the_panel_lists_the_frames_and_goes_to_them(jobs):
    """Worst first, with the confidence; the artist's own marker is not listed."""
    assert jobs["first"]["buttons"] == [
        ["4 · look, key: hero, confidence 42 %", "KEY_HLT", 4],
        ["7 · look: hero, confidence 60 %", "MARKER_HLT", 7],
        ["2 · key: hero", "KEY_HLT", 2],
    ]
    assert jobs["went_to"] == 4


def test_problems_are_shown_as_warnings(jobs):
    """In the panel and in a report of the operator, with the frame of the scene and the file, until the next job."""
    text = "frame 6 (file 1006): 'hero' vanishes at 1006. Draw it at 1006."
    assert text in jobs["first"]["labels"]
    assert f"Warning: {text}" in jobs["stdout"] + jobs["stderr"]
    assert text not in jobs["second"]["labels"]


def test_the_next_job_replaces_the_markers_but_not_those_of_the_artist(jobs):
    """A marker that was renamed or moved has become the artist's; one whose frame is now in order is removed."""
    assert jobs["second"]["markers"] == [
        [3, "look: hero"],
        [4, "hand is wrong"],
        [6, "look: hero"],
        [7, "look: hero"],
        [8, "look: hero"],
    ]
    assert [frame for *_, frame in jobs["second"]["buttons"]] == [3, 7]


def test_markers_are_saved_with_the_file(jobs):
    """The list is there again when the file is opened, and the next job replaces its markers."""
    assert jobs["opened"] == [
        [3, "look: hero, confidence 50 %", False],
        [7, "look: hero, confidence 65 %", False],
    ]
    own = [[4, "hand is wrong"], [6, "look: hero"], [8, "look: hero"]]
    assert [marker for marker in jobs["third"]["markers"] if marker[0] != 5] == own
    assert jobs["fourth"]["markers"] == own
    assert jobs["fourth"]["buttons"] == []


def test_a_long_name_is_shortened(jobs):
    """To what Blender stores, between two characters; control characters are escaped."""
    (name,) = [name for frame, name in jobs["third"]["markers"] if frame == 5]
    assert name.startswith("look: löwe\\nlöwe\\n")
    assert name.endswith("...")
    assert 60 <= len(name.encode()) <= 63
