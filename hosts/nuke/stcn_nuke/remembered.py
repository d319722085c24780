"""The last job of a script, stored in the script itself, so that the panel suggests its settings the next day."""

from __future__ import annotations

import nuke

from stcn_nuke.jobs import PropagateJob
from stcn_nuke.knob_text import get_text, set_text
from stcn_plugin.errors import HostError

_TAB, _KNOB = "stcn", "stcn_last_job"


def remember(job: PropagateJob) -> None:
    """Store a job in the script."""
    root = nuke.root()
    if root.knob(_KNOB) is None:
        root.addKnob(nuke.Tab_Knob(_TAB, "STCN"))
        knob = nuke.String_Knob(_KNOB, "last job")
        knob.setFlag(nuke.INVISIBLE)
        root.addKnob(knob)
    set_text(root[_KNOB], job.text)


def last_job() -> PropagateJob | None:
    """Return the job that was stored last, ``None`` if there is none, or if another version stored it."""
    knob = nuke.root().knob(_KNOB)
    if knob is None:
        return None
    try:
        return PropagateJob.parse(get_text(knob))
    except HostError:
        return None
