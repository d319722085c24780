"""Handling of SIGINT, SIGTERM and SIGHUP, which cancel a command, a batch job or the worker.

No handler raises in code that holds locks: a job checks a `StopRequest` between its steps. Commands without a job are
interrupted by a `StopSignal`, a `KeyboardInterrupt`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn, final

from stcn_plugin.errors import CancelledError, STCNError

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # Windows has no SIGHUP
"""Signals that cancel."""

TRY_AGAIN = 75
"""Exit code if the same command may succeed later or on another machine; ``EX_TEMPFAIL`` of ``sysexits.h``."""

_REPEAT_INTERVAL = 0.5
"""Seconds in which signals count as one: a farm may signal a process group and then each of its processes."""

_SHOW_CURSOR = b"\x1b[?25h"


@final
class StopSignal(KeyboardInterrupt):
    """A signal has interrupted a command without a job.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@final
class StopRequest:
    """True once a signal has requested to cancel a job.

    Attributes:
        number: The first signal, ``None`` before.
    """

    number: int | None = None

    def __bool__(self) -> bool:
        return self.number is not None


def exit_code(error: BaseException) -> int:
    """Return the exit code for an error: 128 plus the signal for a cancelled job or command, `TRY_AGAIN`, or 1.

    A `CancelledError` without a signal counts as SIGINT.
    """
    if isinstance(error, CancelledError):
        return 128 + (error.signal or signal.SIGINT)
    if isinstance(error, KeyboardInterrupt):
        return 128 + (error.number if isinstance(error, StopSignal) else signal.SIGINT)
    return TRY_AGAIN if isinstance(error, STCNError) and error.retry else 1


@contextmanager
def stop_requests(
    *, on_request: Callable[[int], None] = lambda _: None, before_exit: Callable[[], None] = lambda: None
) -> Iterator[StopRequest]:
    """Yield a request that is set by the first signal; a second signal ends the process immediately.

    A `CancelledError` raised inside gets the number of the signal.

    Args:
        on_request: Called with the first signal. It interrupts the main thread anywhere, so it must not take locks.
        before_exit: Called before the second signal ends the process, to kill its children. It must not take locks either.
    """
    request = StopRequest()
    requested_at = 0.0

    def request_stop(number: int) -> None:
        nonlocal requested_at
        if request.number is None:
            request.number, requested_at = number, time.monotonic()
            on_request(number)
        elif time.monotonic() - requested_at >= _REPEAT_INTERVAL:
            before_exit()
            _end(number)

    try:
        with signals_handled(request_stop):
            yield request
    except CancelledError as error:
        error.signal = error.signal or request.number
        raise


@contextmanager
def stop_signals_raised() -> Iterator[None]:
    """Raise a `StopSignal` in the main thread at the first signal; a second signal ends the process immediately.

    For code that holds no locks that another thread waits for.
    """
    raised_at: list[float] = []

    def interrupt(number: int) -> None:
        if not raised_at:
            raised_at.append(time.monotonic())
            raise StopSignal(number)
        if time.monotonic() - raised_at[0] >= _REPEAT_INTERVAL:
            _end(number)

    with signals_handled(interrupt):
        yield


@contextmanager
def signals_handled(handle: Callable[[int], None]) -> Iterator[None]:
    """Handle SIGINT, SIGTERM and SIGHUP with a function inside the context.

    Ignored signals stay ignored, as under ``nohup``. On other threads than the main thread nothing changes, since Python
    handles signals on the main thread only. A forked process uses the previous handlers.

    Args:
        handle: Called with the signal's number, on the main thread, between any two instructions.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    handled = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    process = os.getpid()

    def restore(number: int) -> None:
        # None is a handler that was not set from Python and cannot be restored.
        signal.signal(number, before[number] or signal.SIG_DFL)

    def call(number: int, _frame: FrameType | None) -> None:
        if os.getpid() == process:
            _leave_lost_terminal()
            handle(number)
            return
        restore(number)
        os.kill(os.getpid(), number)

    try:
        for number in handled:
            signal.signal(number, call)
        yield
    finally:
        for number in handled:
            restore(number)


def _leave_lost_terminal() -> None:
    """Redirect stdout and stderr to the null device if their terminal was closed, since writing would fail."""
    for descriptor in (1, 2):
        try:
            os.write(descriptor, b"")
        except OSError:  # noqa: PERF203 - each is tried separately
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def _end(number: int) -> NoReturn:
    """Exit without cleanup: files that are being written still have temporary names."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # the signal may have interrupted a write
            stream.flush()
    write_stderr("stopped immediately")
    if os.isatty(2):
        os.write(2, _SHOW_CURSOR)  # a progress bar hides it
    os._exit(128 + number)


def write_stderr(text: str) -> None:
    """Write a line to stderr from a signal handler, bypassing Python's buffers, which the signal may have interrupted."""
    with suppress(OSError):
        os.write(2, f"stcn: {text}\n".encode())
