"""The list of frames to look at after a job, each with a button that goes to it. For sessions with an interface.

Frames of a plate are those of the script: a Read that shifts its frames is rendered first.
"""

from __future__ import annotations

import nuke
import nukescripts

from stcn_nuke.knob_text import set_label
from stcn_nuke.remembered import JobResult


class FramesPanel(nukescripts.PythonPanel):
    """Doubtful frames, next keyframes and problems of a job. It stays open while the artist works.

    Args:
        result: The result of the job.
    """

    def __init__(self, result: JobResult) -> None:
        super().__init__("STCN: doubtful frames", "stcn.FramesPanel")
        self._frames: dict[str, int] = {}
        mattes = nuke.Text_Knob("mattes", "mattes", "")
        set_label(mattes, result.out)
        self.addKnob(mattes)
        for row in result.rows:
            self._add_row(row.frame, row.text)

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
