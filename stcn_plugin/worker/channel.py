"""The worker's end of the pipes: messages in on a thread of their own, messages out from any thread."""

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

_PULSE = 1.0
"""Seconds between two signs of life."""

_GRACE = 30.0
"""Seconds that a job may take to stop where a signal asks for it, or where its host is gone."""

_SLOW_FILE = 60.0
"""Seconds on one file after which the host is warned."""


@final
class Channel:
    """Reads requests and sends messages; owns what was stdout, so that nothing else can write there.

    Args:
        source: What the host writes to.
        sink: What the host reads from.

    Attributes:
        is_quitting: Whether this process is to end.
        stopped_by: The signal that asked for it, where one did.
        exit_code: What this process ends with.
    """

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source = source
        self._sink = sink
        self._lock = threading.Lock()
        self._requests: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._host = os.getppid()
        self._work = _Work()
        self.is_quitting = False
        self.stopped_by: int | None = None
        self.exit_code = 0

    @classmethod
    def of_process(cls) -> Channel:
        """Take this process's stdin and stdout; what libraries and plugins print goes to stderr from now on."""
        sink = os.fdopen(os.dup(1), "wb", buffering=0)
        source = os.fdopen(os.dup(0), "rb")
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)  # nothing that is started from here may read the host's messages
        os.close(nothing)
        sys.stdout = sys.stderr
        return cls(source, sink)

    def open(self) -> None:
        """Start to listen and to give signs of life."""
        for target in (self._listen, self._pulse):
            threading.Thread(target=target, name=f"stcn-{target.__name__}", daemon=True).start()

    def next(self, timeout: float | None = None) -> Message | None:
        """Return the next request; ``None`` where none comes within ``timeout`` seconds."""
        try:
            return self._requests.get(timeout=timeout)
        except queue.Empty:
            return None

    def send(self, message: Message) -> None:
        """Send a message; from any thread. Nothing happens where the host is gone, which listening tells.

        Raises:
            ProtocolError: It holds what cannot be sent.
        """
        line = encode(message)
        with self._lock:
            try:
                while line:
                    line = line[self._sink.write(line) :]
            except OSError:
                self.is_quitting = True

    def is_cancelled(self, job: int) -> bool:
        """Tell whether a job is to stop."""
        return self.is_quitting or job in self._cancelled

    def stop(self, number: int) -> None:
        """Cancel whatever runs and end this process, as a signal asks; called by its handler."""
        self.stopped_by, self.exit_code, self.is_quitting = number, 128 + number, True
        self._requests.put(Quit())  # may be called while the main thread is inside of `get`

    @contextmanager
    def working(self, job: int) -> Iterator[None]:
        """Report in the signs of life how long ago the work has got further, while the context lasts."""
        self._work = _Work(job)
        try:
            yield
        finally:
            self._work = _Work()

    def note(self, activities: Sequence[Activity]) -> None:
        """Take note of the pieces of work under way, the oldest first: the work has got further. From any thread."""
        self._work.note(activities)

    def take_requests(self) -> None:
        """Queue requests until there are no more; cancelling and quitting work at once, whatever runs.

        Raises:
            ProtocolError: The host sent what is no message.
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

    def _listen(self) -> None:
        """Take requests until the host is done, then end."""
        try:
            self.take_requests()
        except ProtocolError as error:
            print(f"the host sent an invalid message: {error}", file=sys.stderr)  # noqa: T201 - this is the log
            self.exit_code = 2  # to go on would leave the host to wait for an answer that never comes
        finally:
            self._quit()

    def _pulse(self) -> None:
        """Give signs of life until this process is to end, or its host has died where a copy of its pipes lives on."""
        while not self.is_quitting and os.getppid() == self._host:  # Windows hides that the host has died
            work = self._work
            self.send(work.pulse())
            if (slow := work.slow_file()) is not None:
                self.send(slow)
            time.sleep(_PULSE)
        self._quit()

    def _quit(self) -> None:
        """Have the job stop, and leave by force where it does not: an orphan would keep its memory for ever."""
        self.is_quitting = True
        self._requests.put(Quit())
        time.sleep(_GRACE)
        os._exit(self.exit_code or 3)


@final
class _Work:
    """What a job is doing, and for how many pulses it has not got further.

    Args:
        job: Its id; ``None`` where none runs.
    """

    def __init__(self, job: int | None = None) -> None:
        self._job = job
        self._activity: Activity | None = None
        self._steps = 0  # counted up by the threads that work
        self._seen = 0
        self._pulses = 0  # counted, not measured: a process that was suspended was not at work
        self._has_warned = False

    def note(self, activities: Sequence[Activity]) -> None:
        if activities:
            self._activity = activities[0]
        self._steps += 1

    def pulse(self) -> Alive:
        """Return the sign of life for another pulse."""
        self._pulses = 0 if self._job is None or self._steps != self._seen else self._pulses + 1
        self._seen = self._steps
        doing = self._activity
        return Alive(self._pulses * _PULSE, doing.what if doing else None, doing.file if doing else None)

    def slow_file(self) -> Warned | None:
        """Return a warning, once in a job, where a single file takes long."""
        doing = self._activity
        if self._has_warned or self._job is None or doing is None or doing.file is None:
            return None
        if self._pulses * _PULSE < _SLOW_FILE:
            return None
        self._has_warned = True
        return Warned(
            self._job,
            f"{doing} has taken {_SLOW_FILE:.0f} s so far. Check the disk or the network share if it stays so.",
        )
