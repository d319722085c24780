"""The real worker as a process: jobs, cancelling, death, and exit with its host."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from fake_workers import end_of, is_alive, receive_until, until
from golden.stand_in import golden_frames, golden_masks
from PIL import Image
from waiting import eventually

from stcn_plugin import __version__
from stcn_plugin.bridge import EVERY_WORKER, JobRequest, KeyframeFile, Setting, Timeouts, WorkerClient, WorkerLaunch
from stcn_plugin.bridge.job import Report
from stcn_plugin.bridge.messages import (
    PROTOCOL,
    RETIRED,
    Done,
    Failed,
    Hello,
    Prepared,
    Progressed,
    Warned,
    Written,
    decode,
)
from stcn_plugin.errors import CancelledError, PlateError, PluginError, WorkerError
from stcn_plugin.media.images import read_image
from stcn_plugin.presets.library import list_presets
from stcn_plugin.shot.file import make_shot
from stcn_plugin.weights.store import WeightsStore
from stcn_plugin.worker.engines import Engines

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="processes are ended by POSIX signals"),
]

COMMAND = [sys.executable, "-m", "stcn_plugin.worker"]
FRAMES = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A plate of forty small frames, made of six images, and a keyframe of one disc."""
    folder = tmp_path_factory.mktemp("worker")
    for number, frame in enumerate(golden_frames(6, 96, 144)):
        Image.fromarray(frame).save(folder / f"source.{number}.png")
    for number in range(FRAMES):
        (folder / f"p.{1001 + number}.png").symlink_to(folder / f"source.{number % 6}.png")
    Image.fromarray(golden_masks(96, 144)[0] * 255).save(folder / "key.png")
    return folder


@pytest.fixture
def job(folder, tmp_path):
    """Make requests for the plate."""

    def make(name: str, frames: str = "1001-1004", plugin: str | None = None, **given: object) -> JobRequest:
        plugins = ()
        if plugin is not None:
            (tmp_path / f"{name}.py").write_text(PRELUDE + plugin)
            plugins = (str(tmp_path / f"{name}.py"),)
        return JobRequest(
            **{
                "plate": str(folder / "p.####.png"),
                "keyframes": (KeyframeFile(1001, str(folder / "key.png")),),
                "out": str(tmp_path / name / "m.####.exr"),
                "range": frames,
                "preset": "draft",
                "plugins": plugins,
                **given,
            }
        )

    return make


PRELUDE = """
import ctypes, os, signal, subprocess, sys, time
from stcn_plugin.bridge.hooks import hookimpl
"""

SLOW = """
@hookimpl
def stcn_process_mattes(frame, mattes):
    time.sleep(0.4)
"""


@pytest.fixture(scope="module")
def log():
    return []


@pytest.fixture(scope="module")
def shared(log):
    """One worker for the tests that do not stop it."""
    with WorkerClient(WorkerLaunch(sys.executable), on_log=log.append) as client:
        yield client


@pytest.fixture
def worker(shared):
    """The shared worker, which has to survive the test."""
    shared.start()
    pid = shared.pid
    yield shared
    assert shared.pid == pid
    assert is_alive(pid)


@pytest.fixture
def mortal():
    """A worker for one test."""
    with WorkerClient(WorkerLaunch(sys.executable)) as client:
        yield client


def complete_files(folder: Path) -> list[int]:
    """Read every file of a folder, which must be a matte, and return their frames. A folder must be that of the cache."""
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["m.exr.stcn-cache"]
    files = sorted(path for path in folder.iterdir() if path.is_file())
    for path in files:
        assert read_image(path).pixels.shape == (96, 144, 5)
    return [int(path.name.split(".")[1]) for path in files]


def first_report(report: Report) -> Report:
    """What the worker sends before it writes the first matte of a job."""
    return Report(
        report.objects,
        report.layers,
        report.patterns,
        report.layout,
        device="none",
        precision="none",
        first=report.first,
        last=report.last,
        weights=report.weights,
    )


