"""SIGINT, SIGTERM and SIGHUP; every process here is a real one."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading

import pytest

from stcn_plugin.bridge.signals import (
    STOP_SIGNALS,
    StopSignal,
    exit_code,
    signals_handled,
    stop_requests,
    stop_signals_raised,
)
from stcn_plugin.errors import CancelledError, PlateError

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")]

every_signal = pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda number: number.name)


def ran(code: str, **options) -> subprocess.CompletedProcess[str]:
    program = f"import os, signal, sys, threading, time\nfrom stcn_plugin.bridge.signals import *\n{code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, **options)


@every_signal
def test_a_request_is_only_a_flag(number):
    """The first signal interrupts nothing; a `CancelledError` raised afterwards has the signal."""
    asked = []
    with pytest.raises(CancelledError) as caught, stop_requests(on_request=asked.append) as stop:
        assert not stop
        signal.raise_signal(number)
        assert (bool(stop), stop.number, asked) == (True, number, [number])
        raise CancelledError("cancelled")
    assert caught.value.signal == number


def test_signals_in_quick_succession_are_one(monkeypatch):
    """A farm may signal a process group and then each of its processes."""
    with stop_requests() as stop:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert stop.number == signal.SIGTERM


@every_signal
def test_a_second_request_ends_the_process_at_once(number):
    """Without unwinding; output is flushed, and children are killed before."""
    result = ran(
        f"""
print("printed")
try:
    with stop_requests(before_exit=lambda: os.write(2, b"ended others\\n")):
        signal.raise_signal({number})
        time.sleep(0.6)
        signal.raise_signal({number})
        print("never")
finally:
    print("unwound")
"""
    )
    assert (result.returncode, result.stdout) == (128 + number, "printed\n")
    assert result.stderr == "ended others\nstcn: stopped immediately\n"


@every_signal
def test_without_a_job_a_signal_unwinds_and_a_second_one_ends_the_process(number):
    """The first signal is raised like Ctrl-C."""
    with pytest.raises(StopSignal) as caught, stop_signals_raised():
        signal.raise_signal(number)
    assert exit_code(caught.value) == 128 + number
    result = ran(
        f"""
with stop_signals_raised():
    try:
        signal.raise_signal({number})
    finally:
        signal.raise_signal({number})  # the same press
        print("cleaning up", flush=True)
        time.sleep(0.6)
        signal.raise_signal({number})
        print("never")
"""
    )
    assert (result.returncode, result.stdout, result.stderr) == (
        128 + number,
        "cleaning up\n",
        "stcn: stopped immediately\n",
    )


def test_exit_codes():
    """128 plus the signal after cancelling, SIGINT by default; 1 for other errors."""
    assert exit_code(CancelledError("stopped", signal=signal.SIGTERM)) == 143
    assert exit_code(CancelledError("stopped", signal=signal.SIGHUP)) == 129
    assert exit_code(CancelledError("cancelled in a panel")) == 130
    assert exit_code(KeyboardInterrupt()) == 130
    assert exit_code(StopSignal(signal.SIGTERM)) == 143
    assert exit_code(PlateError("is cut")) == 1
    assert exit_code(ValueError()) == 1


@every_signal
def test_ignored_signals_stay_ignored(number):
    """As under nohup, and in the background of a shell."""
    result = ran(
        f"""
signal.signal({number}, signal.SIG_IGN)
with stop_requests() as stop:
    signal.raise_signal({number})
    print(bool(stop))
with stop_signals_raised():
    signal.raise_signal({number})
print(signal.getsignal({number}) == signal.SIG_IGN)
"""
    )
    assert (result.returncode, result.stdout) == (0, "False\nTrue\n")


@every_signal
def test_handlers_are_restored(number):
    """Also after an error."""
    before = signal.getsignal(number)
    with pytest.raises(PlateError), stop_requests():
        assert signal.getsignal(number) != before
        raise PlateError("is cut")
    assert signal.getsignal(number) == before


def test_outside_of_the_main_thread_nothing_changes():
    """Python handles signals on the main thread only."""
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with signals_handled(seen.append), stop_requests() as stop:
            seen.append(bool(stop))
            seen.append(signal.getsignal(signal.SIGTERM) == before)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False, True]


@every_signal
def test_a_forked_process_can_be_ended(number):
    """Such as a process of a plugin's pool, which is ended by SIGTERM."""
    result = ran(
        f"""
signal.signal(signal.SIGINT, signal.SIG_DFL)
with stop_requests() as stop:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"x")
        time.sleep(60)
        os._exit(0)
    os.read(reading, 1)
    os.kill(child, {number})
    _, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), bool(stop))
"""
    )
    assert (result.stdout, result.stderr) == (f"{-number} False\n", "")


CLOSED = """
with stop_requests() as stop:
    print("ready", flush=True)
    deadline = time.monotonic() + 60
    while not stop and time.monotonic() < deadline:
        time.sleep(0.01)
    print("to nobody", flush=True)
    print("to nobody", file=sys.stderr, flush=True)
os._exit(128 + stop.number)
"""


def test_a_closed_terminal_is_no_longer_written_to():
    """Closing it sends SIGHUP; output afterwards is not an error."""
    child, terminal = pty.fork()
    if child == 0:
        code = f"import os, sys, time\nfrom stcn_plugin.bridge.signals import *\n{CLOSED}"
        os.execv(sys.executable, [sys.executable, "-c", code])
    assert os.read(terminal, 100).startswith(b"ready")
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 129
