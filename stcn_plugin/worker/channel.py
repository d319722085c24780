"""The worker's end of the pipes: receives messages on a separate thread, and sends them from any thread."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, final

from stcn_plugin.bridge.messages import MAX_MESSAGE_BYTES, Alive, Cancel, Message, Quit, Warned, decode, encode
from stcn_plugin.errors import ProtocolError
from stcn_plugin.job.activities import Activity

_HEARTBEAT = 1.0
"""Seconds between two heartbeats."""

_GRACE = 30.0
"""Seconds that a job has to stop after a signal, or after its host is gone."""

_SLOW_FILE = 60.0
"""Seconds on one file after which the host is warned."""


@final
class Channel:
    """Reads requests and sends messages.

    Args:
        source: The pipe that the host writes to.
        sink: The pipe that the host reads from.

    Attributes:
        is_quitting: Whether this process should exit.
        stopped_by: The signal that stopped it; ``None`` if there was none.
        exit_code: Its exit code.
    """

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source = source
        self._sink = sink
        self._lock = threading.Lock()
        self._requests: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._host = os.getppid()
        self._current = _CurrentJob()
        self.is_quitting = False
        self.stopped_by: int | None = None
        self.exit_code = 0

    @classmethod
    def of_process(cls) -> Channel:
        """Use this process's stdin and stdout. Output of libraries and plugins is redirected to stderr from now on."""
        sink = os.fdopen(os.dup(1), "wb", buffering=0)
        source = os.fdopen(os.dup(0), "rb")
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)  # child processes must not read the host's messages
        os.close(nothing)
        sys.stdout = sys.stderr
        return cls(source, sink)

    def open(self) -> None:
        """Start reading requests and sending heartbeats."""
        for name, target in (("requests", self._serve_requests), ("heartbeats", self._send_heartbeats)):
            threading.Thread(target=target, name=f"stcn-{name}", daemon=True).start()

    def next(self, timeout: float | None = None) -> Message | None:
        """Return the next request; ``None`` after ``timeout`` seconds without one."""
        try:
            return self._requests.get(timeout=timeout)
        except queue.Empty:
            return None

    def send(self, message: Message) -> None:
        """Send a message. Thread-safe. If the host is gone, the message is dropped.

        Raises:
            ProtocolError: The message has values that cannot be sent.
        """
        line = encode(message)
        with self._lock:
            try:
                while line:
                    line = line[self._sink.write(line) :]
            except OSError:
                self.is_quitting = True

    def is_cancelled(self, job: int) -> bool:
        """Return whether a job should stop."""
        return self.is_quitting or job in self._cancelled

    def stop(self, number: int) -> None:
        """Cancel the running job and exit, because of a signal. Called by the signal handler."""
        self.stopped_by, self.exit_code, self.is_quitting = number, 128 + number, True
        self._requests.put(Quit())  # SimpleQueue.put is reentrant: the main thread may be inside `get`

    @contextmanager
    def working(self, job: int) -> Iterator[None]:
        """Within the context, heartbeats report how long ago the job last advanced."""
        self._current = _CurrentJob(job)
        try:
            yield
        finally:
            self._current = _CurrentJob()

    def record(self, activities: Sequence[Activity]) -> None:
        """Record that the job has advanced, with its current activities, oldest first. Thread-safe."""
        self._current.record(activities)

    def read_requests(self) -> None:
        """Queue requests until the host closes the pipe or quits. Cancels take effect immediately.

        Raises:
            ProtocolError: The host sent an invalid message.
        """
        while line := self._source.readline(MAX_MESSAGE_BYTES):
            if not line.endswith(b"\n") and len(line) < MAX_MESSAGE_BYTES:
                break  # the host died in the middle of a message
            message = decode(line)
            if isinstance(message, Quit):
                break
            if isinstance(message, Cancel):
                self._cancelled.add(message.id)
            else:
                self._requests.put(message)

    def _serve_requests(self) -> None:
        """Read requests until the host is done, then exit."""
        try:
            self.read_requests()
        except ProtocolError as error:
            print(f"the host sent an invalid message: {error}", file=sys.stderr)  # noqa: T201 - this is the log
            self.exit_code = 2  # otherwise the host would wait for an answer that never comes
        finally:
            self._quit()

    def _send_heartbeats(self) -> None:
        """Send heartbeats until this process should exit, or its host has died while a copy of the pipes stays open."""
        while not self.is_quitting and os.getppid() == self._host:  # on Windows, the parent's id does not change
            current = self._current
            self.send(current.heartbeat())
            if (slow := current.slow_file_warning()) is not None:
                self.send(slow)
            time.sleep(_HEARTBEAT)
        self._quit()

    def _quit(self) -> None:
        """Stop the job, and exit by force if it does not stop in time. An orphan would keep its memory forever."""
        self.is_quitting = True
        self._requests.put(Quit())
        time.sleep(_GRACE)
        os._exit(self.exit_code or 3)


@final
class _CurrentJob:
    """The running job's activity, and how long ago it has advanced.

    Args:
        job: Its id; ``None`` if none is running.
    """

    def __init__(self, job: int | None = None) -> None:
        self._job = job
        self._activity: Activity | None = None
        self._steps = 0  # incremented by the job's threads
        self._seen = 0
        self._stalled = 0  # in heartbeats, not measured: a suspended process is not stalled
        self._has_warned = False

    def record(self, activities: Sequence[Activity]) -> None:
        if activities:
            self._activity = activities[0]
        self._steps += 1

    def heartbeat(self) -> Alive:
        """Return the next heartbeat."""
        self._stalled = 0 if self._job is None or self._steps != self._seen else self._stalled + 1
        self._seen = self._steps
        activity = self._activity
        if activity is None:
            return Alive(self._stalled * _HEARTBEAT)
        return Alive(self._stalled * _HEARTBEAT, activity.what, activity.file)

    def slow_file_warning(self) -> Warned | None:
        """Return a warning if a single file takes long, once per job; ``None`` otherwise."""
        activity = self._activity
        if self._has_warned or self._job is None or activity is None or activity.file is None:
            return None
        if self._stalled * _HEARTBEAT < _SLOW_FILE:
            return None
        self._has_warned = True
        return Warned(
            self._job,
            f"{activity} has taken {_SLOW_FILE:.0f} s so far. If this continues, check the disk or the network share.",
        )
