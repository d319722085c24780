"""The worker as its host sees it: started when needed, kept warm over many jobs, and never waited for in vain."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import final

from stcn_plugin import environment
from stcn_plugin.bridge.job import Description, JobRequest
from stcn_plugin.bridge.launch import WorkerLaunch
from stcn_plugin.bridge.link import WHOLE, Link
from stcn_plugin.bridge.messages import (
    Cancel,
    Describe,
    Described,
    Done,
    Failed,
    Hello,
    Message,
    Quit,
    Run,
    check_version,
    decode,
    encode,
)
from stcn_plugin.bridge.timeouts import Timeouts
from stcn_plugin.errors import CancelledError, ProtocolError, STCNError, WorkerError

_DESCRIBE = 0
"""Stands for a `Describe` among the ids of jobs, which count from 1."""

_STEP = 0.5
"""Seconds after which one who waits looks whether the worker lives."""


@final
class WorkerClient:
    """Starts a worker process and talks to it. It never blocks on a pipe; one thread at a time may use it.

    ::

        with WorkerClient(WorkerLaunch(python)) as worker:
            job = worker.submit(JobRequest(shot_file="sh010.yaml"))
            while not isinstance(message := worker.receive(timeout=0.1), (Done, Failed)):
                ...

    Args:
        launch: How the process is started.
        on_log: Told every line that the worker writes to its stderr, on a thread of its own.
        timeouts: How long it may take; ``None`` takes those of the environment.

    Raises:
        WorkerError: The environment's cannot be read.
    """

    def __init__(
        self,
        launch: WorkerLaunch,
        *,
        on_log: Callable[[str], None] = lambda _: None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._launch = launch
        self._on_log = on_log
        self._timeouts = timeouts or Timeouts.from_environment()
        self._link: Link | None = None
        self._version: str | None = None
        self._last_id = 0
        self._unanswered: dict[int, Message] = {}
        self._clock = _Clock()
        self._heard = 0
        self._heard_at = 0.0
        self._has_greeted = False
        self._cancelled_at: dict[int, float] = {}

    @property
    def is_running(self) -> bool:
        """Whether there is a live worker process."""
        return self._link is not None and self._link.is_running

    @property
    def pid(self) -> int | None:
        """Process id of the worker, where there is one."""
        return self._link.process.pid if self._link is not None else None

    @property
    def version(self) -> str | None:
        """Version of stcn_plugin that the last worker ran, once it has said so."""
        return self._version

    def start(self) -> None:
        """Start the worker where none is running; returns at once, while it loads.

        Raises:
            WorkerError: It cannot be started.
        """
        if not self.is_running:
            self.stop(by_force=True)
            self._link = Link(self._launch.start(), self._on_log)
            self._heard, self._heard_at, self._has_greeted = 0, self._clock.now(), False

    def submit(self, job: JobRequest) -> int:
        """Have a job run; starts the worker where none is running, and tells the job's id.

        Raises:
            WorkerError: The worker cannot be started.
            ProtocolError: The job holds what it should not.
        """
        request = Run(self._last_id + 1, job)
        decode(encode(request))  # the worker could not tell whose job it was that it did not understand
        self._last_id += 1
        self._ask(self._last_id, request)
        return self._last_id

    def cancel(self, job: int) -> None:
        """Ask for the end of a job; where it does not come in time, the worker is stopped by force. From any thread."""
        link = self._link
        if link is not None and job in self._unanswered and job not in self._cancelled_at:
            self._cancelled_at[job] = self._clock.now()
            link.send(encode(Cancel(job)))

    def describe(self, *, timeout: float | None = None) -> Description:
        """Return what the worker offers; only between jobs.

        Args:
            timeout: Seconds to wait; ``None`` waits as long as the worker gives signs of life.

        Raises:
            STCNError: The worker cannot be started, died, hung, or met an error.
        """
        self._ask(_DESCRIBE, Describe())
        deadline = None if timeout is None else time.monotonic() + timeout
        while deadline is None or time.monotonic() < deadline:
            message = self.receive(timeout=0.1)
            if isinstance(message, Described):
                return message.description
            if isinstance(message, Failed) and message.id == _DESCRIBE:
                raise message.error
        raise WorkerError(f"the worker did not answer in {timeout:g} s", fix="Try again; it may still be loading")

    def receive(self, *, timeout: float = 0.0) -> Message | None:
        """Return the next message, or ``None`` where none comes in time. Signs of life are taken and not told.

        Args:
            timeout: Seconds to wait.

        Raises:
            WorkerError: The worker died or hung; it is gone then, and the next job starts another.
            CancelledError: A signal stopped the worker, or a job that was cancelled did not end in time; it is gone as
                well.
            ProtocolError: It speaks another protocol, or sent what is no message; it is gone as well.
        """
        if self._link is None:
            raise WorkerError("no worker is running")
        deadline = time.monotonic() + timeout
        try:
            while True:
                message = self._link.next(min(_STEP, max(0.0, deadline - time.monotonic())))
                is_news = message is not None and self._is_news(message)
                self._check_pulse(self._link)
                if is_news:
                    return message
                if time.monotonic() >= deadline:
                    return None
        except STCNError:
            if self._link.is_retired and self._unanswered:
                self._start_again()  # it quit between jobs while the work was under way to it
                return None
            self.stop(by_force=True)
            raise

    def kill(self) -> None:
        """Have the worker killed, without waiting for it: for a process that is about to end, also in a signal handler."""
        if self._link is not None:
            self._link.signal_kill()

    def stop(self, *, by_force: bool = False) -> None:
        """End the worker; does nothing where there is none.

        Args:
            by_force: At once, without asking first.
        """
        if self._link is None:
            return
        if not by_force:
            self._link.send(encode(Quit()))
            self._link.close()
            with suppress(subprocess.TimeoutExpired):
                self._link.process.wait(self._timeouts.quit)
        self._link.kill()
        self._link = None
        self._unanswered.clear()
        self._cancelled_at.clear()

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _ask(self, number: int, request: Message) -> None:
        self.start()
        assert self._link is not None  # noqa: S101 - start() makes it, or raises
        self._unanswered[number] = request
        self._link.send(encode(request))

    def _start_again(self) -> None:
        """Ask another worker what the last one left unanswered."""
        unanswered, cancelled = dict(self._unanswered), list(self._cancelled_at)
        self.stop(by_force=True)
        for number, request in unanswered.items():
            self._ask(number, request)
        for job in cancelled:
            self.cancel(job)

    def _is_news(self, message: Message) -> bool:
        """Take note of a message; tell whether it is more than a sign of life."""
        if isinstance(message, Hello):
            check_version(message)
            self._version = message.version
            self._has_greeted = True
            return False
        if not self._has_greeted:
            raise ProtocolError("the worker did not say which protocol it speaks", where=self._launch.python)
        if isinstance(message, (Done, Failed, Described)):
            number = _DESCRIBE if isinstance(message, Described) else message.id
            self._unanswered.pop(number, None)
            self._cancelled_at.pop(number, None)
        return True

    def _check_pulse(self, link: Link) -> None:
        """Raise where the worker has hung."""
        now, allowed = self._clock.now(), self._timeouts
        if link.heard != self._heard:
            self._heard, self._heard_at = link.heard, now
        silent = now - self._heard_at
        if not self._has_greeted and silent > allowed.start:
            raise WorkerError(
                f"the worker did not start within {allowed.start:g} s",
                where=self._launch.python,
                fix=link.with_last_words("Try it by hand: `stcn doctor` with that Python"),
            )
        pulse = link.pulse
        doing = None if pulse.doing is None else f"{pulse.doing} ({pulse.file})" if pulse.file else pulse.doing
        if self._has_greeted and silent > allowed.silence:
            raise WorkerError(
                f"the worker gave no sign of life for {allowed.silence:g} s and was stopped",
                where=doing,
                fix=link.with_last_words(WHOLE),
            )
        if pulse.seconds > allowed.stall:
            advice = "Check the disk or the network share" if pulse.file else "Check the device"
            raise WorkerError(
                f"the worker has hung: it got no further for {allowed.stall:g} s and was stopped",
                where=doing,
                fix=link.with_last_words(
                    f"{advice}, or allow more time with {environment.TIMEOUTS.name}=stall=SECONDS. {WHOLE}"
                ),
            )
        if any(now - since > allowed.cancel for since in list(self._cancelled_at.values())):
            raise CancelledError(
                f"the worker did not stop the job within {allowed.cancel:g} s and was stopped by force",
                where=doing,
                fix=WHOLE,
            )


@final
class _Clock:
    """Seconds in which somebody asked for the time at least once.

    While a host renders, no thread of its Python may run for minutes. The worker has not hung because nobody could
    listen.
    """

    def __init__(self) -> None:
        self._seconds = 0.0
        self._last = time.monotonic()

    def now(self) -> float:
        """Return the seconds so far."""
        last, self._last = self._last, time.monotonic()
        self._seconds += min(self._last - last, 1.0)
        return self._seconds
