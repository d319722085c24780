"""The client and its worker's process: how it starts, dies, hangs and is stopped; every stand-in is a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_workers import GOOD, JOB, end_of, eventually, is_alive, until

from stcn_plugin.bridge import client as client_module
from stcn_plugin.bridge.launch import WorkerLaunch, without_python
from stcn_plugin.bridge.messages import RETIRED, Done, Failed, Warned
from stcn_plugin.errors import CancelledError, ProtocolError, WorkerError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins end by POSIX signals")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("say('libtorch is not there'); sys.exit(1)", ("ended by itself with exit code 1 while it started", "libtorch is not there", sys.executable)),
        ("os.kill(os.getpid(), signal.SIGILL)", ("was killed (SIGILL) while it started",)),
        (WorkerLaunch(sys.executable, arguments=("-m", "stcn_plugin_of_old")), ("exit code 1 while it started", "No module named", "stcn doctor")),
    ],
    ids=["exits", "killed", "module"],
)  # fmt: skip
def test_death_at_start_is_told_with_the_last_words(client, script, said):
    """A worker that cannot start is told as such, with its interpreter and what it said on stderr."""
    worker = client(script)
    job = worker.submit(JOB)
    with pytest.raises(WorkerError) as caught:
        end_of(worker, job)
    for words in said:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("sys.exit(7)", "ended by itself with exit code 7. The mattes written so far are whole"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was killed (SIGKILL). The mattes written so far are whole; run the job again, with a smaller size"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was killed (SIGSEGV). The mattes written so far are whole"),
        ("sys.stdout.write('{\"type\": \"writ'); sys.stdout.flush(); os.kill(os.getpid(), signal.SIGKILL)", "was killed (SIGKILL)"),
    ],
    ids=["exit", "SIGKILL", "SIGSEGV", "in mid-message"],
)  # fmt: skip
def test_death_in_mid_job_is_told_and_the_next_job_starts_another(client, tmp_path, end, said):
    """The artist reads how the worker died and its last words; the same client then runs another job."""
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
    assert said in str(caught.value)
    assert "Its last words:\n  out of patience" in str(caught.value)
    assert "while it started" not in str(caught.value)
    assert not isinstance(caught.value, ProtocolError)
    assert not worker.is_running
    again = worker.submit(JOB)
    assert worker.pid != pid
    assert isinstance(end_of(worker, again), Done)


@pytest.mark.parametrize("python", ["", "/absent/python", "{folder}", "{file}", "a\0b"], ids=repr)
def test_an_interpreter_that_is_none_is_told_by_name(client, tmp_path, python):
    """A wrong interpreter is an error at once, naming it and what to do."""
    (tmp_path / "text").write_text("no program")
    python = python.format(folder=tmp_path, file=tmp_path / "text")
    with pytest.raises(WorkerError, match="the worker's Python cannot be started") as caught:
        client(WorkerLaunch(python)).submit(JOB)
    assert (python or "(none is set)") in str(caught.value)
    assert "stcn doctor" in str(caught.value)


@pytest.mark.parametrize(
    ("begins", "patience", "problem"),
    [
        ("", {"start": 0.5}, r"did not start within 0\.5 s"),
        ("hello(); ", {"silence": 0.5}, r"no sign of life for 0\.5 s and was stopped"),
    ],
    ids=["never speaks", "hangs"],
)
def test_a_worker_that_falls_silent_is_stopped(begins, patience, problem, client):
    """One that does not greet in time, or gives no more signs of life, is stopped, and its last words are told."""
    worker = client(f"{begins}say('deep in thought'); time.sleep(600)", **patience)
    job = worker.submit(JOB)
    pid = worker.pid
    with pytest.raises(WorkerError, match=problem) as caught:
        end_of(worker, job)
    assert "deep in thought" in str(caught.value)
    assert not is_alive(pid)


def test_signs_of_life_keep_a_slow_worker(client):
    """A worker that works long on one frame and says that it lives is waited for."""
    worker = client(
        """
hello()
asked = request()
for _ in range(25):
    send("alive")
    time.sleep(0.1)
