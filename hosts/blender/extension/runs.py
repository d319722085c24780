"""One run of a job: keyframes rendered at once, the worker polled from a timer, or waited for where nobody watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import bpy

from stcn_plugin.bridge import Report, Session
from stcn_plugin.bridge.signals import stop_requests
from stcn_plugin.errors import CancelledError, HostError, STCNError
from stcn_plugin.frames import parse_frame_range

from .choices import Choices
from .host import BlenderHost
from .kept import KEPT, JobStatus


@final
class Run:
    """A job over the kept worker, and what the panels show of it. Collects and renders the keyframes when made.

    Args:
        choices: What the artist chose.
        python: The worker's interpreter.
        update: Frame of the scene whose keyframe is new or changed; ``None`` propagates the whole shot.
        on_progress: Called when there is something new to show.

    Raises:
        STCNError: A job is running, or something that it needs is missing.
    """

    def __init__(
        self,
        choices: Choices,
        python: str,
        *,
        update: int | None = None,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        if KEPT.status.is_running:
            raise HostError("a job is running", fix="Wait for it, or cancel it first")
        self.status = KEPT.status = JobStatus()
        self._choices = choices
        self._update = update
        host = BlenderHost(choices, self.status, update=update, on_progress=on_progress)
        try:
            self._session = Session(host, KEPT.client(python))
            self._request = self._session.prepare()
        except STCNError as error:
            self._ended(error)
            raise
        self.status.is_running, self.status.text = True, "Starting"

    def poll(self, *, timeout: float = 0.0) -> Report | None:
        """Go on; return the report when the mattes stand in the compositor, ``None`` before.

        Args:
            timeout: Seconds to wait for the worker.

        Raises:
            STCNError: The job ended with an error, or was cancelled; the run is over.
        """
        try:
            if not self._session.is_running:
                if self.status.is_cancelled:
                    raise CancelledError("the job was cancelled before it began")
                if KEPT.is_asking:
                    return None
                self._session.start(self._request)
            report = self._session.poll(timeout=timeout)
            if report is None:
                return None
            self._session.deliver(report)
            self._remember_keyframe()
        except STCNError as error:
            self._ended(error)
            raise
        self.status.is_running = False
        self.status.warnings += [text for text in report.warnings if text not in self.status.warnings]
        self.status.text = f"{len(report.frames)} frames of {', '.join(report.objects)}"
        return report

    def wait(self) -> Report:
        """Go on until the mattes stand in the compositor.

        SIGINT (Ctrl-C), SIGTERM and SIGHUP cancel within a frame; a second one ends the process at once.

        Raises:
            CancelledError: A signal cancelled the job.
            STCNError: The job ended with an error.
        """
        KEPT.wait()
        report = None
        with stop_requests(at_once=KEPT.kill) as stop:
            while report is None:
                self.status.is_cancelled = self.status.is_cancelled or bool(stop)
                report = self.poll(timeout=0.1)
        return report

    def abandon(self) -> None:
        """Have the worker stop, without waiting for it."""
        self.status.is_running = False
        self.status.text = "Stopped"
        self._session.cancel()

    def _ended(self, error: STCNError) -> None:
        """Have the panels say why there are no mattes."""
        is_cancelled = isinstance(error, CancelledError)
        self.status.is_running = False
        self.status.error = "" if is_cancelled else str(error)
        self.status.text = "Stopped" if is_cancelled else "Failed"

    def _remember_keyframe(self) -> None:
        """Keep a frame that was added where the artist names the frames, so that the next job has it too."""
        at = self._choices.keyframes_at
        if self._update is None or not at or self._update in parse_frame_range(at):
            return
        bpy.data.scenes[self._choices.scene].stcn.keyframes_at = f"{at},{self._update}"
