"""Jobs in the background: polled from a timer or on a thread, delivered on the main thread."""

from __future__ import annotations

import queue
import threading
import time

import pytest
from fake_workers import REPORT, UNTIL_CANCELLED, WORKING, fake
from recording_host import REQUEST, Recorder
from waiting import DEADLINE, eventually

from stcn_plugin.bridge import BackgroundJob, JobStatus, WarmWorker, WorkerClient, hookimpl
from stcn_plugin.bridge.background_job import as_stcn_error
from stcn_plugin.errors import CancelledError, HostError, PlateError, PluginError


@pytest.fixture
def worker(monkeypatch):
    """Make a warm worker that runs a script."""
    made = []

    def make(script: str = WORKING) -> WarmWorker:
        worker = WarmWorker(lambda: "python", setting="", fix="")
        client = WorkerClient(fake(script))
        monkeypatch.setattr(worker, "client", lambda: client)
        monkeypatch.setattr(worker, "stop", client.stop)
        made.append(worker)
        return worker

    yield make
    for each in made:
        each.stop()


class MainThread:
    """The main thread of a host: runs queued functions until the job has ended."""

    def __init__(self):
        self.calls = queue.SimpleQueue()
        self.ends = []

    def run(self, job, **arguments):
        job.run_in_thread(call_in_main_thread=self.calls.put, on_end=self.ends.append, **arguments)
        while not self.ends:
            self.calls.get(timeout=DEADLINE)()  # raises queue.Empty if nothing comes in time
        return self.ends[0]


def poll(job: BackgroundJob):
    """Poll as a timer does, until the job is done."""
    deadline = time.monotonic() + DEADLINE
    while (report := job.poll()) is None:
        assert time.monotonic() < deadline, job.status.text
        time.sleep(0.01)
    return report


def test_a_timer_advances_the_job(worker):
    """The status has its progress, its warnings and its result."""
    host, status = Recorder(), JobStatus(frame_shift=1000)
    job = BackgroundJob(host, worker(), status=status)
    assert (status.text, status.fraction, status.frame) == ("", 0.0, None)
    job.prepare()
    assert (status.text, status.is_running) == ("Starting", True)
    report = poll(job)
    assert (status.text, status.fraction, status.frame) == ("Frame 2", 1.0, 2)
    job.deliver(report)
    assert (status.report, status.is_running, status.error) == (REPORT, False, None)
    assert status.text == "Nothing to do, all mattes are up to date"
    assert status.warnings == ["one object is small"]
    assert host.of("stcn_deliver_mattes")[0][1] == REPORT


def test_run_does_all_on_one_thread(worker):
    """For hosts without an interface."""
    host, status, warm = Recorder(), JobStatus(), worker()
    assert BackgroundJob(host, warm, status=status).run() == REPORT
    assert (status.report, status.is_running) == (REPORT, False)
    assert set().union(*host.threads.values()) == {threading.get_ident()}
    assert warm.acquire()


def test_a_thread_polls_and_the_main_thread_delivers(worker):
    """A progress bar lives on the polling thread."""
    threads = []

    class Bar:
        def __enter__(self):
            threads.append(threading.get_ident())

        def __exit__(self, *_):
            threads.append(threading.get_ident())

    host = Recorder()
    job = BackgroundJob(host, worker(), status=JobStatus())
    job.prepare()
    assert MainThread().run(job, display=Bar()) is None
    (polling,) = host.threads["stcn_show_progress"]
    assert threads == [polling, polling]
    assert polling != threading.get_ident()
    assert host.threads["stcn_deliver_mattes"] == {threading.get_ident()}


@pytest.mark.parametrize(("hook", "script"), [("stcn_deliver_mattes", WORKING), ("stcn_is_cancelled", UNTIL_CANCELLED)])
def test_an_error_ends_the_job_on_the_main_thread(worker, hook, script):
    """Whether it is raised while polling or while delivering; the worker is free again."""
    host, status, warm = Recorder(**{hook: RuntimeError("the script is locked")}), JobStatus(), worker(script)
    job = BackgroundJob(host, warm, status=status)
    job.prepare()
    error = MainThread().run(job)
    assert isinstance(error, PluginError)
    assert (status.text, status.error, status.is_running) == ("Failed", error, False)
    assert warm.acquire()


