"""The frames that an artist should go to after a job, for lists and markers of a host."""

from __future__ import annotations

from dataclasses import dataclass

from stcn_plugin.bridge.printable import printable
from stcn_plugin.bridge.report import Report


@dataclass(frozen=True)
class FrameNote:
    """A frame to go to.

    Args:
        frame: Frame number in the host.
        object_names: The objects to look at or to draw.
        confidence: Confidence of a doubtful frame, 0 to 1; ``None`` if the frame is not doubtful.
        is_next_keyframe: Whether a keyframe there would help most.
    """

    frame: int
    object_names: tuple[str, ...]
    confidence: float | None = None
    is_next_keyframe: bool = False

    @property
    def label(self) -> str:
        """What to do there: ``look: hero``, ``key: hero``, or ``look, key: hero``."""
        looks, keys = self.confidence is not None, self.is_next_keyframe
        words = [word for word, is_wanted in (("look", looks), ("key", keys)) if is_wanted]
        return f"{', '.join(words)}: {', '.join(map(printable, self.object_names))}"

    @property
    def text(self) -> str:
        """The label and the confidence."""
        return self.label if self.confidence is None else f"{self.label}, {confidence_text(self.confidence)}"


def confidence_text(confidence: float) -> str:
    """Return a confidence for people.

    >>> confidence_text(0.416)
    'confidence 42 %'
    """
    return f"confidence {100 * confidence:.0f} %"


def frame_notes(report: Report, *, frame_shift: int = 0) -> tuple[FrameNote, ...]:
    """Return the doubtful frames, worst first, then the next keyframes that are not among them, best first.

    Args:
        report: The report of a job.
        frame_shift: Frame number of the plate minus frame number in the host.
    """
    if report.assessment is None:
        return ()
    keys = report.assessment.suggested_keyframes
    doubtful = [
        FrameNote(each.frame - frame_shift, (each.object_name,), each.confidence, each.frame in keys)
        for each in report.assessment.doubtful
    ]
    known = {note.frame for note in doubtful}
    others = [
        FrameNote(frame - frame_shift, report.objects, is_next_keyframe=True)
        for frame in keys
        if frame - frame_shift not in known
    ]
    return (*doubtful, *others)