done(asked["id"])
request()
""",
        silence=1.5,
    )
    assert isinstance(end_of(worker, worker.submit(JOB)), Done)


def test_time_in_which_the_host_was_away_does_not_count(client, monkeypatch):
    """A host that renders for hours comes back to its worker; only silence while it asks is a hang."""
    now = [0.0]
    worker = client("hello(); time.sleep(600)", silence=30.0)
    monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    worker.submit(JOB)
    assert eventually(lambda: worker.receive() is None and worker._has_greeted)
    now[0] += 10_000.0
    assert worker.receive() is None
    for _ in range(50):
        now[0] += 0.5
        assert worker.receive() is None
    with pytest.raises(WorkerError, match="no sign of life"):
        for _ in range(20):
            now[0] += 0.5
            worker.receive()


@pytest.mark.parametrize("busy", ["time.sleep(0.02)", "send('progressed', id=asked['id'], progress={'done': 1, 'total': 9, 'frame': 1}); time.sleep(0.02)"], ids=["mute", "going on"])  # fmt: skip
def test_a_worker_that_ignores_a_cancel_is_stopped_by_force(client, busy):
    """A job that does not end in time after a cancel is ended from outside."""
    worker = client(f"hello()\nasked = request()\nwhile True:\n    send('alive'); {busy}", cancel=0.4)
    job = worker.submit(JOB)
    pid = worker.pid
    worker.cancel(job)
    with pytest.raises(CancelledError, match=r"did not stop the job within 0\.4 s and was stopped by force"):
        end_of(worker, job)
    assert not is_alive(pid)


def test_a_worker_that_will_not_quit_is_killed(client):
    """Neither a deaf ear nor a blocked signal keeps a worker alive."""
    worker = client("signal.signal(signal.SIGTERM, signal.SIG_IGN); hello()\nwhile True: time.sleep(1)", quit=0.2)
    worker.start()
    assert worker.receive(timeout=1.0) is None
    pid = worker.pid
    worker.stop()
    assert not is_alive(pid)


def test_a_worker_that_closes_its_pipe_and_lives_on_is_stopped(client, monkeypatch):
    """A worker that can no longer be heard is of no use."""
    monkeypatch.setattr("stcn_plugin.bridge.link._END", 0.3)
    worker = client("hello(); request(); os.close(1); time.sleep(600)")
    job = worker.submit(JOB)
    pid = worker.pid
    with pytest.raises(WorkerError, match="closed its pipe without ending"):
        end_of(worker, job)
    assert not is_alive(pid)


def test_what_a_worker_started_goes_with_it(client):
    """Processes of a worker that is stopped by force are stopped as well."""
    worker = client("hello(); child = subprocess.Popen(['sleep', '600']); send('warned', id=0, text=str(child.pid)); time.sleep(600)")  # fmt: skip
    worker.start()
    child = int(until(worker, Warned).text)
    assert is_alive(child)
    worker.stop(by_force=True)
    assert eventually(lambda: not is_alive(child))


def test_an_escaped_process_that_holds_the_pipes_blocks_nobody(client):
    """Even where something that left the worker's session keeps the pipes open, stopping ends, and so does the next job."""
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


def test_a_job_that_crosses_a_retirement_runs_in_the_next_worker(client, tmp_path):
    """A worker that quits for want of work just as a job is on its way leaves job and cancel to another."""
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


def test_a_worker_that_died_while_idle_is_replaced_silently(client):
    """Between jobs a worker may be lost; nobody is troubled with it."""
    worker = client(GOOD)
    end_of(worker, worker.submit(JOB))
    first = worker.pid
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: not worker.is_running)
    assert isinstance(end_of(worker, worker.submit(JOB)), Done)
    assert worker.pid != first


def test_variables_of_the_hosts_python_do_not_reach_the_worker(monkeypatch):
    """What steers a host's own Python is kept from another; everything else is passed on."""
    monkeypatch.setenv("PYTHONHOME", "/opt/Nuke16/lib")
    monkeypatch.setenv("OCIO", "/show/config.ocio")
    launch = WorkerLaunch.from_host("/usr/bin/python3")
    assert "PYTHONHOME" not in launch.environment
    assert launch.environment["OCIO"] == "/show/config.ocio"
    assert without_python({"__PYVENV_LAUNCHER__": "x", "PYTHONPATH": "y", "PYENV": "z"}) == {"PYENV": "z"}


def test_a_host_that_ends_without_a_word_ends_cleanly():
    """A host's exit neither waits for its worker nor complains, and the worker goes with it."""
    host = """
import sys
sys.path[:0] = ["tests/bridge"]
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
