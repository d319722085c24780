"""The pipes of one worker process, each served by a thread, so that no side ever waits for the other's reading."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import IO, cast, final

from stcn_plugin.bridge.messages import MOST_BYTES, RETIRED, Alive, Message, decode
from stcn_plugin.bridge.signals import STOP_SIGNALS
from stcn_plugin.errors import CancelledError, ProtocolError, STCNError, WorkerError

WHOLE = "The mattes written so far are whole; run the job again"
"""What to tell of a job whose worker is gone."""

_LAST_LINES = 12
_LONGEST_LINE = 200
_ALIVE = b'{"type":"alive"'

_END = 3.0
"""Seconds that an ended or killed process may take to be gone; then it is left behind, for a host must go on."""


@final
class Link:
    """One worker process as messages.

    Args:
        process: With pipes for stdin, stdout and stderr, which are this object's from now on.
        on_log: Told every line of stderr, on a thread of its own.
    """

    def __init__(self, process: subprocess.Popen[bytes], on_log: Callable[[str], None]) -> None:
        self.process = process
        self.heard = 0
        """Lines that the worker has sent, signs of life included."""
        self.pulse = Alive()
        """The last sign of life."""
        self._has_started = False
        self._inbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._last_words: deque[str] = deque(maxlen=_LAST_LINES)
        self._on_log = on_log
        self._reader = self._serve("in", self._read, process.stdout)
        self._logger = self._serve("log", self._log, process.stderr)
        self._writer = self._serve("out", self._write, process.stdin)

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self.process.poll() is None

    @property
    def is_retired(self) -> bool:
        """Whether the process quit between jobs, for another to take its place."""
        return self.process.poll() == RETIRED

    def send(self, line: bytes) -> None:
        """Have a line written; returns at once, from any thread."""
        self._outbox.put(line)

    def close(self) -> None:
        """Close the worker's stdin once everything is sent, by which it knows that its host is done."""
        self._outbox.put(None)

    def next(self, timeout: float) -> Message | None:
        """Return the next message, ``None`` where none comes in time.

        Raises:
            WorkerError: The worker died.
            CancelledError: A signal stopped it.
            ProtocolError: It sent what is no message.
        """
        try:
            line = self._inbox.get(timeout=timeout) if timeout > 0 else self._inbox.get_nowait()
        except queue.Empty:
            return None
        if line is None:
            raise self._death()
        try:
            message = decode(line)
        except ProtocolError as error:
            raise ProtocolError(
                f"the worker does not speak as it should: {error.what}",
                fix=self.with_last_words("Install the worker and the host from one version of stcn_plugin"),
            ) from None
        self._has_started = True
        return message

    def with_last_words(self, fix: str) -> str:
        """Append what the worker said last on stderr."""
        self._logger.join(0.5)  # they may still be on their way
        words = "\n  ".join(list(self._last_words))
        return f"{fix}. Its last words:\n  {words}" if words else fix

    def signal_kill(self) -> None:
        """Have the process and all that it started killed, without waiting for it; also from a signal handler."""
        if self.process.returncode is None:  # else its id may be another's by now
            _kill_group(self.process)

    def kill(self) -> None:
        """Stop the process and all that it started."""
        if self.is_running:
            self.signal_kill()
        with suppress(
            subprocess.TimeoutExpired
        ):  # what hangs in the system's own code, on a lost disk, cannot be killed
            self.process.wait(_END)
        self.close()
        # A process that it started and that escaped may hold a pipe open. Its thread is left to it: each closes its pipe
        # itself, since closing one that another thread reads waits for that thread.
        for thread in (self._reader, self._logger, self._writer):
            thread.join(0.2)

    def _death(self) -> STCNError:
        try:
            code = self.process.wait(_END)
        except subprocess.TimeoutExpired:
            return WorkerError("the worker closed its pipe without ending", fix=self.with_last_words(WHOLE))
        for number in STOP_SIGNALS:
            if code in (-number, 128 + number):  # before it could handle signals, and after
                what = f"the worker was stopped by {_signal_name(number)}"
                return CancelledError(what, fix=WHOLE, signal=number)
        how = f"was killed ({_signal_name(-code)})" if code < 0 else f"ended by itself with exit code {code}"
        if not self._has_started:
            fix = "Check that stcn_plugin is installed in it: run `stcn doctor` with that Python"
            return WorkerError(f"the worker {how} while it started", where=self._program, fix=self.with_last_words(fix))
        is_out_of_memory = code == -getattr(signal, "SIGKILL", 9)
        fix = f"{WHOLE}, with a smaller size if memory ran out" if is_out_of_memory else WHOLE
        return WorkerError(f"the worker {how}", fix=self.with_last_words(fix))

    @property
    def _program(self) -> str:
        arguments = self.process.args
        return str(arguments[0]) if isinstance(arguments, (list, tuple)) else str(arguments)

    def _serve(self, name: str, work: Callable[[IO[bytes]], None], pipe: IO[bytes] | None) -> threading.Thread:
        assert pipe is not None  # noqa: S101 - the launch asks for all three

        def run() -> None:
            with suppress(OSError, ValueError):  # the process is gone, which reading tells
                work(pipe)
            with suppress(OSError):
                pipe.close()

        thread = threading.Thread(target=run, name=f"stcn-worker-{name}", daemon=True)
        thread.start()
        return thread

    def _read(self, pipe: IO[bytes]) -> None:
        try:
            while line := pipe.readline(MOST_BYTES):
                self.heard += 1
                if line.startswith(_ALIVE):  # not into the inbox, where they would pile up while nobody asks
                    with suppress(ProtocolError):
                        self.pulse = cast("Alive", decode(line))
                    continue
                if not line.endswith(b"\n") and len(line) < MOST_BYTES:
                    break  # it died in the middle of a message
                self._inbox.put(line)
        finally:
            self._inbox.put(None)

    def _log(self, pipe: IO[bytes]) -> None:
        for line in iter(lambda: pipe.readline(4096), b""):
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self._last_words.append(text[:_LONGEST_LINE])
                with suppress(Exception):  # a worker whose log nobody reads would stand still
                    self._on_log(text)

    def _write(self, pipe: IO[bytes]) -> None:
        while (line := self._outbox.get()) is not None:
            pipe.write(line)
            pipe.flush()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
