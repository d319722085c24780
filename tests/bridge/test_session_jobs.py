"""The session's jobs: one at a time, each ended by the worker, by cancelling or by a signal."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fake_workers import DEAF, REPORT, UNTIL_CANCELLED, is_alive, report_of, stopped_clients
from recording_host import REQUEST, Recorder
from waiting import DEADLINE, eventually

from stcn_plugin.bridge import Session, hookimpl
from stcn_plugin.bridge import session as session_module
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.bridge.signals import STOP_SIGNALS, exit_code
from stcn_plugin.errors import CancelledError, HostError, PlateError, ProtocolError, WorkerError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins end by POSIX signals")

client = pytest.fixture(stopped_clients)


def test_a_request_of_wrong_types_fails_before_it_is_sent(client):
    """The error is reported like any other."""
    host = Recorder(stcn_collect_shot=replace(REQUEST, build=BuildOptions(segments=("1",))))
    with pytest.raises(ProtocolError, match="segments"):
        Session(host, client()).run()
    assert len(host.of("stcn_job_failed")) == 1


def test_the_workers_error_is_the_jobs(client):
    """It is raised unchanged and reported once; messages of other jobs are ignored."""
    host = Recorder()
    session = Session(
        host,
        client(
            "hello(); id = request()['id']; done(999); failed(999, 'PlateError', 'of another job')\n"
            "send('written', id=998, frame=7, files=[]); failed(id, 'PlateError', 'is cut'); id = request()['id']; done(id); request()"
        ),
    )
    with pytest.raises(PlateError, match="is cut") as caught:
        session.run()
    assert host.of("stcn_job_failed") == [(caught.value,)]
    assert host.of("stcn_show_frame") == []
    assert session.run() == REPORT


def test_a_worker_that_dies_is_the_jobs_error(client):
    """It is reported once, and the next job starts another worker."""
    host = Recorder()
    session = Session(host, client("hello(); request(); say('bad luck'); sys.exit(4)"))
    for times in (1, 2):
        with pytest.raises(WorkerError, match="code 4"):
            session.run()
        assert len(host.of("stcn_job_failed")) == times
        assert "bad luck" in host.of("stcn_job_failed")[-1][0].fix


def test_cancelling_is_checked_at_every_poll(client):
    """The job ends as cancelled; the same session and worker then run another."""
    polls = iter([None, False, False, True, True])
    host = Recorder(stcn_is_cancelled=lambda: next(polls, True))
    worker = client(UNTIL_CANCELLED)
    session = Session(host, worker)
    with pytest.raises(CancelledError):
        session.run()
    assert len(host.of("stcn_is_cancelled")) >= 4
    assert len(host.of("stcn_job_failed")) == 1
    pid = worker.pid
    host.results.update(stcn_is_cancelled=False, stcn_collect_shot=replace(REQUEST, preset="short"))
    assert session.run() == REPORT
    assert worker.pid == pid


def test_every_plugin_may_cancel(client):
    """A plugin that returns ``False`` does not overrule the host, nor the host a plugin."""
    for host, plugin in ((True, False), (False, True)):

        class Farm:
            is_cancelled = plugin

            @hookimpl
            def stcn_is_cancelled(self):
                return self.is_cancelled

        session = Session(Recorder(stcn_is_cancelled=host), client(UNTIL_CANCELLED), plugins=[Farm()])
        with pytest.raises(CancelledError):
            session.run()


def test_cancelling_from_another_thread(client):
    """A button on the main thread may cancel a job that is polled on another."""
    session = Session(Recorder(), client(UNTIL_CANCELLED))
    session.cancel()  # without a job it does nothing
    session.start(session.prepare())
    threading.Timer(0.1, session.cancel).start()
    with pytest.raises(CancelledError):
        report_of(session)


def test_one_job_at_a_time(client):
    """A second start is refused and does not affect the first; polling and delivering need a job."""
    host = Recorder()
    session = Session(host, client())
    for call in (session.poll, lambda: session.deliver(REPORT)):
        with pytest.raises(HostError):
            call()
    request = session.prepare()
    session.start(request)
    for call in (session.prepare, lambda: session.start(request)):
        with pytest.raises(HostError, match="a job is running"):
            call()
    assert report_of(session) == REPORT
    assert "stcn_job_failed" not in host.hooks()


def test_a_poll_processes_a_limited_number_of_messages(client, monkeypatch):
    """So that the host stays usable."""
    monkeypatch.setattr(session_module, "_MAX_MESSAGES_PER_POLL", 10)
    host = Recorder()
    session = Session(host, client(DEAF.replace("time.sleep(0.05)", "")))
    session.start(session.prepare())
    before = 0
    deadline = time.monotonic() + DEADLINE
    while before <= 30 and time.monotonic() < deadline:
        session.poll(timeout=0.05)
        shown = len(host.of("stcn_show_progress"))
        assert shown - before <= 10
        before = shown
    assert before > 30


def signalled(number, *times):
    """Send this process a signal at some of its calls."""
    calls = iter(range(1000))

    def answer():
        if next(calls) in times:
            signal.raise_signal(number)

    return answer


@pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda number: number.name)
def test_a_signal_cancels(client, number):
    """The error has the signal; the session can run another job with the same worker."""
    host = Recorder(stcn_show_progress=signalled(number, 0))
    worker = client(UNTIL_CANCELLED)
    session = Session(host, worker)
    before = signal.getsignal(number)
    with pytest.raises(CancelledError) as caught:
        session.run()
    assert caught.value.signal == number
    assert exit_code(caught.value) == 128 + number
    assert host.of("stcn_job_failed") == [(caught.value,)]
    assert len(host.of("stcn_show_warning")) == 1
    assert signal.getsignal(number) == before
    pid = worker.pid
    assert is_alive(pid)
    host.results["stcn_collect_shot"] = replace(REQUEST, preset="short")
    assert session.run() == REPORT
    assert worker.pid == pid


@pytest.mark.parametrize("hook", ["stcn_collect_shot", "stcn_render_keyframes"])
def test_a_signal_before_the_job_cancels_it(client, hook):
    """While the host collects or renders, it is not interrupted; the job is cancelled afterwards."""
    host = Recorder()
    answer = host.results[hook]
    host.results[hook] = lambda: signal.raise_signal(signal.SIGTERM) or answer
    session = Session(host, client(UNTIL_CANCELLED))
    with pytest.raises(CancelledError) as caught:
        session.run()
    assert caught.value.signal == signal.SIGTERM
    assert host.of("stcn_job_failed") == [(caught.value,)]
    assert not session.is_running


def test_a_signal_during_delivery_is_ignored(client):
    """All mattes are on disk, and the host loads them."""
    host = Recorder(stcn_deliver_mattes=lambda: signal.raise_signal(signal.SIGINT))
    assert Session(host, client()).run() == REPORT
    assert host.of("stcn_job_failed") == []


IMPATIENT = """
import sys
sys.path[:0] = ["tests", "tests/bridge"]
from fake_workers import DEAF, fake
from recording_host import Recorder
from stcn_plugin.bridge import Session, WorkerClient
worker = WorkerClient(fake(DEAF))
host = Recorder(stcn_show_progress=lambda: print("progress", worker.pid, flush=True))
Session(host, worker).run()
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda number: number.name)
def test_a_second_signal_ends_host_and_worker_at_once(number):
    """Even if the worker does not respond: with the signal's exit code, and no process is left."""
    host = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    pid = int(host.stdout.readline().split()[1])
    host.send_signal(number)
    for _ in range(30):  # the first signal only requests the end
        assert host.stdout.readline().startswith("progress")
    while host.poll() is None:
        host.send_signal(number)
        host.stdout.readline()
    _, err = host.communicate(timeout=60)
    assert (host.returncode, err) == (128 + number, "stcn: stopped immediately\n")
    assert eventually(lambda: not is_alive(pid))
