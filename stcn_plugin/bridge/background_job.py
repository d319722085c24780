"""Jobs that run in the background: prepared and delivered on the host's main thread, polled from a timer or a thread."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import final

from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.bridge.job_status import JobStatus
from stcn_plugin.bridge.report import Report
from stcn_plugin.bridge.session import Session
from stcn_plugin.bridge.warm_worker import WarmWorker
from stcn_plugin.errors import STCNError, UnexpectedError

_POLL_INTERVAL = 0.1
"""Seconds between two checks for a cancelled job."""


@final
class BackgroundJob:
    """Runs one job on a warm worker.

    Several jobs may be prepared; they run one after another, in that order.

    Call `prepare` on the host's main thread. Then either call `poll` from a timer until it returns the report, and
    `deliver` on the main thread; or let `run_in_thread` do both. A host without an interface calls `run` alone.

    Args:
        host: A plugin of `HostHooks`.
        worker: The worker.
        status: Records the state of the job.
        plugins: Further plugins of `HostHooks`, such as a progress bar.

    Raises:
        WorkerError: No Python is set for the worker.
        PluginError: A plugin has an unknown hook, or a hook with unknown arguments.
    """

    def __init__(self, host: object, worker: WarmWorker, *, status: JobStatus, plugins: Sequence[object] = ()) -> None:
        self.status = status
        self._worker = worker
        self._request: JobRequest | None = None
        self._has_worker = False
        try:
            self._session = Session(host, worker.client(), plugins=(status, *plugins))
        except STCNError as error:
            status.error = error
            raise

    def prepare(self) -> None:
        """Collect the shot and render its keyframes.

        Raises:
            STCNError: The host cannot.
        """
        self._request = self._session.prepare()
        self.status.is_running = True
        self._worker.join_queue(self)

    def poll(self, *, timeout: float = 0.0) -> Report | None:
        """Start the job when the worker is free, and process the worker's messages.

        Args:
            timeout: Seconds to wait for the worker.

        Returns:
            The report once all mattes are on disk; ``None`` until then.

        Raises:
            STCNError: The job failed or was cancelled.
        """
        assert self._request is not None, "prepare() comes first"  # noqa: S101
        with self._ending_on_error():
            if not self._has_worker:
                self.status.jobs_before = self._worker.place_of(self)
                if self.status.jobs_before or not self._worker.acquire(timeout=timeout):
                    self._session.raise_if_cancelled()
                    return None
                self._has_worker = True
                self._session.start(self._request)
            report = self._session.poll(timeout=timeout)
            if report is not None:
                self._release_worker()
                self._worker.leave_queue(self)
            return report

    def deliver(self, report: Report) -> None:
        """Load the mattes into the host's script.

        Raises:
            STCNError: The host cannot; the mattes are on disk.
        """
        with self._ending_on_error():
            self._session.deliver(report)
        self._end(report)

    def run(self) -> Report:
        """Run the whole job on this thread, as `Session.run` does. Signals cancel it.

        Raises:
            STCNError: The job failed or was cancelled.
        """
        self.status.is_running = True
        with self._worker.reserved(), self._ending_on_error():
            report = self._session.run()
        self._end(report)
        return report

    def run_in_thread(
        self,
        *,
        call_in_main_thread: Callable[[Callable[[], None]], object],
        on_end: Callable[[Exception | None], None],
        display: AbstractContextManager[object] | None = None,
    ) -> None:
        """Poll on a thread, then deliver on the main thread. Call it after `prepare`.

        Args:
            call_in_main_thread: Queues a function for the host's main thread.
            on_end: Called on the main thread with the error, or ``None`` once the mattes are delivered.
            display: Entered on the thread while it polls, such as a progress bar.
        """

        def deliver(report: Report) -> None:
            try:
                self.deliver(report)
            except Exception as error:  # noqa: BLE001 - reported by the host
                on_end(error)
            else:
                on_end(None)

        def work() -> None:
            outcome: Report | Exception
            try:
                with display or nullcontext():
                    outcome = self._wait()
            except Exception as error:  # noqa: BLE001 - reported by the host
                outcome = error
            call_in_main_thread(lambda: deliver(outcome) if isinstance(outcome, Report) else on_end(outcome))

        threading.Thread(target=work, name="stcn-job", daemon=True).start()

    def cancel(self) -> None:
        """Cancel the job within a frame; mattes on disk are kept. From any thread."""
        self.status.is_cancelled = True

    def abandon(self) -> None:
        """Cancel the job without waiting for its end, since the host is closing."""
        self._session.cancel()
        self._end(None)

    def _wait(self) -> Report:
        while True:
            report = self.poll(timeout=_POLL_INTERVAL)
            if report is not None:
                return report
            if self.status.jobs_before:
                time.sleep(_POLL_INTERVAL)

    @contextmanager
    def _ending_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._end(None)
            raise

    def _end(self, report: Report | None) -> None:
        self._release_worker()
        self._worker.leave_queue(self)
        self.status.is_running = False
        if report is not None:
            self.status.report = report
            self.status.warnings += [text for text in report.warnings if text not in self.status.warnings]

    def _release_worker(self) -> None:
        if self._has_worker:
            self._has_worker = False
            self._worker.release()


def as_stcn_error(error: Exception, *, log: Callable[[str], object]) -> STCNError:
    """Return the error to show to the user for an exception.

    Args:
        error: Errors of this package are returned unchanged.
        log: Receives the traceback of any other exception.
    """
    if isinstance(error, STCNError):
        return error
    log("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    return UnexpectedError.of(error)
