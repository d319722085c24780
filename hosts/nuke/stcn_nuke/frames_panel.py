"""The list of frames to look at after a job, each with a button that goes to it. For sessions with an interface.

Frames of a plate are those of the script: a Read that shifts its frames is rendered first.
"""

from __future__ import annotations

from collections.abc import Sequence

import nuke
import nukescripts

from stcn_nuke.knob_text import set_label
from stcn_plugin.bridge.assessment import Problem
from stcn_plugin.bridge.frame_notes import FrameNote

_MOST_PROBLEMS = 10


class FramesPanel(nukescripts.PythonPanel):
    """Doubtful frames, next keyframes and problems of a job. It stays open while the artist works.

    Args:
        out: Frame pattern of the mattes.
        notes: Doubtful frames and next keyframes.
        problems: What looks wrong.
    """

    def __init__(self, out: str, notes: Sequence[FrameNote], problems: Sequence[Problem]) -> None:
        super().__init__("STCN: doubtful frames", "stcn.FramesPanel")
        self._frames: dict[str, int] = {}
        mattes = nuke.Text_Knob("mattes", "mattes", "")
        set_label(mattes, out)
        self.addKnob(mattes)
        for note in notes:
            self._add_row(note.frame, note.text)
        for problem in problems[:_MOST_PROBLEMS]:
            self._add_row(problem.frame, problem.text)

    def knobChanged(self, knob: nuke.Knob) -> None:  # noqa: N802 - the name that Nuke calls
        """Go to the frame of the button that was pressed."""
        if knob.name() in self._frames:
            nuke.frame(self._frames[knob.name()])

    def close(self) -> None:
        """Close the panel, if the artist has not closed it."""
        self.hide()
        self.removeCallback()

    def _add_row(self, frame: int, text: str) -> None:
        """Add a button and the text beside it; Nuke may evaluate the label of a button, so it is only the number."""
        row = len(self._frames)
        button = nuke.PyScript_Knob(f"frame_{row}", str(frame))
        button.setTooltip(f"Go to frame {frame}")
        button.setFlag(nuke.STARTLINE)
        beside = nuke.Text_Knob(f"text_{row}", "", "")
        beside.clearFlag(nuke.STARTLINE)
        set_label(beside, text)
        self._frames[button.name()] = frame
        self.addKnob(button)
        self.addKnob(beside)
