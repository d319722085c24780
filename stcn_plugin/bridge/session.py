"""One session that drives any host: collect the shot, render the keyframes, propagate, deliver the mattes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, final

from stcn_plugin.bridge.client import WorkerClient
from stcn_plugin.bridge.files import keyframe_folder
from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.bridge.host_hooks import HostHooks
from stcn_plugin.bridge.job import JobRequest, KeyframeFile, Report
from stcn_plugin.bridge.messages import Done, Failed, Progressed, Warned, Written
from stcn_plugin.bridge.signals import stop_requests
from stcn_plugin.errors import CancelledError, HostError, PluginError, STCNError

_MOST_MESSAGES = 200
"""Messages taken in one poll: a host must get back to its own work."""


@final
class Session:
    """Runs one job at a time for a host, over a worker that may serve other sessions before and after.

    A host that can wait calls `run`. One that must stay usable calls `prepare` and `start`, then `poll` until it gives a
    report, then `deliver`. Of any error that one of them raises the host was told by `stcn_job_failed`, once.

    Args:
        host: A plugin of `HostHooks`.
        client: The worker.
        plugins: Further plugins of `HostHooks`, asked before the host.

    Raises:
        PluginError: A plugin has a hook that does not exist, or with other arguments.
    """

    def __init__(self, host: object, client: WorkerClient, *, plugins: Sequence[object] = ()) -> None:
        self._hooks = Hooks(HostHooks, [(_name_of(plugin), plugin) for plugin in (host, *plugins)])
        self._client = client
        self._job: int | None = None
        self._request: JobRequest | None = None
        self._warned: set[str] = set()

    @property
    def is_running(self) -> bool:
        """Whether a job is under way."""
        return self._job is not None

    def run(self) -> Report:
        """Do all of it, on this thread.

        On the main thread SIGINT (Ctrl-C), SIGTERM and SIGHUP cancel within a frame meanwhile; a second one ends the
        process at once, and the worker with it.

        Raises:
            CancelledError: The host or a signal cancelled the job.
            STCNError: Whatever else went wrong.
        """
        with stop_requests(at_once=self._client.kill) as stop:
            self.start(self.prepare())
            report, is_stopping = None, False
            while report is None:
                if stop and not is_stopping:
                    is_stopping = True
                    self._warn("stopping after the frames under way; a second signal ends everything at once")
                    self.cancel()
                report = self.poll(timeout=0.1)
            self.deliver(report)
            return report

    def prepare(self) -> JobRequest:
        """Collect the shot and render its keyframes.

        Raises:
            STCNError: The host cannot tell, or has nothing to propagate.
        """
        self._refuse_while_running()
        with self._telling_failure():
            self._warned.clear()
            request: JobRequest | None = self._asked(
                "stcn_collect_shot", lambda it: isinstance(it, JobRequest), warn=self._warn
            )
            if request is None:
                raise HostError("the host collected no shot")
            folder = keyframe_folder(request)
            rendered = self._asked(
                "stcn_render_keyframes", _are_keyframes, request=request, folder=folder, warn=self._warn
            )
            return replace(request, keyframes=(*request.keyframes, *(rendered or ())))

    def start(self, request: JobRequest) -> None:
        """Send a job to the worker, which is started where none is running.

        Raises:
            STCNError: A job is under way already, or the worker cannot be started.
        """
        self._refuse_while_running()
        with self._telling_failure():
            self._job, self._request = self._client.submit(request), request

    def poll(self, *, timeout: float = 0.0) -> Report | None:
        """Take what the worker has told since, and tell the host.

        Args:
            timeout: Seconds to wait for the first message.

        Returns:
            The report when the job is done, ``None`` before.

        Raises:
            CancelledError: It was cancelled.
            STCNError: The job ended with an error, or the worker died.
        """
        if self._job is None:
            raise HostError("no job is running")
        with self._telling_failure():
            if self._is_cancelled():
                self.cancel()
            for number in range(_MOST_MESSAGES):
                message = self._client.receive(timeout=0.0 if number else timeout)
                if message is None:
                    break
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
        """Ask the worker to stop the job; `poll` then raises `CancelledError` within a frame. From any thread."""
        job = self._job
        if job is not None:
            self._client.cancel(job)

    def deliver(self, report: Report) -> None:
        """Have the host take the mattes in.

        Raises:
            STCNError: The host cannot; the mattes are on disk all the same.
        """
        if self._request is None:
            raise HostError("no job was run")
        with self._telling_failure():
            for _ in self._hooks.results("stcn_deliver_mattes", request=self._request, report=report):
                pass

    def raise_if_cancelled(self) -> None:
        """Raise if the artist has cancelled; for hosts that wait for the worker before `start`.

        Raises:
            CancelledError: A plugin says that the job is cancelled.
        """
        with self._telling_failure():
            if self._is_cancelled():
                raise CancelledError("the job was cancelled before it started")

    def _is_cancelled(self) -> bool:
        """Ask every plugin: one that says no does not speak for the others."""
        return any(is_cancelled for _, is_cancelled in self._hooks.results("stcn_is_cancelled"))

    def _refuse_while_running(self) -> None:
        if self._job is not None:
            raise HostError("a job is running", fix="Wait for it, or cancel it first")

    def _asked(self, hook: str, is_right: Callable[[Any], bool], **arguments: object) -> Any:
        """Return the first answer, once it is known to be what the hook has to give."""
        for name, answer in self._hooks.results(hook, **arguments):
            if not is_right(answer):
                raise PluginError(f"its hook {hook} gave a {type(answer).__name__} of no use", where=f"plugin {name}")
            return answer
        return None

    def _tell(self, hook: str, **arguments: object) -> None:
        self._hooks.notify(hook, on_error=self._warn_once, **arguments)

    def _warn_once(self, error: PluginError) -> None:
        """Tell the host of a plugin's failure; what fails for one frame would fail for a thousand."""
        if str(error) not in self._warned:
            self._warned.add(str(error))
            self._warn(str(error))

    def _warn(self, text: str) -> None:
        self._hooks.notify("stcn_show_warning", on_error=lambda _: None, text=text)

    @contextmanager
    def _telling_failure(self) -> Iterator[None]:
        """Tell the host of an error, and leave no job behind."""
        try:
            yield
        except STCNError as error:
            self.cancel()
            self._job = None
            self._tell("stcn_job_failed", error=error)
            raise


def _are_keyframes(answer: object) -> bool:
    return isinstance(answer, (list, tuple)) and all(isinstance(each, KeyframeFile) for each in answer)


def _name_of(plugin: object) -> str:
    """Name a plugin: a module or class by its own name, an object by its class."""
    return str(getattr(plugin, "__name__", type(plugin).__name__))
