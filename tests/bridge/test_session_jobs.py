"""The session and its jobs: one at a time, each ended by its worker, by a cancel or by a signal."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from fake_workers import DEAF, REPORT, UNTIL_CANCELLED, eventually, is_alive, stopped_clients
from recording_host import REQUEST, Recorder

from stcn_plugin.bridge import Session, hookimpl
from stcn_plugin.bridge import session as session_module
from stcn_plugin.bridge.signals import STOP_SIGNALS, exit_code
from stcn_plugin.errors import CancelledError, HostError, PlateError, ProtocolError, WorkerError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins end by POSIX signals")

client = pytest.fixture(stopped_clients)


def test_a_job_that_the_worker_would_not_understand_fails_before_it_starts(client):
    """A request of wrong types is an error like any other."""
    host = Recorder(stcn_collect_shot=replace(REQUEST, update=("1001",)))
    with pytest.raises(ProtocolError, match="update"):
        Session(host, client()).run()
    assert len(host.of("stcn_job_failed")) == 1


def test_the_workers_error_is_the_jobs(client):
    """What the worker met is raised as what it was, and told once; messages of other jobs are passed over."""
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
    """The host is told once, and the next job finds another worker."""
    host = Recorder()
    session = Session(host, client("hello(); request(); say('bad luck'); sys.exit(4)"))
    for times in (1, 2):
        with pytest.raises(WorkerError, match="exit code 4"):
            session.run()
        assert len(host.of("stcn_job_failed")) == times
        assert "bad luck" in str(host.of("stcn_job_failed")[-1][0])


def test_cancelling_is_asked_at_every_poll(client):
    """Once the host says so, the job ends as cancelled; the same session and worker then run another."""
    polls = iter([None, False, False, True, True])
    host = Recorder(stcn_is_cancelled=lambda: next(polls, True))
    worker = client(UNTIL_CANCELLED)
    session = Session(host, worker)
    with pytest.raises(CancelledError, match="the mattes written so far are whole"):
        session.run()
    assert len(host.of("stcn_is_cancelled")) >= 4
    assert len(host.of("stcn_job_failed")) == 1
    pid = worker.pid
    host.answers.update(stcn_is_cancelled=False, stcn_collect_shot=replace(REQUEST, preset="short"))
    assert session.run() == REPORT
    assert worker.pid == pid


def test_every_plugin_may_cancel(client):
    """A plugin that says no does not speak for the host, nor the host for a plugin."""
    for host, plugin in ((True, False), (False, True)):

        class Farm:
            answer = plugin

            @hookimpl
            def stcn_is_cancelled(self):
                return self.answer

        session = Session(Recorder(stcn_is_cancelled=host), client(UNTIL_CANCELLED), plugins=[Farm()])
        with pytest.raises(CancelledError):
            session.run()


def test_cancelling_from_another_thread(client):
    """A button may cancel on the main thread what another thread polls."""
    session = Session(Recorder(), client(UNTIL_CANCELLED))
    session.cancel()  # nothing runs, nothing happens
    session.start(session.prepare())
    threading.Timer(0.1, session.cancel).start()
    with pytest.raises(CancelledError):
        while True:
            session.poll(timeout=0.05)


def test_one_job_at_a_time(client):
    """A second start is refused and leaves the first alone; polling and delivering want a job."""
    host = Recorder()
    session = Session(host, client())
    for call in (session.poll, lambda: session.deliver(REPORT)):
        with pytest.raises(HostError, match=r"no job (is running|was run)"):
            call()
    request = session.prepare()
    session.start(request)
    for call in (session.prepare, lambda: session.start(request)):
        with pytest.raises(HostError, match="a job is running"):
            call()
    while (report := session.poll(timeout=0.05)) is None:
        pass
    assert report == REPORT
    assert "stcn_job_failed" not in host.hooks()


def test_a_poll_ends_though_the_worker_tells_and_tells(client, monkeypatch):
    """A host gets back to its own work after so many messages."""
    monkeypatch.setattr(session_module, "_MOST_MESSAGES", 10)
    host = Recorder()
    session = Session(host, client(DEAF.replace("time.sleep(0.05)", "")))
    session.start(session.prepare())
    before = 0
    for _ in range(20):
        session.poll(timeout=0.05)
        shown = len(host.of("stcn_show_progress"))
        assert shown - before <= 10
        before = shown
    assert before > 10


def signalled(number, *times):
    """Send this process a signal at some of the calls."""
    calls = iter(range(1000))

    def answer():
        if next(calls) in times:
            signal.raise_signal(number)

    return answer


@pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda number: number.name)
def test_a_signal_cancels(client, number):
    """A signal ends the job as a cancel does, and the error knows it; the session is of use after it, with the same worker."""
    host = Recorder(stcn_show_progress=signalled(number, 0))
    worker = client(UNTIL_CANCELLED)
    session = Session(host, worker)
    before = signal.getsignal(number)
    with pytest.raises(CancelledError, match="the mattes written so far are whole") as caught:
        session.run()
    assert caught.value.signal == number
    assert exit_code(caught.value) == 128 + number
    assert host.of("stcn_job_failed") == [(caught.value,)]
    assert len(host.of("stcn_show_warning")) == 1
    assert signal.getsignal(number) == before
    pid = worker.pid
    assert is_alive(pid)
    host.answers["stcn_collect_shot"] = replace(REQUEST, preset="short")
    assert session.run() == REPORT
    assert worker.pid == pid


@pytest.mark.parametrize("hook", ["stcn_collect_shot", "stcn_render_keyframes"])
def test_a_signal_before_the_job_cancels_it(client, hook):
    """While the host collects or renders, one signal is enough; what the host does is not interrupted."""
    host = Recorder()
    answer = host.answers[hook]
    host.answers[hook] = lambda: signal.raise_signal(signal.SIGTERM) or answer
    session = Session(host, client(UNTIL_CANCELLED))
    with pytest.raises(CancelledError) as caught:
        session.run()
    assert caught.value.signal == signal.SIGTERM
    assert host.of("stcn_job_failed") == [(caught.value,)]
    assert not session.is_running


def test_a_signal_while_mattes_are_delivered_is_too_late(client):
    """All mattes are on disk: the host takes them in."""
    host = Recorder(stcn_deliver_mattes=lambda: signal.raise_signal(signal.SIGINT))
    assert Session(host, client()).run() == REPORT
    assert host.of("stcn_job_failed") == []


IMPATIENT = """
import sys
sys.path[:0] = ["tests/bridge"]
from fake_workers import DEAF, fake
from recording_host import Recorder
from stcn_plugin.bridge import Session, WorkerClient
worker = WorkerClient(fake(DEAF))
host = Recorder(stcn_show_progress=lambda: print("progress", worker.pid, flush=True))
Session(host, worker).run()
"""


@pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda number: number.name)
def test_a_second_signal_ends_host_and_worker_at_once(number):
    """Two signals from outside end a host whose worker is deaf: with the signal's exit code, and no process is left."""
    host = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    pid = int(host.stdout.readline().split()[1])
    host.send_signal(number)
    for _ in range(30):  # it goes on, since it only asked
        assert host.stdout.readline().startswith("progress")
    while host.poll() is None:
        host.send_signal(number)
        host.stdout.readline()
    _, err = host.communicate(timeout=60)
    assert (host.returncode, err) == (128 + number, "stcn: stopped at once\n")
    assert eventually(lambda: not is_alive(pid))
