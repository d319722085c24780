"""Jobs: beside the artist's work where Nuke has an interface, at once where it has none."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import final

import nuke

from stcn_nuke.host import NukeHost
from stcn_nuke.orders import Order
from stcn_nuke.worker import Worker
from stcn_plugin.bridge import JobRequest, Progress, Report, Session
from stcn_plugin.errors import CancelledError, STCNError, WorkerError

_POLL = 0.1
"""Seconds between two looks at the artist's cancel button."""


@final
class TaskDisplay:
    """A progress bar in Nuke with a cancel button; it lives on the thread that polls."""

    def __init__(self) -> None:
        self._task: nuke.ProgressTask | None = None
        self._stopped = threading.Event()

    def open(self, title: str) -> None:
        """Show the bar."""
        self._task = nuke.ProgressTask(title)
        self._task.setMessage("starting the worker")

    def close(self) -> None:
        """Take the bar away; Nuke does that when nobody holds the task."""
        self._task = None

    def stop(self) -> None:
        """Ask for the end of the job; from any thread."""
        self._stopped.set()

    def show_progress(self, progress: Progress) -> None:
        """Move the bar."""
        if self._task is not None:
            self._task.setProgress(min(100, 100 * progress.done // max(1, progress.total)))
            self._task.setMessage(f"frame {progress.frame}, step {progress.done} of {progress.total}")

    def warn(self, text: str) -> None:
        """Put a line into Nuke's error console."""
        nuke.executeInMainThread(nuke.warning, args=(f"STCN: {text}",))

    def is_cancelled(self) -> bool:
        """Tell whether the artist pressed cancel, on the bar or in the menu."""
        return self._stopped.is_set() or (self._task is not None and bool(self._task.isCancelled()))


@final
class BackgroundJob:
    """One order, propagated beside the artist's work.

    Made, prepared and delivered on the main thread; a thread of its own waits for the worker.

    Args:
        order: What the artist wants.
        worker: Who does it.
        on_end: Told on the main thread that it is over: the error, or ``None`` when the mattes are in the script.

    Raises:
        WorkerError: No Python is set for the worker.
    """

    def __init__(self, order: Order, worker: Worker, *, on_end: Callable[[STCNError | None], None]) -> None:
        self._display = TaskDisplay()
        self._worker = worker
        self._on_end = on_end
        self._session = Session(NukeHost(order, self._display), worker.client())

    def start(self) -> None:
        """Collect the shot and render its keyframes now, and leave the rest to the thread.

        Raises:
            STCNError: The script does not have what it takes.
        """
        request = self._session.prepare()
        threading.Thread(target=self._work, args=(request,), name="stcn-job", daemon=True).start()

    def cancel(self) -> None:
        """Stop within a frame; the mattes that are there stay."""
        self._display.stop()

    def _work(self, request: JobRequest) -> None:
        """Wait for the worker, on the thread."""
        try:
            self._display.open("STCN")
            with self._worker_to_itself():
                report = self._wait(request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the artist must be told
            nuke.executeInMainThread(self._on_end, args=(told(error),))
        else:
            nuke.executeInMainThread(self._deliver, args=(report,))
        finally:
            self._display.close()

    @contextmanager
    def _worker_to_itself(self) -> Iterator[None]:
        """Hold the worker's lock; a panel that still asks what the worker offers may have it for long."""
        while not self._worker.lock.acquire(timeout=_POLL):
            if self._display.is_cancelled():
                raise CancelledError("the job was cancelled before the worker was free")
        try:
            yield
        finally:
            self._worker.lock.release()

    def _wait(self, request: JobRequest) -> Report:
        self._session.start(request)
        while True:
            report = self._session.poll(timeout=_POLL)
            if report is not None:
                return report

    def _deliver(self, report: Report) -> None:
        """Bring the mattes into the script, on the main thread."""
        try:
            self._session.deliver(report)
        except Exception as error:  # noqa: BLE001 - whatever it is, the artist must be told
            self._on_end(told(error))
        else:
            self._on_end(None)


def told(error: Exception) -> STCNError:
    """Return an error that can be shown; of one that nobody foresaw, the traceback goes to the terminal."""
    if isinstance(error, STCNError):
        return error
    nuke.tprint("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    return WorkerError(
        f"unexpected {type(error).__name__}: {error}",
        fix="This is a defect of STCN; the terminal tells where it happened",
    )
