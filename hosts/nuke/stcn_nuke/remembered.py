"""The last job of a script and its result, stored in the script itself, so that they are there the next day."""

from __future__ import annotations

import json
from dataclasses import dataclass

import nuke

from stcn_nuke.jobs import PropagateJob
from stcn_nuke.knob_text import get_text, set_text
from stcn_plugin.bridge import JobStatus
from stcn_plugin.bridge.fields import Fields
from stcn_plugin.bridge.files import pattern_name
from stcn_plugin.bridge.job import json_of
from stcn_plugin.errors import HostError, ProtocolError

_TAB, _JOB, _RESULT = "stcn", "stcn_last_job", "stcn_last_result"
_LABELS = {_JOB: "last job", _RESULT: "last result"}
_MOST_PROBLEMS = 10


@dataclass(frozen=True)
class FrameRow:
    """A frame to look at, and why."""

    frame: int
    text: str

    @classmethod
    def from_json(cls, data: object) -> FrameRow:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "a frame to look at")
        return cls(fields.frame("frame"), fields.value("text", str))


@dataclass(frozen=True)
class JobResult:
    """The result of a job.

    Args:
        out: Frame pattern of the mattes.
        text: What was done, and why.
        rows: Doubtful frames, next keyframes and problems.
    """

    out: str
    text: str
    rows: tuple[FrameRow, ...]

    @property
    def label(self) -> str:
        """Name of the mattes, and what was done."""
        return f"{pattern_name(self.out)}: {self.text}"

    @classmethod
    def of(cls, out: str, status: JobStatus) -> JobResult:
        """Return the result of a job that is done."""
        notes = [FrameRow(note.frame, note.text) for note in status.notes]
        problems = [FrameRow(problem.frame, problem.text) for problem in status.problems[:_MOST_PROBLEMS]]
        return cls(out, "; ".join([status.text, *status.reasons]), (*notes, *problems))


def remember(job: PropagateJob) -> None:
    """Store a job in the script."""
    _store(_JOB, job.text)


def last_job() -> PropagateJob | None:
    """Return the job that was stored last, ``None`` if there is none, or if another version stored it."""
    try:
        return PropagateJob.parse(_stored(_JOB))
    except HostError:
        return None


def remember_result(result: JobResult) -> None:
    """Store the result of a job in the script."""
    _store(_RESULT, json.dumps(json_of(result)))


def last_result() -> JobResult | None:
    """Return the result that was stored last, ``None`` if there is none, or if another version stored it."""
    try:
        fields = Fields(json.loads(_stored(_RESULT)), "a result")
        return JobResult(
            fields.value("out", str), fields.value("text", str), fields.list_of("rows", FrameRow.from_json)
        )
    except (ValueError, ProtocolError):
        return None


def _store(name: str, text: str) -> None:
    root = nuke.root()
    if root.knob(_TAB) is None:
        root.addKnob(nuke.Tab_Knob(_TAB, "STCN"))
    if root.knob(name) is None:
        knob = nuke.String_Knob(name, _LABELS[name])
        knob.setFlag(nuke.INVISIBLE)
        root.addKnob(knob)
    set_text(root[name], text)


def _stored(name: str) -> str:
    """Return a stored text, empty if there is none."""
    knob = nuke.root().knob(name)
    return "" if knob is None else get_text(knob)
