"""The client's worker process: start, death, hanging and stopping; every stand-in is a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_workers import GOOD, JOB, end_of, fake, is_alive, until
from waiting import eventually

from stcn_plugin.bridge import Timeouts, WorkerClient
from stcn_plugin.bridge import client as client_module
from stcn_plugin.bridge.connection import RUN_AGAIN
from stcn_plugin.bridge.launch import WorkerLaunch, without_python
from stcn_plugin.bridge.messages import RETIRED, Done, Failed, Warned
from stcn_plugin.bridge.signals import STOP_SIGNALS
from stcn_plugin.errors import CancelledError, ProtocolError, WorkerError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins end by POSIX signals"),
]


@pytest.mark.parametrize(
    ("script", "what", "fix"),
    [
        ("say('libtorch is missing'); sys.exit(1)", "code 1 while starting", "libtorch is missing"),
        ("os.kill(os.getpid(), signal.SIGILL)", "(SIGILL) while starting", "stcn doctor"),
        (WorkerLaunch(sys.executable, arguments=("-m", "stcn_no_such_module")), "code 1 while starting", "No module named"),
    ],
    ids=["exits", "killed", "module"],
)  # fmt: skip
def test_death_at_the_start_is_reported(client, script, what, fix):
    """The error has the worker's Python, its exit, and the end of its log."""
    worker = client(script)
    job = worker.submit(JOB)
    with pytest.raises(WorkerError) as caught:
        end_of(worker, job)
    assert what in caught.value.what
    assert caught.value.where == sys.executable
    assert fix in caught.value.fix
    assert "stcn doctor" in caught.value.fix
    assert caught.value.retry is ("code" not in what)


@pytest.mark.parametrize(
    ("end", "how", "advice"),
    [
        ("sys.exit(7)", "code 7", RUN_AGAIN),
        ("os.kill(os.getpid(), signal.SIGKILL)", "(SIGKILL)", "smaller size"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "(SIGSEGV)", RUN_AGAIN),
        ("sys.stdout.write('{\"type\": \"writ'); sys.stdout.flush(); os.kill(os.getpid(), signal.SIGKILL)", "(SIGKILL)", RUN_AGAIN),
    ],
    ids=["exit", "SIGKILL", "SIGSEGV", "in mid-message"],
)  # fmt: skip
def test_death_during_a_job_is_reported_and_the_next_job_starts_another_worker(client, tmp_path, end, how, advice):
    """The error has the exit and the end of the log; the same client then runs another job."""
    mark = tmp_path / "died"
    worker = client(
        f"""
hello()
asked = request()
if not os.path.exists({str(mark)!r}):
    open({str(mark)!r}, "w").close()
    say("out of patience")
    {end}
done(asked["id"])
request()
"""
    )
    job = worker.submit(JOB)
    pid = worker.pid
    with pytest.raises(WorkerError) as caught:
        end_of(worker, job)
    assert how in caught.value.what
    assert "start" not in caught.value.what
    assert advice in caught.value.fix
    assert "out of patience" in caught.value.fix
    assert not isinstance(caught.value, ProtocolError)
    assert caught.value.retry is True
    assert not worker.is_running
    again = worker.submit(JOB)
    assert worker.pid != pid
    assert isinstance(end_of(worker, again), Done)


@pytest.mark.parametrize("python", ["", "/absent/python", "{folder}", "{file}", "a\0b"], ids=repr)
def test_a_wrong_python_is_reported(client, tmp_path, python):
    """The error names it and what to do."""
    (tmp_path / "text").write_text("no program")
    python = python.format(folder=tmp_path, file=tmp_path / "text")
    with pytest.raises(WorkerError) as caught:
        client(WorkerLaunch(python)).submit(JOB)
    assert caught.value.where == (python or None)
    assert caught.value.retry is False
    assert "stcn doctor" in caught.value.fix


@pytest.mark.parametrize(
    ("beginning", "limit", "problem"),
    [
        ("", {"start": 0.5}, r"start within 0\.5 s"),
        ("hello(); ", {"silence": 0.5}, r"respond for 0\.5 s"),
    ],
    ids=["never starts", "hangs"],
)
def test_a_silent_worker_is_stopped(beginning, limit, problem, client):
    """A worker that exceeds a time limit is stopped; the error has the end of its log."""
    worker = client(f"{beginning}say('deep in thought'); time.sleep(600)", **limit)
    job = worker.submit(JOB)
    pid = worker.pid
    with pytest.raises(WorkerError, match=problem) as caught:
        end_of(worker, job)
    assert "deep in thought" in caught.value.fix
    assert caught.value.retry is True
    assert not is_alive(pid)


def test_a_slow_worker_that_responds_is_not_stopped(client, monkeypatch):
    """A worker may work on a frame for longer than the time limit of silence."""
    now = [0.0]
    worker = client("hello()\nwhile True: send('alive'); time.sleep(0.01)", silence=30.0)
    monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    worker.submit(JOB)
    assert eventually(lambda: worker.receive() is None and worker._has_started)
    connection = worker._connection
    for _ in range(100):
        received = connection.lines_received
        assert eventually(lambda received=received: connection.lines_received > received)
        now[0] += 0.9
        assert worker.receive() is None