def test_a_warm_worker_runs_job_after_job(worker, job, tmp_path):
    """In one process, even after a job that fails."""
    first = worker.submit(job("first"))
    messages = receive_until(worker, lambda message: isinstance(message, Done))
    assert {message.id for message in messages} == {first}
    assert [m.progress.done for m in messages if isinstance(m, Progressed)] == [1, 2, 3, 4, 5]
    assert [m.progress.total for m in messages if isinstance(m, Progressed)] == [5] * 5
    written = [message for message in messages if isinstance(message, Written)]
    assert [(m.frame, m.files) for m in written] == [
        (frame, (str(tmp_path / "first" / f"m.{frame}.exr"),)) for frame in range(1001, 1005)
    ]
    report = messages[-1].report
    assert messages.index(Prepared(first, first_report(report))) < messages.index(written[0])
    assert report.frames == (1001, 1002, 1003, 1004)
    assert report.files == tuple(file for message in written for file in message.files)
    assert report.patterns == dict.fromkeys(report.objects, str(tmp_path / "first" / "m.####.exr"))
    assert worker.version == __version__

    failed = end_of(worker, worker.submit(job("failing", plate=str(tmp_path / "absent.####.exr"))))
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, PlateError)
    assert not (tmp_path / "failing").exists()

    again = end_of(worker, worker.submit(job("again")))
    assert isinstance(again, Done)
    for frame in (1001, 1004):
        one, other = (read_image(tmp_path / name / f"m.{frame}.exr").pixels for name in ("first", "again"))
        assert (one == other).all()


def test_the_network_is_loaded_once_per_weights():
    """Settings other than weights, device and threads keep the network; `auto` does not keep the last job's threads."""

    def settings(*overrides: str):
        return make_shot(plate="p.####.png", keyframes={1: "k.png"}, out="m.####.exr", overrides=overrides).settings

    before = torch.get_num_threads()
    try:
        networks = Engines()
        first = networks(settings())
        assert networks(settings("memory.interval=2", "size=64")) is first
        other = networks(settings(f"compute.threads={before + 1}"))
        assert other is not first
        assert torch.get_num_threads() == before + 1
        assert networks(settings(f"compute.threads={before + 1}", "matte.black=0.2")) is other
        networks(settings())
        assert torch.get_num_threads() == before
    finally:
        torch.set_num_threads(before)


def test_a_cancel_stops_within_a_frame(worker, job, tmp_path):
    """After a cancel only frames that are already in the pipeline are written; the next job runs."""
    running = worker.submit(job("cancelled", f"1001-{1000 + FRAMES}", SLOW))
    for _ in range(3):
        until(worker, Written)
    worker.cancel(running)
    *messages, end = receive_until(worker, lambda message: isinstance(message, (Done, Failed)))
    after = [message for message in messages if isinstance(message, Written)]
    assert isinstance(end.error, CancelledError)
    assert len(after) <= 4  # one is being written, two wait for it, and one is being propagated
    assert complete_files(tmp_path / "cancelled") == [1001 + number for number in range(3 + len(after))]
    assert isinstance(end_of(worker, worker.submit(job("after"))), Done)


def test_a_cancel_before_the_start_writes_nothing(worker, job, tmp_path):
    """A job that waits for another can be cancelled without affecting the other."""
    first = worker.submit(job("running", plugin=SLOW))
    second = worker.submit(job("waiting"))
    worker.cancel(second)
    assert isinstance(end_of(worker, first), Done)
    ended = end_of(worker, second)
    assert isinstance(ended.error, CancelledError)
    assert complete_files(tmp_path / "running") == [1001, 1002, 1003, 1004]
    assert not (tmp_path / "waiting").exists()


