"""Drives a host through a job: collect the shot, render the keyframes, propagate, deliver the mattes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, final

from stcn_plugin.bridge.client import WorkerClient
from stcn_plugin.bridge.files import keyframe_folder
from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.bridge.host_hooks import HostHooks
from stcn_plugin.bridge.job import JobRequest, KeyframeFile
from stcn_plugin.bridge.messages import Done, Failed, Prepared, Progressed, Warned, Written
from stcn_plugin.bridge.report import Report
from stcn_plugin.bridge.signals import stop_requests
from stcn_plugin.errors import CancelledError, HostError, PluginError, STCNError

_MAX_MESSAGES_PER_POLL = 200
"""Limits the time of one poll, so that the host stays usable."""


@final
class Session:
    """Runs one job at a time for a host. The worker may serve other sessions before and after.

    A host that can block calls `run`. A host that has to stay usable calls `prepare` and `start`, then `poll` until it
    returns a report, then `deliver`. Before one of them raises an error, it calls `stcn_job_failed` once.

    Args:
        host: A plugin of `HostHooks`.
        client: The client of the worker.
        plugins: Further plugins of `HostHooks`, called before the host.

    Raises:
        PluginError: A plugin has an unknown hook, or a hook with unknown arguments.
    """

    def __init__(self, host: object, client: WorkerClient, *, plugins: Sequence[object] = ()) -> None:
        self._hooks = Hooks(HostHooks, [(_name_of(plugin), plugin) for plugin in (host, *plugins)])
        self._client = client
        self._job: int | None = None
        self._request: JobRequest | None = None
        self._shown_warnings: set[str] = set()

    @property
    def is_running(self) -> bool:
        """Whether a job is running."""
        return self._job is not None

    def run(self) -> Report:
        """Run the whole job on this thread.

        On the main thread, SIGINT (Ctrl-C), SIGTERM and SIGHUP cancel the job within a frame; a second signal ends the
        process and the worker immediately.

        Raises:
            CancelledError: The host or a signal cancelled the job.
            STCNError: The job failed.
        """
        with stop_requests(before_exit=self._client.kill) as stop:
            self.start(self.prepare())
            report, is_stopping = None, False
            while report is None:
                if stop and not is_stopping:
                    is_stopping = True
                    self._warn("stopping after the current frames; press Ctrl-C again to stop immediately")
                    self.cancel()
                report = self.poll(timeout=0.1)
            self.deliver(report)
            return report

    def prepare(self) -> JobRequest:
        """Collect the shot and render its keyframes.

        Raises:
            STCNError: A hook raised an error, or there is nothing to propagate.
        """
        self._refuse_while_running()
        with self._reporting_failure():
            self._shown_warnings.clear()
            request: JobRequest | None = self._result(
                "stcn_collect_shot", lambda it: isinstance(it, JobRequest), returns="a JobRequest", warn=self._warn
            )
            if request is None:
                raise self._no_request()
            folder = keyframe_folder(request)
            rendered = self._result(
                "stcn_render_keyframes",
                _are_keyframes,
                returns="a list of KeyframeFile",
                request=request,
                folder=folder,
                warn=self._warn,
            )
            return replace(request, keyframes=(*request.keyframes, *(rendered or ())))

    def start(self, request: JobRequest) -> None:
        """Send the job to the worker, which is started unless it is running.

        Raises:
            STCNError: A job is running, or the worker cannot be started.
        """
        self._refuse_while_running()
        with self._reporting_failure():
            self._job, self._request = self._client.submit(request), request

    def poll(self, *, timeout: float = 0.0) -> Report | None:
        """Process the worker's messages and call the host's hooks.

        Args:
            timeout: Seconds to wait for the first message.

        Returns:
            The report when all mattes are on disk, ``None`` before.

        Raises:
            CancelledError: The job was cancelled.
            STCNError: The job failed, or the worker died.
        """
        if self._job is None:
            raise HostError("no job is running")
        with self._reporting_failure():
            if self._is_cancelled():
                self.cancel()
            for number in range(_MAX_MESSAGES_PER_POLL):
                message = self._client.receive(timeout=0.0 if number else timeout)
                if message is None:
                    break
                if getattr(message, "id", None) != self._job:
                    continue  # of an earlier, abandoned job
                if isinstance(message, Prepared):
                    self._prepare_mattes(message.report)
                elif isinstance(message, Progressed):
                    self._notify("stcn_show_progress", progress=message.progress)
                elif isinstance(message, Written):
                    self._notify("stcn_show_frame", frame=message.frame, files=message.files)
                elif isinstance(message, Warned):
                    self._warn(message.text)
                elif isinstance(message, Failed):
                    raise message.error
                elif isinstance(message, Done):
                    self._job = None
                    return message.report
        return None

    def cancel(self) -> None:
        """Cancel the job; `poll` raises `CancelledError` within a frame. From any thread."""
        job = self._job
        if job is not None:
            self._client.cancel(job)

    def deliver(self, report: Report) -> None:
        """Let the host load the mattes, unless the job was for some segments only, or a dry run.

        Raises:
            STCNError: The host cannot; the mattes stay on disk.
        """
        if self._request is None:
            raise HostError("no job was run")
        if not self._request.build.makes_whole_shot:
            return
        with self._reporting_failure():
            for _ in self._hooks.results("stcn_deliver_mattes", request=self._request, report=report):
                pass

    def raise_if_cancelled(self) -> None:
        """Check for cancellation while waiting for the worker, before `start`.

        Raises:
            CancelledError: The artist has cancelled the job.
        """
        with self._reporting_failure():
            if self._is_cancelled():
                raise CancelledError("the job was cancelled before it started")

    def _prepare_mattes(self, report: Report) -> None:
        """Let the host load the mattes that are about to be written, as `deliver` does at the end."""
        if self._request is not None and self._request.build.makes_whole_shot:
            self._notify("stcn_prepare_mattes", request=self._request, report=report)

    def _is_cancelled(self) -> bool:
        """Return whether any plugin reports that the job is cancelled."""
        return any(is_cancelled for _, is_cancelled in self._hooks.results("stcn_is_cancelled"))

    def _refuse_while_running(self) -> None:
        if self._job is not None:
            raise HostError("a job is running", fix="Wait for it, or cancel it first")

    def _result(self, hook: str, is_valid: Callable[[Any], bool], *, returns: str, **arguments: object) -> Any:
        """Return the first result of a hook after checking its type."""
        for name, result in self._hooks.results(hook, **arguments):
            if not is_valid(result):
                what = f"its hook {hook} returned a {type(result).__name__}"
                raise PluginError(what, where=f"plugin {name}", fix=f"Return {returns}")
            return result
        return None

    def _no_request(self) -> PluginError:
        """Return the error for a job without a request."""
        hook = "stcn_collect_shot"
        names = list(self._hooks.implementations(hook))
        if not names:
            return PluginError(f"no plugin has the hook {hook}", fix="Add it to the host; it returns a JobRequest")
        what = f"{'its hook' if len(names) == 1 else 'their hooks'} {hook} returned None"
        return PluginError(what, where=f"plugin {', '.join(names)}", fix="Return a JobRequest")

    def _notify(self, hook: str, **arguments: object) -> None:
        self._hooks.notify(hook, on_error=self._warn_once, **arguments)

    def _warn_once(self, error: PluginError) -> None:
        """Show a plugin's error once per job, not once per frame."""
        if str(error) not in self._shown_warnings:
            self._shown_warnings.add(str(error))
            self._warn(str(error))

    def _warn(self, text: str) -> None:
        self._hooks.notify("stcn_show_warning", on_error=lambda _: None, text=text)

    @contextmanager
    def _reporting_failure(self) -> Iterator[None]:
        """Cancel the job at an error, and call `stcn_job_failed`."""
        try:
            yield
        except STCNError as error:
            self.cancel()
            self._job = None
            self._notify("stcn_job_failed", error=error)
            raise


def _are_keyframes(result: object) -> bool:
    return isinstance(result, (list, tuple)) and all(isinstance(each, KeyframeFile) for each in result)


def _name_of(plugin: object) -> str:
    """Return the name of a module or class, or of an object's class."""
    return str(getattr(plugin, "__name__", type(plugin).__name__))