@pytest.mark.parametrize(
    ("fields", "where", "advice"),
    [
        ("doing='reading frame 1043 of the plate', file='/net/p.1043.exr'", "reading frame 1043 of the plate (/net/p.1043.exr)", "Check the disk or the network share"),
        ("doing='propagating frame 1043'", "propagating frame 1043", "Check the device"),
    ],
    ids=["file", "network"],
)  # fmt: skip
def test_a_worker_without_progress_is_stopped(client, fields, where, advice):
    """Although it responds; the error has its activity and what to check."""
    worker = client(f"hello(); request()\nwhile True: send('alive', seconds=61, {fields}); time.sleep(0.01)", stall=60)
    job = worker.submit(JOB)
    pid = worker.pid
    with pytest.raises(WorkerError, match="made no progress for 60 s") as caught:
        end_of(worker, job)
    assert caught.value.where == where
    assert caught.value.fix.startswith(advice)
    assert caught.value.retry is True
    assert "STCN_TIMEOUTS" in caught.value.fix
    assert not is_alive(pid)


@pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("begins", ["", "hello(); request(); "], ids=["starting", "at work"])
def test_a_worker_stopped_by_a_signal_counts_as_cancelled(client, number, begins):
    """Whether the signal killed it, before it could handle signals, or its exit code names the signal."""
    for end in (
        f"signal.signal({number}, signal.SIG_DFL); os.kill(os.getpid(), {number})",
        f"sys.exit({128 + number})",
    ):
        worker = client(begins + end)
        job = worker.submit(JOB)
        with pytest.raises(CancelledError, match=f"stopped by {number.name}") as caught:
            end_of(worker, job)
        assert caught.value.signal == number
        assert not worker.is_running


def test_time_in_which_the_host_does_not_poll_is_not_counted(client, monkeypatch):
    """A host may render for hours; only silence while it polls means that the worker hangs."""
    now = [0.0]
    worker = client("hello(); time.sleep(600)", silence=30.0)
    monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    worker.submit(JOB)
    assert eventually(lambda: worker.receive() is None and worker._has_started)
    now[0] += 10_000.0
    assert worker.receive() is None
    for _ in range(50):
        now[0] += 0.5
        assert worker.receive() is None
    with pytest.raises(WorkerError, match="respond"):
        for _ in range(20):
            now[0] += 0.5
            worker.receive()


@pytest.mark.parametrize("busy", ["time.sleep(0.02)", "send('progressed', id=asked['id'], progress={'done': 1, 'total': 9, 'frame': 1}); time.sleep(0.02)"], ids=["idle", "working"])  # fmt: skip
def test_a_worker_that_ignores_a_cancel_is_killed(client, busy):
    """A cancelled job has to end in time."""
    worker = client(f"hello()\nasked = request()\nwhile True:\n    send('alive'); {busy}", cancel=0.4)
    job = worker.submit(JOB)
    pid = worker.pid
    worker.cancel(job)
    with pytest.raises(CancelledError, match=r"0\.4 s"):
        end_of(worker, job)
    assert not is_alive(pid)


def test_a_worker_that_does_not_quit_is_killed(client):
    """Even if it ignores messages and SIGTERM."""
    worker = client("signal.signal(signal.SIGTERM, signal.SIG_IGN); hello()\nwhile True: time.sleep(1)", quit=0.2)
    worker.start()
    assert worker.receive(timeout=1.0) is None
    pid = worker.pid
    worker.stop()
    assert not is_alive(pid)


def test_a_worker_that_closes_its_pipe_is_stopped(client, monkeypatch):
    """Even if the process keeps running."""
    monkeypatch.setattr("stcn_plugin.bridge.connection._EXIT_TIMEOUT", 0.3)
    worker = client("hello(); request(); os.close(1); time.sleep(600)")
    job = worker.submit(JOB)
    pid = worker.pid
    with pytest.raises(WorkerError, match="closed its pipe"):
        end_of(worker, job)
    assert not is_alive(pid)


def test_children_of_a_killed_worker_are_killed(client):
    """The whole process group ends."""
    worker = client("hello(); child = subprocess.Popen(['sleep', '600']); send('warned', id=0, text=str(child.pid)); time.sleep(600)")  # fmt: skip
    worker.start()
    child = int(until(worker, Warned).text)
    assert is_alive(child)
    worker.stop(by_force=True)
    assert eventually(lambda: not is_alive(child))


