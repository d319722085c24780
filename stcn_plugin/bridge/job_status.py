"""The state of a job, for panels and progress bars."""

from __future__ import annotations

from typing import final

from stcn_plugin.bridge.assessment import Problem
from stcn_plugin.bridge.frame_notes import FrameNote, frame_notes
from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.bridge.job import Progress
from stcn_plugin.bridge.report import Report
from stcn_plugin.bridge.summaries import reason_lines, result_text
from stcn_plugin.errors import CancelledError, STCNError


@final
class JobStatus:
    """The state of a job, for panels; a plugin of `HostHooks` that records what the session reports.

    Args:
        frame_shift: Frame number of the plate minus frame number in the host.
    """

    def __init__(self, *, frame_shift: int = 0) -> None:
        self._frame_shift = frame_shift
        self.is_running = False
        self.is_cancelled = False
        """Set it to cancel the job at the next poll."""
        self.jobs_before = 0
        """Number of jobs that run before this one."""
        self.progress: Progress | None = None
        self.warnings: list[str] = []
        self.error: STCNError | None = None
        self.report: Report | None = None

    @property
    def frame(self) -> int | None:
        """The frame processed last, in the host's numbers."""
        return self.progress.frame - self._frame_shift if self.progress else None

    @property
    def fraction(self) -> float:
        """Progress from 0 to 1."""
        return self.progress.done / max(1, self.progress.total) if self.progress else 0.0

    @property
    def text(self) -> str:
        """The state in a few words; empty before the job is prepared."""
        if self.report is not None:
            text = result_text(self.report, frame_shift=self._frame_shift)
            return text[0].upper() + text[1:]
        if self.error is not None:
            return "Cancelled" if isinstance(self.error, CancelledError) else "Failed"
        if not self.is_running:
            return ""
        if self.is_cancelled:
            return "Cancelling"
        if self.jobs_before:
            return f"Waiting for {self.jobs_before} other job{'s' if self.jobs_before > 1 else ''}"
        return "Starting" if self.progress is None else f"Frame {self.frame}"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why frames were written, once the job is done; frames in it are those of the plate."""
        return tuple(reason_lines(self.report)) if self.report is not None and self.report.frames else ()

    @property
    def notes(self) -> tuple[FrameNote, ...]:
        """The frames to go to, once the job is done."""
        return frame_notes(self.report, frame_shift=self._frame_shift) if self.report is not None else ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What looks wrong in the mattes or the keyframes, at frames of the host, once the job is done."""
        if self.report is None or self.report.assessment is None:
            return ()
        return tuple(each.in_host(self._frame_shift) for each in self.report.assessment.problems)

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        """Record the progress."""
        self.progress = progress

    @hookimpl
    def stcn_show_warning(self, text: str) -> None:
        """Record a warning, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    @hookimpl
    def stcn_is_cancelled(self) -> bool:
        """Return whether the job was cancelled."""
        return self.is_cancelled

    @hookimpl
    def stcn_job_failed(self, error: STCNError) -> None:
        """Record the error."""
        self.error = error
