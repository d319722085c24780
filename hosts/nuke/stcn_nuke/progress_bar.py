"""Nuke's progress bar of a job."""

from __future__ import annotations

from types import TracebackType
from typing import final

import nuke

from stcn_plugin.bridge import JobStatus, Progress, hookimpl


@final
class ProgressBar:
    """A bar with a cancel button; a plugin of the host hooks.

    Enter it on the thread that polls the job: Nuke ties a progress task to the thread that creates it.

    Args:
        status: Status of the job, whose text is shown while it waits for others.
    """

    def __init__(self, status: JobStatus) -> None:
        self._status = status
        self._shown = ""
        self._task: nuke.ProgressTask | None = None

    def __enter__(self) -> ProgressBar:
        self._task = nuke.ProgressTask("STCN")
        self._task.setMessage("starting the worker")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._task = None  # Nuke removes the bar when the task is deleted

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        """Move the bar."""
        if self._task is not None:
            self._task.setProgress(min(100, 100 * progress.done // max(1, progress.total)))
            self._task.setMessage(f"frame {progress.frame}, step {progress.done} of {progress.total}")

    @hookimpl
    def stcn_show_warning(self, text: str) -> None:
        """Print a line to Nuke's error console."""
        nuke.executeInMainThread(nuke.warning, args=(f"STCN: {text}",))

    @hookimpl
    def stcn_is_cancelled(self) -> bool:
        """Show whether the job waits for others; return whether the artist pressed the bar's cancel button."""
        if self._task is not None and self._status.progress is None and self._status.text != self._shown:
            self._shown = self._status.text
            self._task.setMessage(self._shown)
        return self._task is not None and bool(self._task.isCancelled())
