"""The real worker's end: killed, by a signal, hanging, crashed, idle, without input, and without its host."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fake_workers import end_of, is_alive, until
from real_jobs import FRAMES, PRELUDE, SLOW, complete_files
from waiting import eventually

from stcn_plugin import __version__
from stcn_plugin.bridge import Timeouts, WorkerClient, WorkerLaunch
from stcn_plugin.bridge.messages import PROTOCOL, RETIRED, Done, Failed, Hello, Written, decode
from stcn_plugin.errors import CancelledError, WorkerError
from stcn_plugin.media.images import read_image

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="processes are ended by POSIX signals"),
]

COMMAND = [sys.executable, "-m", "stcn_plugin.worker"]


def test_a_killed_worker_leaves_complete_files_and_the_next_job_runs(mortal, job, tmp_path):
    """The error has the signal; the files on disk are complete; the next job starts another worker."""
    running = mortal.submit(job("killed", f"1001-{1000 + FRAMES}", SLOW))
    for _ in range(3):
        until(mortal, Written)
    first = mortal.pid
    os.kill(first, signal.SIGKILL)
    with pytest.raises(WorkerError) as caught:
        end_of(mortal, running)
    assert "SIGKILL" in caught.value.what
    assert "smaller size" in caught.value.fix
    frames = list((tmp_path / "killed").glob("m.*.exr"))
    assert 3 <= len(frames) < FRAMES
    for path in frames:
        assert read_image(path).pixels.shape == (96, 144, 5)
    assert isinstance(end_of(mortal, mortal.submit(job("next"))), Done)
    assert mortal.pid != first


NOTIFIED = """
@hookimpl
def stcn_process_mattes(frame, mattes):
    time.sleep(0.2)

@hookimpl
def stcn_shot_failed(error):
    with open(__file__ + ".failed", "a") as file:
        file.write(type(error).__name__)
"""


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, *(pytest.param(each, marks=pytest.mark.slow) for each in (signal.SIGTERM, signal.SIGHUP))],
    ids=lambda number: number.name,
)
def test_a_signal_to_the_worker_cancels(mortal, job, tmp_path, number):
    """Complete frames, plugins are notified, the host gets the signal, the process exits with it, and the next job runs."""
    running = mortal.submit(job("signalled", f"1001-{1000 + FRAMES}", NOTIFIED))
    for _ in range(2):
        until(mortal, Written)
    process = mortal._connection.process
    os.kill(process.pid, number)
    ended = end_of(mortal, running)
    assert isinstance(ended, Failed)
    assert isinstance(ended.error, CancelledError)
    assert ended.error.signal == number
    assert process.wait(60) == 128 + number
    assert 2 <= len(complete_files(tmp_path / "signalled")) < FRAMES
    assert (tmp_path / "signalled.py.failed").read_text() == "CancelledError"
    assert isinstance(end_of(mortal, mortal.submit(job("next"))), Done)


def test_a_signal_stops_an_idle_worker(mortal):
    """The next request starts another."""
    assert mortal.describe().presets
    process = mortal._connection.process
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(60) == 143
    assert mortal.describe().presets
    assert mortal.pid != process.pid


HANGING = """
@hookimpl
def stcn_process_mattes(frame, mattes):
    if frame == 1002:
        open(__file__ + ".hangs", "w").close()
        {hang}
