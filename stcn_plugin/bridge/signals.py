"""SIGINT, SIGTERM and SIGHUP cancel what runs: what every command, batch host and the worker does with them.

No handler here raises in the middle of work that holds locks. A job looks at a `StopRequest` between its steps; commands
without a job end by a `StopSignal`, which their cleanup sees as Ctrl-C.
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

from stcn_plugin.errors import CancelledError

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # Windows has no SIGHUP
"""The signals that cancel."""

_ONE_PRESS = 0.5
"""Seconds in which signals count as one: a farm may signal a process group and then each process in it."""

_SHOW_CURSOR = b"\x1b[?25h"


@final
class StopSignal(KeyboardInterrupt):
    """A signal asked a command without a job to end.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@final
class StopRequest:
    """Whether a signal has asked for the end of a job.

    Attributes:
        number: The first such signal, ``None`` before.
    """

    number: int | None = None

    def __bool__(self) -> bool:
        return self.number is not None


def exit_code(error: BaseException) -> int:
    """Return the exit code of a process that an error ends: 128 and the signal where one asked for it, else 1.

    A `CancelledError` without a signal counts as SIGINT: the user cancelled.
    """
    if isinstance(error, CancelledError):
        return 128 + (error.signal or signal.SIGINT)
    if isinstance(error, KeyboardInterrupt):
        return 128 + (error.number if isinstance(error, StopSignal) else signal.SIGINT)
    return 1


@contextmanager
def stop_requests(
    *, on_request: Callable[[int], None] = lambda _: None, at_once: Callable[[], None] = lambda: None
) -> Iterator[StopRequest]:
    """Turn signals into a request that a job looks at between its steps; a second signal ends the process at once.

    A `CancelledError` that leaves the context is given the signal.

    Args:
        on_request: Called with the first signal. Interrupts the main thread anywhere, so it must take no locks.
        at_once: Called before the process ends at once, to end what it has started. Must take no locks either.
    """
    request = StopRequest()
    asked_at = 0.0

    def ask(number: int) -> None:
        nonlocal asked_at
        if request.number is None:
            request.number, asked_at = number, time.monotonic()
            on_request(number)
        elif time.monotonic() - asked_at >= _ONE_PRESS:
            at_once()
            _end(number)

    try:
        with signals_handled(ask):
            yield request
    except CancelledError as error:
        error.signal = error.signal or request.number
        raise


@contextmanager
def stop_signals_raised() -> Iterator[None]:
    """Raise a `StopSignal` in the main thread at the first signal; a second one ends the process at once.

    For work that holds no locks that another thread could wait for.
    """
    asked_at: list[float] = []

    def interrupt(number: int) -> None:
        if not asked_at:
            asked_at.append(time.monotonic())
            raise StopSignal(number)
        if time.monotonic() - asked_at[0] >= _ONE_PRESS:
            _end(number)

    with signals_handled(interrupt):
        yield


@contextmanager
def signals_handled(handle: Callable[[int], None]) -> Iterator[None]:
    """Have a function called for SIGINT, SIGTERM and SIGHUP while the context lasts.

    Signals that are ignored stay ignored, as under ``nohup``. Outside of the main thread nothing changes, since Python
    delivers signals to the main thread alone. A process that is forked meanwhile has the handlers of before.

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
        # A handler that is not Python's, which is None here, cannot be set again.
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
    """Send stdout and stderr nowhere where their terminal was closed: to write there would be an error."""
    for descriptor in (1, 2):
        try:
            os.write(descriptor, b"")
        except OSError:  # noqa: PERF203 - each is tried on its own
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def _end(number: int) -> NoReturn:
    """End this process now, without unwinding: whatever is being written has only a temporary name yet."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # the signal may have come in the middle of writing to it
            stream.flush()
    say("stopped at once")
    if os.isatty(2):
        os.write(2, _SHOW_CURSOR)  # a progress bar hides it
    os._exit(128 + number)


def say(text: str) -> None:
    """Write a line to stderr from a signal handler: past Python's buffers, which the signal may have interrupted."""
    with suppress(OSError):
        os.write(2, f"stcn: {text}\n".encode())
