"""The frames to go to after a job, and the problems, in the numbers of the host."""

from __future__ import annotations

import pytest

from stcn_plugin.bridge import JobStatus, Report
from stcn_plugin.bridge.assessment import Assessment, DoubtfulFrame, Problem
from stcn_plugin.bridge.frame_notes import FrameNote, frame_notes

DOUBTFUL = (DoubtfulFrame(1022, "hero", 0.416), DoubtfulFrame(1007, "ball", 0.55))


def report(assessment: Assessment | None) -> Report:
    return Report(("hero", "ball"), {}, {}, "layers", "cpu", "float32", frames=(1001,), assessment=assessment)


def test_each_frame_is_listed_once():
    """Doubtful frames first, worst first; a next keyframe among them is not repeated. Frames are the host's."""
    found = report(Assessment({}, DOUBTFUL, 9, (1015, 1022)))
    assert frame_notes(found, frame_shift=1000) == (
        FrameNote(22, ("hero",), 0.416, is_next_keyframe=True),
        FrameNote(7, ("ball",), 0.55),
        FrameNote(15, ("hero", "ball"), is_next_keyframe=True),
    )
    assert [note.text for note in frame_notes(found)] == [
        "look, key: hero, confidence 42 %",
        "look: ball, confidence 55 %",
        "key: hero, ball",
    ]
    assert [note.frame for note in frame_notes(found)] == [1022, 1007, 1015]


@pytest.mark.parametrize("assessment", [None, Assessment({"hero": 0.95}, (), 0, (1020,))])
def test_mattes_in_order_have_no_frame_to_go_to(assessment):
    """A next keyframe is listed only if something is doubtful or looks wrong."""
    assert frame_notes(report(assessment)) == ()
    problem = Problem(1030, "hero", "vanishes", "Draw it")
    assert [note.frame for note in frame_notes(report(Assessment({}, (), 0, (1020,), (problem,))))] == [1020]


def test_names_of_objects_are_printable():
    """Control characters of a name are escaped."""
    found = report(Assessment({}, (DoubtfulFrame(1, "a\n\x1b[2J", 0.5),), 1, ()))
    assert [note.label for note in frame_notes(found)] == ["look: a\\n\\x1b[2J"]


def test_the_status_of_a_job_has_notes_and_problems():
    """Once the job is done; a problem names the host's frame and the plate's file if they differ."""
    status, own = JobStatus(frame_shift=1000), JobStatus()
    assert (status.notes, status.problems) == ((), ())
    problem = Problem(1030, "he\nro", "'he\nro' vanishes at 1030", "Draw it at 1030")
    status.report = own.report = report(Assessment({}, DOUBTFUL, 2, (), (problem,)))
    assert [note.frame for note in status.notes] == [22, 7]
    assert [each.frame for each in status.problems] == [30]
    assert [each.text for each in status.problems] == [
        "frame 30 (file 1030): 'he\\nro' vanishes at 1030. Draw it at 1030."
    ]
    assert [each.text for each in own.problems] == ["'he\\nro' vanishes at 1030. Draw it at 1030."]