"""


def hang(worker: WorkerClient, running: int, mark: Path, **timeouts: float) -> WorkerError:
    """Wait for a job to hang, and return the error that it ends with."""

    def has_hung() -> bool:
        worker.receive(timeout=0.1)
        return mark.exists()

    assert eventually(has_hung)
    worker._timeouts = Timeouts(**timeouts)  # only now: loading the libraries may take longer
    with pytest.raises(WorkerError) as caught:
        end_of(worker, running)
    return caught.value


def test_a_job_that_hangs_is_stopped(mortal, job, tmp_path):
    """Although the process responds, as if a file server were gone; the error names the activity."""
    running = mortal.submit(job("hanging", f"1001-{1000 + FRAMES}", HANGING.format(hang="time.sleep(600)")))
    error = hang(mortal, running, tmp_path / "hanging.py.hangs", stall=2)
    assert error.what == "the worker hangs: it made no progress for 2 s and was stopped"
    assert error.where == f"writing the mattes of frame 1002 ({tmp_path / 'hanging' / 'm.1002.exr'})"
    assert complete_files(tmp_path / "hanging") == [1001]


def test_a_process_that_hangs_is_stopped(mortal, job, tmp_path):
    """All of its threads have stopped; the error has the activity of its last message."""
    still = "ctypes.PyDLL(None).sleep(600)"  # holds Python's lock
    running = mortal.submit(job("hanging", f"1001-{1000 + FRAMES}", HANGING.format(hang=still)))
    error = hang(mortal, running, tmp_path / "hanging.py.hangs", silence=4)
    assert error.what == "the worker did not respond for 4 s and was stopped"
    assert error.where
    assert complete_files(tmp_path / "hanging") == [1001]


def test_a_crash_in_native_code_is_reported(mortal, job):
    """With the signal and the location in the plugin."""
    crash = "@hookimpl\ndef stcn_shot_started(): os.kill(os.getpid(), signal.SIGSEGV)"
    running = mortal.submit(job("crash", plugin=crash))
    with pytest.raises(WorkerError) as caught:
        end_of(mortal, running)
    assert "SIGSEGV" in caught.value.what
    assert "stcn_shot_started" in caught.value.fix or "Segmentation fault" in caught.value.fix


def test_it_retires_when_it_is_idle():
    """The next job starts another worker."""
    with WorkerClient(WorkerLaunch(sys.executable, idle=0.1)) as client:
        client.start()
        first = client.pid
        process = client._connection.process
        assert eventually(lambda: process.poll() is not None)
        assert process.returncode == RETIRED
        assert client.describe().presets
        assert client.pid != first


@pytest.mark.parametrize(
    ("sent", "code", "word"),
    [
        (b"", 0, ""),
        (b'{"type":"quit"}\n', 0, ""),
        (b'{"type":"ru', 0, ""),
        (b"ls -l\n", 2, "'ls -l'"),
        (b'{"type":"run","id":1,"job":{"plate":3}}\n', 2, "'plate' of a job"),
        (b"[" * 100_000 + b"\n", 2, "[[["),
    ],
    ids=["nothing", "quit", "cut", "shell", "job", "deep"],
)
def test_its_exit_code_depends_on_its_input(sent, code, word):
    """0 at the end of input and `Quit`; an error at an invalid message, since the host waits for an answer."""
    result = subprocess.run(COMMAND, input=sent, capture_output=True, timeout=120)
    assert result.returncode == code, result.stderr
    assert word in result.stderr.decode()
    first = decode(result.stdout.splitlines()[0])
    assert isinstance(first, Hello)
    assert (first.protocol, first.version) == (PROTOCOL, __version__)


HOST = """
import os, sys, time
from stcn_plugin.bridge import JobRequest, KeyframeFile, Timeouts, WorkerClient, WorkerLaunch
from stcn_plugin.bridge.messages import Written
plate, key, out, plugin, sibling = sys.argv[1:]
worker = WorkerClient(WorkerLaunch(sys.executable))
worker.submit(JobRequest(plate=plate, keyframes=(KeyframeFile(1001, key),), out=out, preset="draft", plugins=(plugin,)))
deadline = time.monotonic() + 240
while not isinstance(worker.receive(timeout=0.1), Written):
    assert time.monotonic() < deadline, "no frame was written"
child = 0
if sibling == "yes":
    child = os.fork()  # has copies of both pipes, as what a host forks may have
    if child == 0:
        os.closerange(0, 3)
        time.sleep(600)
        os._exit(0)
print(worker.pid, child, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("sibling", ["no", "yes"])
def test_the_worker_exits_when_its_host_is_killed(folder, tmp_path, sibling):
    """Even if another process keeps the pipes open; files on disk are complete."""
    (tmp_path / "slow.py").write_text(PRELUDE + SLOW)
    arguments = [
        folder / "p.####.png",
        folder / "key.png",
        tmp_path / "out" / "m.####.exr",
        tmp_path / "slow.py",
        sibling,
    ]
    host = subprocess.Popen([sys.executable, "-c", HOST, *map(str, arguments)], stdout=subprocess.PIPE)
    try:
        worker, child = map(int, host.stdout.readline().split())
        assert is_alive(worker)
        host.kill()
        host.wait()
        assert eventually(lambda: not is_alive(worker))
        if sibling == "yes":
            assert is_alive(child)
    finally:
        host.kill()
        host.stdout.close()
        host.wait()
        if sibling == "yes":
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
    frames = complete_files(tmp_path / "out")
    assert 1 <= len(frames) < FRAMES