def test_a_child_that_keeps_the_pipes_open_does_not_block_the_client(client):
    """A child in another session keeps the pipes open; the worker can be stopped all the same."""
    worker = client(
        """
hello()
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
send("warned", id=0, text=str(child.pid))
done(request()["id"])
""",
        silence=1.5,
    )
    job = worker.submit(JOB)
    child = int(until(worker, Warned).text)
    try:
        end_of(worker, job)
        with pytest.raises(WorkerError):
            end_of(worker, job)
        assert not worker.is_running
        assert is_alive(child)
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_job_sent_to_a_retiring_worker_runs_in_the_next_one(client, tmp_path):
    """Job and cancel are sent again if the worker exits for idleness while they are on their way."""
    mark = tmp_path / "retired"
    worker = client(
        f"""
hello()
asked = request()
if not os.path.exists({str(mark)!r}):
    open({str(mark)!r}, "w").close()
    request()
    os._exit({RETIRED})
cancelled = request()
assert cancelled == {{"type": "cancel", "id": asked["id"]}}, cancelled
failed(asked["id"], "CancelledError", "plate " + asked["job"]["plate"])
request()
"""
    )
    job = worker.submit(JOB)
    first = worker.pid
    worker.cancel(job)
    ended = end_of(worker, job)
    assert isinstance(ended, Failed)
    assert ended.error.what == "plate p.####.exr"
    assert worker.pid != first


def test_a_worker_that_died_between_jobs_is_replaced(client):
    """Without an error."""
    worker = client(GOOD)
    end_of(worker, worker.submit(JOB))
    first = worker.pid
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: not worker.is_running)
    assert isinstance(end_of(worker, worker.submit(JOB)), Done)
    assert worker.pid != first


def test_variables_of_the_hosts_python_are_not_passed_to_the_worker(monkeypatch):
    """All other variables are."""
    monkeypatch.setenv("PYTHONHOME", "/opt/Nuke16/lib")
    monkeypatch.setenv("OCIO", "/show/config.ocio")
    launch = WorkerLaunch("/usr/bin/python3")
    assert "PYTHONHOME" not in launch.environment
    assert launch.environment["OCIO"] == "/show/config.ocio"
    assert without_python({"__PYVENV_LAUNCHER__": "x", "PYTHONPATH": "y", "PYENV": "z"}) == {"PYENV": "z"}


@pytest.mark.parametrize(
    ("host", "passed", "is_mentioned"),
    [({"PYTHONPATH": "/site"}, None, True), ({"PYTHONPATH": "/site"}, "/site", False), ({}, None, False)],
)
def test_a_worker_without_its_pythonpath_says_so(client, monkeypatch, host, passed, is_mentioned):
    """If stcn_plugin was found by a PYTHONPATH that is not passed on, the error names the variable."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    for name, value in host.items():
        monkeypatch.setenv(name, value)
    given = {} if passed is None else {"environment": {**os.environ, "PYTHONPATH": passed}}
    worker = client(WorkerLaunch(sys.executable, arguments=("-m", "stcn_no_such_module"), **given))
    job = worker.submit(JOB)
    with pytest.raises(WorkerError) as caught:
        end_of(worker, job)
    assert ("PYTHONPATH" in caught.value.fix) == is_mentioned


def test_a_host_that_exits_without_stopping_its_worker():
    """It exits without delay or messages, and the worker exits too."""
    host = """
import sys
sys.path[:0] = ["tests", "tests/bridge"]
from fake_workers import GOOD, end_of, fake
from stcn_plugin.bridge import JobRequest, WorkerClient
worker = WorkerClient(fake(GOOD))
end_of(worker, worker.submit(JobRequest(plate="p")))
print(worker.pid)
"""
    root = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", host], cwd=root, capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr) == (0, "")
    assert eventually(lambda: not is_alive(int(result.stdout)))


@pytest.mark.parametrize(("own", "expected"), [({}, "1"), ({"THP_MEM_ALLOC_ENABLE": "0"}, "0")])
def test_the_worker_uses_huge_pages_unless_told_otherwise(own, expected):
    script = "import os; print(os.environ['THP_MEM_ALLOC_ENABLE'])"
    launch = WorkerLaunch(sys.executable, arguments=("-I", "-S", "-c", script), environment=own)
    with launch.start() as process:
        assert process.communicate()[0].decode().strip() == expected


def test_time_limits_from_the_environment(monkeypatch):
    """The variable changes the limits that it names; an argument overrides it."""
    monkeypatch.setenv("STCN_TIMEOUTS", " stall=7200, cancel = 2.5 ,")
    assert Timeouts.from_environment() == Timeouts(stall=7200, cancel=2.5)
    assert WorkerClient(fake(""))._timeouts.stall == 7200
    assert WorkerClient(fake(""), timeouts=Timeouts())._timeouts.stall == 1800
    monkeypatch.delenv("STCN_TIMEOUTS")
    assert Timeouts.from_environment() == Timeouts()


@pytest.mark.parametrize(
    "text", ["stall", "stall=", "stall=soon", "stall=-1", "stall=nan", "patience=3", "stall=5;quit=1"]
)
def test_invalid_time_limits_in_the_environment(monkeypatch, text):
    """The error lists the names."""
    monkeypatch.setenv("STCN_TIMEOUTS", text)
    with pytest.raises(WorkerError, match="start, silence, stall, cancel, quit") as caught:
        WorkerClient(fake(""))
    assert caught.value.where == "STCN_TIMEOUTS"
