"""One session that drives any host: collect the shot, render the keyframes, propagate, deliver the mattes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import final

from stcn_plugin.bridge.client import WorkerClient
from stcn_plugin.bridge.host_hooks import HostHooks
from stcn_plugin.bridge.job import JobRequest, Report
from stcn_plugin.bridge.messages import Done, Failed, Progressed, Warned, Written
from stcn_plugin.bridge.plugins import Hooks
from stcn_plugin.errors import HostError, STCNError

KEYFRAME_FOLDER = "keyframes"
"""Folder beside the mattes that rendered keyframes go to."""


@final
class Session:
    """Runs one job at a time for a host, over a worker that may serve many sessions.

    A host that can wait calls `run`. One that must stay usable calls `prepare` and `start`, then `poll` until it gives a
    report, then `deliver`.

    Args:
        host: A plugin of `HostHooks`.
        client: The worker.
        plugins: Further plugins of `HostHooks`, asked before the host.
    """

    def __init__(self, host: object, client: WorkerClient, *, plugins: Sequence[object] = ()) -> None:
        named = [(type(plugin).__name__, plugin) for plugin in (host, *plugins)]
        self._hooks = Hooks(HostHooks, named)
        self._client = client
        self._job: int | None = None
        self._request: JobRequest | None = None

    @property
    def is_running(self) -> bool:
        """Whether a job is under way."""
        return self._job is not None

    def run(self) -> Report:
        """Do all of it, on this thread. Ctrl-C cancels within a frame.

        Raises:
            STCNError: Whatever went wrong; the host was told by `stcn_job_failed`.
        """
        self.start(self.prepare())
        while True:
            try:
                report = self.poll(timeout=0.1)
            except KeyboardInterrupt:
                self.cancel()
                continue
            if report is not None:
                self.deliver(report)
                return report

    def prepare(self) -> JobRequest:
        """Collect the shot and render its keyframes.

        Raises:
            STCNError: The host cannot tell, or has nothing to propagate.
        """
        with self._telling_failure():
            request: JobRequest | None = self._hooks.first("stcn_collect_shot")
            if request is None:
                raise HostError("the host collected no shot")
            folder = keyframe_folder(request)
            rendered = self._hooks.first("stcn_render_keyframes", request=request, folder=folder)
            return replace(request, keyframes=(*request.keyframes, *(rendered or ())))

    def start(self, request: JobRequest) -> None:
        """Send a job to the worker, which is started where none is running.

        Raises:
            STCNError: A job is under way already, or the worker cannot be started.
        """
        if self._job is not None:
            raise HostError("a job is running", fix="Wait for it, or cancel it first")
        with self._telling_failure():
            self._job, self._request = self._client.submit(request), request

    def poll(self, *, timeout: float = 0.0) -> Report | None:
        """Take what the worker has told since, and tell the host.

        Args:
            timeout: Seconds to wait for the first message.

        Returns:
            The report when the job is done, ``None`` before.

        Raises:
            STCNError: The job ended with an error, or the worker died; the host was told by `stcn_job_failed`.
        """
        if self._job is None:
            raise HostError("no job is running")
        with self._telling_failure():
            if self._hooks.first("stcn_is_cancelled"):
                self.cancel()
            while (message := self._client.receive(timeout=timeout)) is not None:
                timeout = 0.0
                if getattr(message, "id", None) != self._job:
                    continue  # of an earlier job that was abandoned
                if isinstance(message, Progressed):
                    self._tell("stcn_show_progress", progress=message.progress)
                elif isinstance(message, Written):
                    self._tell("stcn_show_frame", frame=message.frame, files=message.files)
                elif isinstance(message, Warned):
                    self._warn(message.text)
                elif isinstance(message, Failed):
                    raise message.error
                elif isinstance(message, Done):
                    self._job = None
                    return message.report
        return None

    def cancel(self) -> None:
        """Ask the worker to stop the job; `poll` then raises `CancelledError` within a frame."""
        if self._job is not None:
            self._client.cancel(self._job)

    def deliver(self, report: Report) -> None:
        """Have the host take the mattes in.

        Raises:
            STCNError: The host cannot; the mattes are on disk all the same.
        """
        if self._request is None:
            raise HostError("no job was run")
        for _ in self._hooks.answers("stcn_deliver_mattes", request=self._request, report=report):
            pass

    def _tell(self, hook: str, **arguments: object) -> None:
        self._hooks.tell(hook, warn=self._warn, **arguments)

    def _warn(self, text: str) -> None:
        self._hooks.tell("stcn_show_warning", warn=lambda _: None, text=text)

    @contextmanager
    def _telling_failure(self) -> Iterator[None]:
        try:
            yield
        except STCNError as error:
            self._job = None
            self._tell("stcn_job_failed", error=error)
            raise


def keyframe_folder(request: JobRequest) -> str:
    """Return the folder that a request's rendered keyframes go to: beside its mattes, else beside its shot file.

    Raises:
        HostError: The request says neither.
    """
    beside = request.out or request.shot_file
    if beside is None:
        raise HostError("the shot does not say where its mattes go", fix="Give the file pattern of the mattes")
    return os.path.join(os.path.dirname(os.path.abspath(beside)), KEYFRAME_FOLDER)  # noqa: PTH100,PTH118,PTH120
