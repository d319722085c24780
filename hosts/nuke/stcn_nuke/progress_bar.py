"""Nuke's progress bar of a job."""

from __future__ import annotations

from types import TracebackType
from typing import final

import nuke

from stcn_plugin.bridge import Progress, hookimpl


@final
class ProgressBar:
    """A bar with a cancel button; a plugin of the host hooks.

    Enter it on the thread that polls the job: Nuke ties a progress task to the thread that creates it.
    """

    def __init__(self) -> None:
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
        """Return whether the artist pressed the bar's cancel button."""
        return self._task is not None and bool(self._task.isCancelled())