def test_a_job_that_cannot_be_prepared_has_failed(worker):
    """It does not use the worker."""
    status, warm = JobStatus(), worker()
    job = BackgroundJob(Recorder(stcn_collect_shot=PlateError("is cut")), warm, status=status)
    with pytest.raises(PlateError):
        job.prepare()
    assert (status.text, status.is_running) == ("Failed", False)
    assert warm.acquire()


def test_a_job_without_a_python_for_the_worker_has_failed():
    """Before anything is prepared."""
    status = JobStatus()
    with pytest.raises(Exception, match="no Python is set") as caught:
        BackgroundJob(Recorder(), WarmWorker(lambda: "", setting="", fix=""), status=status)
    assert status.error is caught.value


@pytest.mark.parametrize("is_busy", [False, True], ids=["running", "waiting for the worker"])
def test_cancelling(worker, is_busy):
    """Also while the job waits until the worker is free; the other user of the worker keeps it."""
    host, status, warm = Recorder(), JobStatus(), worker(UNTIL_CANCELLED)
    job = BackgroundJob(host, warm, status=status)
    job.prepare()
    if is_busy:
        assert warm.acquire()
        assert job.poll() is None
    else:
        assert eventually(lambda: job.poll() is None and status.progress is not None)
    job.cancel()
    assert status.text == "Cancelling"
    error = MainThread().run(job)
    assert isinstance(error, CancelledError)
    assert (status.text, status.error) == ("Cancelled", error)
    assert host.of("stcn_job_failed") == [(error,)]
    assert warm.acquire() == (not is_busy)


def test_jobs_run_in_the_order_in_which_they_were_prepared(worker):
    """Whichever is polled first; a job that is cancelled while it waits lets the next one pass."""
    warm, ended = worker(), []
    jobs = [BackgroundJob(Recorder(), warm, status=JobStatus()) for _ in range(4)]
    for job in jobs:
        job.prepare()
    assert jobs[2].poll() is None
    assert jobs[1].poll() is None
    assert [job.status.text for job in jobs[1:3]] == ["Waiting for 1 other job", "Waiting for 2 other jobs"]
    jobs[1].cancel()
    with pytest.raises(CancelledError):
        jobs[1].poll()

    def advance():
        for job in (jobs[3], jobs[2], jobs[0]):
            if job not in ended and job.poll() is not None:
                ended.append(job)
        return len(ended) == 3

    assert eventually(advance)
    assert ended == [jobs[0], jobs[2], jobs[3]]
    assert warm.acquire()


def test_an_abandoned_job_does_not_block_the_next_one(worker):
    """Its messages are ignored by the next job."""
    warm = worker(UNTIL_CANCELLED)
    first, status = BackgroundJob(Recorder(), warm, status=JobStatus()), JobStatus()
    first.prepare()
    assert eventually(lambda: first.poll() is None and first.status.progress is not None)
    first.abandon()
    assert not first.status.is_running
    host = Recorder()
    host.results["stcn_collect_shot"] = type(REQUEST)(out="m.####.exr", plate="p", preset="short")
    assert BackgroundJob(host, warm, status=status).run() == REPORT


def test_further_plugins_are_notified(worker):
    """Such as a progress bar."""
    shown = []

    class Bar:
        @hookimpl
        def stcn_show_progress(self, progress):
            shown.append(progress.done)

    BackgroundJob(Recorder(), worker(), status=JobStatus(), plugins=[Bar()]).run()
    assert shown == [1, 2]


def test_unexpected_exceptions_become_errors_to_show():
    """Their traceback is logged; errors of the package are returned unchanged."""
    logged = []
    error = HostError("nothing is selected")
    assert as_stcn_error(error, log=logged.append) is error
    assert logged == []
    try:
        _ = 1 / 0
    except ZeroDivisionError as raised:
        shown = as_stcn_error(raised, log=logged.append)
    assert "ZeroDivisionError" in shown.what
    assert "Traceback" in logged[0]
