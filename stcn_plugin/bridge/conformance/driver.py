"""Runs one job of a host, and records what happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Optional, final

from stcn_plugin.bridge.client import WorkerClient
from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.bridge.report import Report
from stcn_plugin.bridge.session import Session
from stcn_plugin.errors import PluginError, STCNError


@dataclass
class Attempt:
    """What happened in a job.

    Args:
        request: The request, with the keyframes, if the host prepared one.
        report: The report, if the job was done.
        error: The error that ended the job.
        warnings: All warnings.
        frames: Frames whose mattes were written.
    """

    request: Optional[JobRequest] = None  # noqa: UP045 - evaluated by dataclasses in Python 3.9
    report: Optional[Report] = None  # noqa: UP045
    error: Optional[STCNError] = None  # noqa: UP045
    warnings: list[str] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)


@final
class _Recorder:
    """A plugin beside the host that records the job, and acts when its first mattes are written.

    Args:
        attempt: What happened, filled in.
        on_first_frame: Called with the first frame.
    """

    def __init__(self, attempt: Attempt, on_first_frame: Callable[[], None]) -> None:
        self._attempt = attempt
        self._on_first_frame = on_first_frame
        self.is_cancelled = False

    @hookimpl
    def stcn_show_frame(self, frame: int) -> None:
        """Record a frame, and act at the first."""
        self._attempt.frames.append(frame)
        if len(self._attempt.frames) == 1:
            self._on_first_frame()

    @hookimpl
    def stcn_show_warning(self, text: str) -> None:
        """Record a warning."""
        self._attempt.warnings.append(text)

    @hookimpl
    def stcn_is_cancelled(self) -> bool:
        """Return whether the driver cancels the job."""
        return self.is_cancelled


def run_job(
    host: object,
    client: WorkerClient,
    *,
    cancels: Callable[[], None] | None = None,
    is_cancelled_by_plugin: bool = False,
    kills_worker: bool = False,
) -> Attempt:
    """Run a job as a host does.

    Args:
        host: The host plugin.
        client: The worker.
        cancels: Called with the first mattes, such as the host's own way to cancel.
        is_cancelled_by_plugin: Cancel the job with the first mattes, as a progress bar would.
        kills_worker: Kill the worker with the first mattes.
    """
    attempt = Attempt()

    def act() -> None:
        recorder.is_cancelled = is_cancelled_by_plugin
        if kills_worker:
            client.kill()
        if cancels is not None:
            cancels()

    recorder = _Recorder(attempt, act)
    try:
        session = Session(host, client, plugins=[recorder])
        attempt.request = session.prepare()
        session.start(attempt.request)
        while attempt.report is None:
            attempt.report = session.poll(timeout=0.1)
        session.deliver(attempt.report)
    except STCNError as error:
        attempt.error = error
    return attempt


def broken_hooks(attempt: Attempt) -> Sequence[str]:
    """Return what the hooks did that failed without ending the job, from the warnings about them."""
    return [text for text in attempt.warnings if ": its hook stcn_" in text]


def is_crash(error: STCNError | None) -> bool:
    """Whether a job ended because code of the host raised another exception than those of `stcn_plugin.errors`."""
    return isinstance(error, PluginError)
