"""The worker as its host sees it: started when needed, kept warm over many jobs, and never waited for in vain."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, final

from stcn_plugin.bridge.job import Description, JobRequest
from stcn_plugin.bridge.launch import WorkerLaunch
from stcn_plugin.bridge.messages import (
    MOST_BYTES,
    Alive,
    Cancel,
    Describe,
    Described,
    Failed,
    Hello,
    Message,
    Quit,
    Run,
    check_version,
    decode,
    encode,
)
from stcn_plugin.errors import ProtocolError, WorkerError

_LAST_LINES = 12
_LEAVE = "The mattes written so far are whole; run the job again"


@dataclass(frozen=True)
class Timeouts:
    """How long a worker may take, in seconds.

    Args:
        start: From its start to its first message; Python on a network disk is slow.
        silence: Without any sign of life, of which it gives one a second.
        cancel: From a cancel to the end of the job, after which it is stopped by force.
        quit: From being asked to quit to being stopped by force.
    """

    start: float = 120.0
    silence: float = 90.0
    cancel: float = 60.0
    quit: float = 5.0


@final
class WorkerClient:
    """Starts a worker process and talks to it. One thread at a time may use it; it never blocks on a pipe.

    ::

        with WorkerClient(WorkerLaunch(python)) as worker:
            job = worker.submit(JobRequest(shot_file="sh010.yaml"))
            while not isinstance(message := worker.receive(timeout=0.1), (Done, Failed)):
                ...

    Args:
        launch: How the process is started.
        on_log: Told every line that the worker writes to its stderr, on a thread of its own.
        timeouts: How long it may take.
    """

    def __init__(
        self,
        launch: WorkerLaunch,
        *,
        on_log: Callable[[str], None] = lambda _: None,
        timeouts: Timeouts = Timeouts(),
    ) -> None:
        self._launch = launch
        self._on_log = on_log
        self._timeouts = timeouts
        self._link: _Link | None = None
        self._version: str | None = None
        self._last_id = 0
        self._cancelled_at: float | None = None

    @property
    def is_running(self) -> bool:
        """Whether there is a live worker process."""
        return self._link is not None and self._link.process.poll() is None

    @property
    def pid(self) -> int | None:
        """Process id of the worker, where there is one."""
        return self._link.process.pid if self._link is not None else None

    @property
    def version(self) -> str | None:
        """Version of stcn_plugin that the last worker ran, once it has said so."""
        return self._version

    def start(self) -> None:
        """Start the worker where none is running; returns at once, while it loads."""
        if not self.is_running:
            self.stop()
            self._link = _Link(self._launch.start(), self._on_log)

    def submit(self, job: JobRequest) -> int:
        """Have a job run; starts the worker where none is running, and tells the job's id.

        Raises:
            WorkerError: The worker cannot be started.
        """
        self._last_id += 1
        self._cancelled_at = None
        self._send(Run(self._last_id, job))
        return self._last_id

    def cancel(self, job: int) -> None:
        """Ask for the end of a job; where it does not come in time, the worker is stopped by force."""
        if self._cancelled_at is None and self.is_running:
            self._cancelled_at = time.monotonic()
            self._send(Cancel(job))

    def describe(self, *, timeout: float | None = None) -> Description:
        """Return what the worker offers; only between jobs.

        Args:
            timeout: Seconds to wait; ``None`` waits as long as the worker gives signs of life.

        Raises:
            STCNError: The worker cannot be started, died, hung, or met an error.
        """
        self._send(Describe())
        deadline = None if timeout is None else time.monotonic() + timeout
        while deadline is None or time.monotonic() < deadline:
            message = self.receive(timeout=0.1)
            if isinstance(message, Described):
                return message.description
            if isinstance(message, Failed):
                raise message.error
        raise WorkerError(f"the worker did not answer in {timeout:.0f} s", fix="Try again; it may still be loading")

    def receive(self, *, timeout: float = 0.0) -> Message | None:
        """Return the next message, or ``None`` where none comes in time. Signs of life are taken and not told.

        Args:
            timeout: Seconds to wait.

        Raises:
            WorkerError: The worker died, hung, or could not be stopped otherwise; it is gone then, and the next job
                starts another.
            ProtocolError: It speaks another protocol, or sent what is no message; it is gone as well.
        """
        if self._link is None:
            raise WorkerError("no worker is running")
        deadline = time.monotonic() + timeout
        try:
            while True:
                message = self._link.next(max(0.0, deadline - time.monotonic()))
                if isinstance(message, Hello):
                    check_version(message)
                    self._version = message.version
                elif message is not None and not isinstance(message, Alive):
                    return message
                self._check_pulse(self._link)
                if time.monotonic() >= deadline and not self._link.has_more:
                    return None
        except (WorkerError, ProtocolError):
            self._stop_by_force()
            raise

    def stop(self) -> None:
        """End the worker: ask first, then by force. Does nothing where there is none."""
        if self._link is None:
            return
        self._link.send(encode(Quit()))
        self._link.close()
        with suppress(subprocess.TimeoutExpired):
            self._link.process.wait(self._timeouts.quit)
        self._stop_by_force()

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _send(self, message: Message) -> None:
        self.start()
        assert self._link is not None  # noqa: S101 - start() makes it, or raises
        self._link.send(encode(message))

    def _check_pulse(self, link: _Link) -> None:
        """Raise where the worker has hung."""
        now, allowed = time.monotonic(), self._timeouts
        if not link.has_spoken and now - link.last_heard > allowed.start:
            raise WorkerError(
                f"the worker did not start within {allowed.start:.0f} s",
                where=self._launch.python,
                fix=link.with_last_words("Try it by hand: `stcn doctor` with that Python"),
            )
        if link.has_spoken and now - link.last_heard > allowed.silence:
            raise WorkerError(
                f"the worker gave no sign of life for {allowed.silence:.0f} s and was stopped",
                fix=link.with_last_words(_LEAVE),
            )
        if self._cancelled_at is not None and now - self._cancelled_at > allowed.cancel:
            raise WorkerError(
                f"the worker did not stop the job within {allowed.cancel:.0f} s and was stopped by force", fix=_LEAVE
            )

    def _stop_by_force(self) -> None:
        if self._link is not None:
            self._link.kill()
            self._link = None
            self._cancelled_at = None


@final
class _Link:
    """The pipes of one worker process, each served by a thread, so that no side ever waits for the other's reading."""

    def __init__(self, process: subprocess.Popen[bytes], on_log: Callable[[str], None]) -> None:
        self.process = process
        self.last_heard = time.monotonic()
        self.has_spoken = False
        self._inbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._last_words: deque[str] = deque(maxlen=_LAST_LINES)
        self._on_log = on_log
        self._threads = [
            threading.Thread(target=target, args=(pipe,), name=f"stcn-worker-{name}", daemon=True)
            for name, target, pipe in (
                ("in", self._read, process.stdout),
                ("log", self._log, process.stderr),
                ("out", self._write, process.stdin),
            )
        ]
        for thread in self._threads:
            thread.start()

    @property
    def has_more(self) -> bool:
        """Whether a message is waiting."""
        return not self._inbox.empty()

    def send(self, line: bytes) -> None:
        self._outbox.put(line)

    def close(self) -> None:
        """Close the worker's stdin once everything is sent, by which it knows that its host is done."""
        self._outbox.put(None)

    def next(self, timeout: float) -> Message | None:
        """Return the next message, ``None`` where none comes in time.

        Raises:
            WorkerError: The worker died.
            ProtocolError: It sent what is no message.
        """
        try:
            line = self._inbox.get(timeout=timeout) if timeout > 0 else self._inbox.get_nowait()
        except queue.Empty:
            return None
        if line is None:
            raise self._death()
        try:
            return decode(line)
        except ProtocolError as error:
            raise ProtocolError(
                f"the worker does not speak as it should: {error.what}",
                fix=self.with_last_words("Install the worker and the host from one version of stcn_plugin"),
            ) from None

    def with_last_words(self, fix: str) -> str:
        """Append what the worker said last on stderr."""
        words = "\n  ".join(self._last_words)
        return f"{fix}. Its last words:\n  {words}" if words else fix

    def kill(self) -> None:
        """Stop the process and all that it started, and take its pipes away."""
        if self.process.poll() is None:
            _kill_group(self.process)
        self.process.wait()
        self._outbox.put(None)
        for thread in self._threads:
            thread.join(1.0)  # a grandchild may still hold a pipe open; its thread dies with this process
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            _close(pipe)

    def _death(self) -> WorkerError:
        try:
            code = self.process.wait(10.0)
        except subprocess.TimeoutExpired:
            return WorkerError("the worker closed its pipe without ending", fix=self.with_last_words(_LEAVE))
        self._threads[1].join(1.0)
        how = f"was killed ({_signal_name(-code)})" if code < 0 else f"ended by itself with exit code {code}"
        if not self.has_spoken:
            fix = "Check that stcn_plugin is installed in it: run `stcn doctor` with that Python"
            return WorkerError(f"the worker {how} while it started", where=self._program, fix=self.with_last_words(fix))
        is_out_of_memory = code == -getattr(signal, "SIGKILL", 9)
        fix = f"{_LEAVE}, with a smaller size if memory ran out" if is_out_of_memory else _LEAVE
        return WorkerError(f"the worker {how}", fix=self.with_last_words(fix))

    @property
    def _program(self) -> str:
        arguments = self.process.args
        return str(arguments[0]) if isinstance(arguments, (list, tuple)) else str(arguments)

    def _read(self, pipe: IO[bytes]) -> None:
        try:
            while line := pipe.readline(MOST_BYTES):
                self.last_heard = time.monotonic()
                self.has_spoken = True
                self._inbox.put(line)
        except (OSError, ValueError):  # closed on this side
            pass
        self._inbox.put(None)

    def _log(self, pipe: IO[bytes]) -> None:
        try:
            for line in iter(lambda: pipe.readline(4096), b""):
                text = line.decode("utf-8", "replace").rstrip()
                if text:
                    self._last_words.append(text)
                    self._on_log(text)
        except (OSError, ValueError):
            pass

    def _write(self, pipe: IO[bytes]) -> None:
        try:
            while (line := self._outbox.get()) is not None:
                pipe.write(line)
                pipe.flush()
        except (OSError, ValueError):  # the worker is gone, which reading tells
            pass
        _close(pipe)


def _kill_group(process: subprocess.Popen[Any]) -> None:
    if sys.platform == "win32":
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()


def _close(pipe: IO[bytes] | None) -> None:
    with suppress(OSError):
        if pipe is not None:
            pipe.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
