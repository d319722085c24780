"""The real worker as a process: jobs, one after another, and what reaches their ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from fake_workers import end_of, is_alive, receive_until, until
from real_jobs import FRAMES, SLOW, complete_files
from waiting import eventually

from stcn_plugin import __version__
from stcn_plugin.bridge import EVERY_WORKER, Setting, WorkerClient, WorkerLaunch
from stcn_plugin.bridge.messages import Done, Failed, Prepared, Progressed, Warned, Written
from stcn_plugin.bridge.report import Report
from stcn_plugin.errors import CancelledError, PlateError, PluginError
from stcn_plugin.media.images import read_image
from stcn_plugin.presets.library import list_presets
from stcn_plugin.shot.file import make_shot
from stcn_plugin.weights.store import WeightsStore
from stcn_plugin.worker.engines import Engines

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="processes are ended by POSIX signals"),
]


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
    assert [m.progress.done for m in messages if isinstance(m, Progressed)] == [1, 2, 3, 4]
    assert [m.progress.total for m in messages if isinstance(m, Progressed)] == [4] * 4
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