def test_output_on_stdout_goes_to_the_log(worker, job, log):
    """Whatever a plugin or a library writes to stdout, in Python, C or a child process."""
    noisy = """
print("by print")

@hookimpl
def stcn_process_mattes(frame, mattes):
    print("by print of", frame)
    os.write(1, b"by the file descriptor\\n")
    sys.__stdout__.write("by the first stdout\\n")
    sys.__stdout__.flush()
    os.write(1, bytes(range(256)) + b"\\n")
    subprocess.run(["echo", "by a child"])
    assert sys.stdin is None or sys.stdin.read() == ""
    assert subprocess.run(["cat"], stdout=subprocess.PIPE).stdout == b""
    libc = ctypes.CDLL(None)
    libc.puts(b"by C")
    libc.fflush(None)
"""
    assert isinstance(end_of(worker, worker.submit(job("noisy", plugin=noisy))), Done)
    for line in ("by print", "by print of 1003", "by the file descriptor", "by the first stdout", "by a child", "by C"):
        assert eventually(lambda line=line: line in log), line


@pytest.mark.parametrize(
    ("plugin", "kind", "words"),
    [
        ("sys.exit(3)", PluginError, ["SystemExit: 3"]),
        ("@hookimpl\ndef stcn_process_mattes(frame, mattes): raise SystemExit('leaving')", PluginError, ["stcn_process_mattes", "SystemExit: leaving"]),
        ("@hookimpl\ndef stcn_process_mattes(frame, mattes): raise ValueError('no grain')", PluginError, ["stcn_process_mattes", "ValueError: no grain"]),
        ("@hookimpl\ndef stcn_shot_startedd(): pass", PluginError, ["stcn_shot_startedd"]),
    ],
    ids=["exits", "exits in a hook", "raises", "misspelt"],
)  # fmt: skip
def test_a_plugin_that_fails_ends_the_job_but_not_the_worker(worker, job, plugin, kind, words):
    """The error names the plugin."""
    ended = end_of(worker, worker.submit(job("bad", plugin=plugin)))
    assert isinstance(ended, Failed)
    assert type(ended.error) is kind
    assert "bad.py" in ended.error.where
    assert [word for word in words if word not in ended.error.what] == []


def test_an_error_in_a_notified_plugin_is_a_warning(worker, job):
    """The job goes on; the report has the warning once."""
    running = worker.submit(
        job(
            "told",
            plugin="@hookimpl\ndef stcn_frame_written(frame): raise ValueError('no database')",
            settings={"weights": Setting("starter-free", "--weights")},
        )
    )
    assert "no database" in until(worker, Warned).text
    done = end_of(worker, running)
    assert len(done.report.warnings) == 1
    assert done.report.frames == (1001, 1002, 1003, 1004)


def test_it_describes_what_a_job_can_name(worker):
    """Presets, weights and devices, defaults first; what every worker offers is among them."""
    found = worker.describe()
    names = [choice.name for choice in found.presets]
    assert names[0] == "default"
    assert set(names) == {info.name for info in list_presets()}
    assert [choice.name for choice in found.weights] == [entry.name for entry in WeightsStore().entries()]
    assert [choice.name for choice in found.devices][:1] == ["auto"]
    assert "cpu" in [choice.name for choice in found.devices]
    assert all(choice.label for choices in (found.presets, found.weights, found.devices) for choice in choices)
    assert {choice.name for choice in EVERY_WORKER.presets} <= set(names)
    assert {choice.name for choice in EVERY_WORKER.weights} <= {choice.name for choice in found.weights}


def test_unusual_file_names(worker, job, folder, tmp_path):
    """Quotes, newlines and letters of any language reach the worker and come back."""
    odd = tmp_path / "h\u00e4re \u517d\U0001f407 'pl\"\\t\ne'"
    odd.mkdir()
    for number in range(2):
        (odd / f"p.{1001 + number}.png").symlink_to(folder / "source.0.png")
    request = job("odd", "1001-1002", plate=str(odd / "p.####.png"), out=str(odd / "m.####.exr"))
    done = end_of(worker, worker.submit(request))
    assert isinstance(done, Done), done.error
    assert done.report.files == (str(odd / "m.1001.exr"), str(odd / "m.1002.exr"))
    assert all(Path(file).is_file() for file in done.report.files)


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
