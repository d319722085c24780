"""The client of a worker process: starts it when needed, sends it jobs, and detects that it died or hung."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import final

from stcn_plugin import environment
from stcn_plugin.bridge.connection import RUN_AGAIN, Connection
from stcn_plugin.bridge.description import Description
from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.bridge.launch import WorkerLaunch
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
"""Id of a `Describe`; ids of jobs start at 1."""

_CHECK_INTERVAL = 0.5
"""Seconds between two checks of the worker while waiting for a message."""


@final
class WorkerClient:
    """Starts a worker process and exchanges messages with it. Never blocks on a pipe. Not thread-safe, except `cancel`.

    ::

        with WorkerClient(WorkerLaunch(python)) as worker:
            job = worker.submit(JobRequest(shot_file="sh010.yaml"))
            while not isinstance(message := worker.receive(timeout=0.1), (Done, Failed)):
                ...

    Args:
        launch: Starts the process.
        on_log: Called with every line that the worker writes to stderr, on a separate thread.
        timeouts: Time limits; ``None`` reads them from the environment.

    Raises:
        WorkerError: The time limits in the environment are invalid.
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
        self._connection: Connection | None = None
        self._version: str | None = None
        self._last_id = 0
        self._pending: dict[int, Message] = {}
        self._clock = _Clock()
        self._lines_seen = 0
        self._last_line_at = 0.0
        self._has_started = False
        self._cancelled_at: dict[int, float] = {}

    @property
    def is_running(self) -> bool:
        """Whether the worker process is running."""
        return self._connection is not None and self._connection.is_running

    @property
    def pid(self) -> int | None:
        """Process id of the worker, ``None`` if there is none."""
        return self._connection.process.pid if self._connection is not None else None

    @property
    def version(self) -> str | None:
        """The worker's version of stcn_plugin, once it has started."""
        return self._version

    def start(self) -> None:
        """Start the worker unless it is running; returns before it has loaded.

        Raises:
            WorkerError: The worker cannot be started.
        """
        if not self.is_running:
            self.stop(by_force=True)
            self._connection = Connection(self._launch.start(), self._on_log, start_fix=self._launch.start_fix)
            self._lines_seen, self._last_line_at, self._has_started = 0, self._clock.now(), False

    def submit(self, job: JobRequest) -> int:
        """Send a job, start the worker unless it is running, and return the job's id.

        Raises:
            WorkerError: The worker cannot be started.
            ProtocolError: The job has a value of the wrong type.
        """
        request = Run(self._last_id + 1, job)
        decode(encode(request))  # the worker could not name the job in its error
        self._last_id += 1
        self._send(self._last_id, request)
        return self._last_id

    def cancel(self, job: int) -> None:
        """Cancel a job; if it does not end in time, the worker is killed. From any thread."""
        connection = self._connection
        if connection is not None and job in self._pending and job not in self._cancelled_at:
            self._cancelled_at[job] = self._clock.now()
            connection.send(encode(Cancel(job)))

    def describe(self, *, timeout: float | None = None) -> Description:
        """Return the worker's presets, weights and devices. Call it only between jobs.

        Args:
            timeout: Seconds to wait; ``None`` waits as long as the worker responds.

        Raises:
            STCNError: The worker cannot be started, died, hung, or reported an error.
        """
        self._send(_DESCRIBE, Describe())
        deadline = None if timeout is None else time.monotonic() + timeout
        while deadline is None or time.monotonic() < deadline:
            message = self.receive(timeout=0.1)
            if isinstance(message, Described):
                return message.description
            if isinstance(message, Failed) and message.id == _DESCRIBE:
                raise message.error
        raise WorkerError(
            f"the worker did not answer in {timeout:g} s", fix="Try again; it may still be loading", retry=True
        )

    def receive(self, *, timeout: float = 0.0) -> Message | None:
        """Return the next message, or ``None`` on timeout. `Hello` and `Alive` are handled here and not returned.

        Args:
            timeout: Seconds to wait.

        Raises:
            WorkerError: The worker died or hung. It is stopped, and the next job starts another.
            CancelledError: A signal stopped the worker, or a cancelled job did not end in time. It is stopped as well.
            ProtocolError: The worker uses another protocol, or sent an invalid message. It is stopped as well.
        """
        if self._connection is None:
            raise WorkerError("no worker is running")
        deadline = time.monotonic() + timeout
        try:
            while True:
                message = self._connection.next(min(_CHECK_INTERVAL, max(0.0, deadline - time.monotonic())))
                is_returned = message is not None and self._process(message)
                self._check_alive(self._connection)
                if is_returned:
                    return message
                if time.monotonic() >= deadline:
                    return None
        except STCNError:
            if self._connection.is_retired and self._pending:
                self._resend()  # it retired while a request was on its way
                return None
            self.stop(by_force=True)
            raise

    def kill(self) -> None:
        """Kill the worker without waiting for it. For a process that is about to end; safe in a signal handler."""
        if self._connection is not None:
            self._connection.signal_kill()

    def stop(self, *, by_force: bool = False) -> None:
        """Stop the worker, if there is one.

        Args:
            by_force: Kill it instead of asking it to quit first.
        """
        if self._connection is None:
            return
        if not by_force:
            self._connection.send(encode(Quit()))
            self._connection.close()
            with suppress(subprocess.TimeoutExpired):
                self._connection.process.wait(self._timeouts.quit)
        self._connection.kill()
        self._connection = None
        self._pending.clear()
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

    def _send(self, number: int, request: Message) -> None:
        self.start()
        assert self._connection is not None  # noqa: S101 - start() sets it, or raises
        self._pending[number] = request
        self._connection.send(encode(request))

    def _resend(self) -> None:
        """Send the pending requests to a new worker."""
        pending, cancelled = dict(self._pending), list(self._cancelled_at)
        self.stop(by_force=True)
        for number, request in pending.items():
            self._send(number, request)
        for job in cancelled:
            self.cancel(job)

    def _process(self, message: Message) -> bool:
        """Update the state from a message; return whether the caller gets it."""
        if isinstance(message, Hello):
            check_version(message)
            self._version = message.version
            self._has_started = True
            return False
        if not self._has_started:
            raise ProtocolError("the worker did not name its protocol", where=self._launch.python)
        if isinstance(message, (Done, Failed, Described)):
            number = _DESCRIBE if isinstance(message, Described) else message.id
            self._pending.pop(number, None)
            self._cancelled_at.pop(number, None)
        return True

    def _check_alive(self, connection: Connection) -> None:
        """Raise if the worker exceeds a time limit."""
        now, limits = self._clock.now(), self._timeouts
        if connection.lines_received != self._lines_seen:
            self._lines_seen, self._last_line_at = connection.lines_received, now
        silent = now - self._last_line_at
        if not self._has_started and silent > limits.start:
            raise WorkerError(
                f"the worker did not start within {limits.start:g} s",
                where=self._launch.python,
                fix=connection.with_log("Run `stcn doctor` with that Python"),
                retry=True,
            )
        alive = connection.last_alive
        doing = None if alive.doing is None else f"{alive.doing} ({alive.file})" if alive.file else alive.doing
        if self._has_started and silent > limits.silence:
            raise WorkerError(
                f"the worker did not respond for {limits.silence:g} s and was stopped",
                where=doing,
                fix=connection.with_log(RUN_AGAIN),
                retry=True,
            )
        if alive.seconds > limits.stall:
            advice = "Check the disk or the network share" if alive.file else "Check the device"
            raise WorkerError(
                f"the worker hangs: it made no progress for {limits.stall:g} s and was stopped",
                where=doing,
                fix=connection.with_log(
                    f"{advice}, or allow more time with {environment.TIMEOUTS.name}=stall=SECONDS. {RUN_AGAIN}"
                ),
                retry=True,
            )
        if any(now - since > limits.cancel for since in list(self._cancelled_at.values())):
            raise CancelledError(
                f"the worker did not stop the job within {limits.cancel:g} s and was killed",
                where=doing,
                fix=RUN_AGAIN,
            )


@final
class _Clock:
    """Counts the seconds in which it was read at least once.

    While a host renders, its Python may not run for minutes. That time does not count as silence of the worker.
    """

    def __init__(self) -> None:
        self._seconds = 0.0
        self._last = time.monotonic()

    def now(self) -> float:
        """Return the seconds counted so far."""
        last, self._last = self._last, time.monotonic()
        self._seconds += min(self._last - last, 1.0)
        return self._seconds
