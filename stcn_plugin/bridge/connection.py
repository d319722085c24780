"""The pipes of one worker process, each served by a thread so that neither process blocks on the other."""

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
from typing import IO, final

from stcn_plugin.bridge.messages import MAX_MESSAGE_BYTES, RETIRED, Alive, Message, decode
from stcn_plugin.bridge.signals import STOP_SIGNALS
from stcn_plugin.errors import CancelledError, ProtocolError, STCNError, WorkerError

RUN_AGAIN = "The mattes written so far are complete; run the job again"
"""What to do after a job whose worker is gone."""

_LOG_LINES = 16
_LOG_LINE_LENGTH = 200

_EXIT_TIMEOUT = 3.0
"""Seconds to wait for the exit of an ended or killed process; the host continues after that."""


@final
class Connection:
    """Exchanges messages with one worker process.

    Args:
        process: The process, with pipes for stdin, stdout and stderr, which this object closes.
        on_log: Called with every line of stderr, on a separate thread.
        start_fix: What to do if the process exits while it starts, for the error.
    """

    def __init__(self, process: subprocess.Popen[bytes], on_log: Callable[[str], None], *, start_fix: str) -> None:
        self.process = process
        self._start_fix = start_fix
        self.lines_received = 0
        """Number of lines from the worker, including `Alive` messages."""
        self.last_alive = Alive()
        self._has_started = False
        self._inbox: queue.SimpleQueue[Message | ProtocolError | None] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._log_lines: deque[str] = deque(maxlen=_LOG_LINES)
        self._on_log = on_log
        self._reader = self._start_thread("in", self._read, process.stdout)
        self._logger = self._start_thread("log", self._log, process.stderr)
        self._writer = self._start_thread("out", self._write, process.stdin)

    @property
    def is_running(self) -> bool:
        """Whether the process is running."""
        return self.process.poll() is None

    @property
    def is_retired(self) -> bool:
        """Whether the process retired between jobs, to be replaced by another."""
        return self.process.poll() == RETIRED

    def send(self, line: bytes) -> None:
        """Queue a line for writing. From any thread."""
        self._outbox.put(line)

    def close(self) -> None:
        """Close the worker's stdin after the queued lines, which asks it to exit."""
        self._outbox.put(None)

    def next(self, timeout: float) -> Message | None:
        """Return the next message, ``None`` on timeout.

        Raises:
            WorkerError: The worker died.
            CancelledError: A signal stopped it.
            ProtocolError: It sent an invalid message.
        """
        try:
            received = self._inbox.get(timeout=timeout) if timeout > 0 else self._inbox.get_nowait()
        except queue.Empty:
            return None
        if received is None:
            raise self._exit_error()
        if isinstance(received, ProtocolError):
            raise ProtocolError(
                f"the worker sent an invalid message: {received.what}",
                fix=self.with_log("Install the same version of stcn_plugin for worker and host"),
            )
        self._has_started = True
        return received

    def with_log(self, fix: str) -> str:
        """Append the last lines of the worker's stderr to a text."""
        self._logger.join(0.5)  # they may not have been read yet
        lines = "\n  ".join(list(self._log_lines))
        return f"{fix}. The last lines of its log:\n  {lines}" if lines else fix

    def signal_kill(self) -> None:
        """Kill the process and its children without waiting for them; safe in a signal handler."""
        if self.process.returncode is None:  # otherwise the id may belong to another process by now
            _kill_group(self.process)

    def kill(self) -> None:
        """Kill the process and its children, and wait for its exit."""
        if self.is_running:
            self.signal_kill()
        with suppress(
            subprocess.TimeoutExpired
        ):  # a process that hangs in the kernel, on a lost disk, cannot be killed
            self.process.wait(_EXIT_TIMEOUT)
        self.close()
        # A child in another session may keep a pipe open, and its thread with it. Each thread closes its pipe itself, since
        # closing a pipe waits for a thread that reads it.
        for thread in (self._reader, self._logger, self._writer):
            thread.join(0.2)

    def _exit_error(self) -> STCNError:
        try:
            code = self.process.wait(_EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            what = "the worker closed its pipe but keeps running"
            return WorkerError(what, fix=self.with_log(RUN_AGAIN), retry=True)
        for number in STOP_SIGNALS:
            if code in (-number, 128 + number):  # without and with signal handlers
                what = f"the worker was stopped by {_signal_name(number)}"
                return CancelledError(what, fix=RUN_AGAIN, signal=number)
        how = f"was killed ({_signal_name(-code)})" if code < 0 else f"exited with code {code}"
        if not self._has_started:
            what = f"the worker {how} while starting"
            return WorkerError(what, where=self._program, fix=self.with_log(self._start_fix), retry=code < 0)
        is_out_of_memory = code == -getattr(signal, "SIGKILL", 9)
        fix = f"{RUN_AGAIN}, with a smaller size if memory ran out" if is_out_of_memory else RUN_AGAIN
        return WorkerError(f"the worker {how}", fix=self.with_log(fix), retry=True)

    @property
    def _program(self) -> str:
        arguments = self.process.args
        return str(arguments[0]) if isinstance(arguments, (list, tuple)) else str(arguments)

    def _start_thread(self, name: str, work: Callable[[IO[bytes]], None], pipe: IO[bytes] | None) -> threading.Thread:
        assert pipe is not None  # noqa: S101 - the launch opens all three

        def run() -> None:
            with suppress(OSError, ValueError):  # the process is gone, which the reader reports
                work(pipe)
            with suppress(OSError):
                pipe.close()

        thread = threading.Thread(target=run, name=f"stcn-worker-{name}", daemon=True)
        thread.start()
        return thread

    def _read(self, pipe: IO[bytes]) -> None:
        try:
            while line := pipe.readline(MAX_MESSAGE_BYTES):
                self.lines_received += 1
                if not line.endswith(b"\n") and len(line) < MAX_MESSAGE_BYTES:
                    break  # the process died while writing it
                message = decode(line)
                if isinstance(message, Alive):
                    self.last_alive = message  # not queued: nobody may read the queue for minutes
                else:
                    self._inbox.put(message)
        except ProtocolError as error:
            self._inbox.put(error)
        finally:
            self._inbox.put(None)

    def _log(self, pipe: IO[bytes]) -> None:
        for line in iter(lambda: pipe.readline(4096), b""):
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self._log_lines.append(text[:_LOG_LINE_LENGTH])
                with suppress(Exception):  # the log has to be read all the same, or the worker would block
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
