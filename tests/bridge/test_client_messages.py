"""The client's messages: jobs, cancels, logs and invalid output; every stand-in is a real process."""

from __future__ import annotations

import itertools
import sys
import threading
from types import SimpleNamespace

import pytest
from fake_workers import GOOD, JOB, end_of, is_alive, until

from stcn_plugin.bridge import client as client_module
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.bridge.messages import MAX_MESSAGE_BYTES, PROTOCOL, Done, Progressed, Warned
from stcn_plugin.errors import CancelledError, PlateError, ProtocolError, WeightsError, WorkerError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins end by POSIX signals")


def test_jobs_follow_one_another_in_one_process(client):
    """A worker runs several jobs, each with its own id."""
    worker = client(GOOD)
    assert worker.version is None
    first = worker.submit(JOB)
    until(worker, Progressed)
    assert end_of(worker, first).report.objects == ("hero",)
    pid = worker.pid
    second = worker.submit(JOB)
    assert second != first
    assert isinstance(end_of(worker, second), Done)
    assert worker.pid == pid
    assert worker.version == "9.9.9"
    worker.stop()
    assert worker.pid is None
    assert not is_alive(pid)


def test_a_cancel_ends_with_its_job(client, monkeypatch):
    """The time limit of a cancel does not apply after the job has ended."""
    worker = client(
        """
hello()
asked = request()
send("warned", id=asked["id"], text="at work")
request()
failed(asked["id"], "CancelledError", "cancelled")
while request()["type"] == "describe":
    time.sleep(0.5)
    send("described", description={"presets": [{"name": "default", "label": ""}]})
""",
        silence=1e9,
    )
    job = worker.submit(JOB)
    until(worker, Warned)
    worker.cancel(job)
    worker.cancel(job)  # is sent only once, or the script would read it as the next request
    ended = end_of(worker, job)
    assert isinstance(ended.error, CancelledError)
    seconds = itertools.count()
    monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))
    assert [choice.name for choice in worker.describe().presets] == ["default"]


def test_cancelling_without_a_running_job_does_nothing(client):
    """A cancel without a worker, or of a job that has ended, is ignored."""
    worker = client(GOOD)
    worker.cancel(1)
    assert not worker.is_running
    job = worker.submit(JOB)
    end_of(worker, job)
    worker.cancel(job)
    assert isinstance(end_of(worker, worker.submit(JOB)), Done)


@pytest.mark.parametrize(
    "output",
    [
        "print('Welcome to Python!', flush=True)",
        "os.write(1, bytes(range(256)) * 20 + b'\\n')",
        "os.write(1, b'[1, 2]\\n')",
        'os.write(1, b\'{"type": "nonsense"}\\n\')',
        'os.write(1, b\'{"type": "progressed", "id": 1}\\n\')',
        "os.write(1, b'[' * 100_000 + b'\\n')",
        f"sys.stdout.write('x' * {MAX_MESSAGE_BYTES + 1}); sys.stdout.flush()",
    ],
    ids=["words", "binary", "list", "unknown", "incomplete", "deep", "endless"],
)
def test_invalid_output_ends_the_worker(client, output):
    """The error has the end of the log, and no process is left."""
    worker = client(f"hello(); say('I am a notebook'); request(); {output}; time.sleep(600)")
    job = worker.submit(JOB)
    pid = worker.pid
    with pytest.raises(ProtocolError) as caught:
        end_of(worker, job)
    assert "I am a notebook" in caught.value.fix
    assert len(str(caught.value)) < 500
    assert not is_alive(pid)


def test_a_worker_with_another_protocol_is_stopped(client):
    """The error has the versions of both, and no job runs."""
    worker = client("hello(protocol=999); done(request()['id']); time.sleep(600)")
    job = worker.submit(JOB)
    with pytest.raises(ProtocolError) as caught:
        end_of(worker, job)
    for fact in ("9.9.9", "protocol 999", f"this host uses {PROTOCOL}"):
        assert fact in caught.value.what
    assert "stcn install" in caught.value.fix
    assert not worker.is_running


def test_a_worker_has_to_name_its_protocol_first(client):
    """Otherwise it is stopped."""
    worker = client("done(request()['id']); time.sleep(600)")
    with pytest.raises(ProtocolError) as caught:
        end_of(worker, worker.submit(JOB))
    assert caught.value.where == sys.executable


def test_a_long_log_does_not_block_the_worker(client):
    """Megabytes of log are passed on line by line; an error has only the last lines."""
    lines = []
    worker = client(
        "hello(); asked = request(); say('a' * 100_000)\n"
        "for number in range(100_000): sys.stderr.write(f'line {number} of a very chatty library\\n')\n"
        "sys.stderr.flush(); done(asked['id']); request(); sys.exit(9)",
        on_log=lines.append,
    )
    job = worker.submit(JOB)
    assert isinstance(end_of(worker, job), Done)
    worker._connection.close()  # it exits at the end of its stdin
    with pytest.raises(WorkerError, match="code 9") as caught:
        end_of(worker, job)
    assert sum(line.startswith("line ") for line in lines) == 100_000
    assert "line 99999 of" in caught.value.fix
    assert "line 99900 of" not in caught.value.fix


def test_long_lines_of_the_log_are_cut_in_errors(client):
    """A line of a megabyte does not fill the artist's screen."""
    worker = client("say('a' * 1_000_000); sys.exit(1)")
    with pytest.raises(WorkerError) as caught:
        end_of(worker, worker.submit(JOB))
    assert "aaa" in str(caught.value)
    assert len(str(caught.value)) < 4000


def test_the_log_is_read_even_if_the_host_fails_to_show_it(client):
    """Otherwise the worker would block on its stderr."""

    def fail(line: str) -> None:
        raise RuntimeError(line)

    worker = client(
        "hello(); asked = request()\nfor _ in range(20_000): say('0123456789' * 5)\ndone(asked['id']); request()",
        on_log=fail,
    )
    assert isinstance(end_of(worker, worker.submit(JOB)), Done)


def test_submitting_does_not_block(client):
    """Twenty megabytes are submitted to a worker that never reads, and it can still be stopped."""
    worker = client("hello(); time.sleep(600)")
    job = JobRequest(plugins=("x" * 1000,) * 20_000)
    submitting = threading.Thread(target=worker.submit, args=(job,), daemon=True)
    submitting.start()
    submitting.join(60)
    assert not submitting.is_alive()
    assert worker.receive(timeout=0.2) is None
    pid = worker.pid
    worker.stop()
    assert not is_alive(pid)


def test_a_large_message_is_received(client):
    """Thirty megabytes in one message."""
    worker = client("hello(); asked = request(); send('warned', id=1, text='ab' * 15_000_000); done(1); request()")
    job = worker.submit(JOB)
    assert until(worker, Warned).text == "ab" * 15_000_000
    assert isinstance(end_of(worker, job), Done)


def test_describe_raises_the_workers_error(client):
    """It ignores messages of an older job, and has a timeout."""
    worker = client(
        "hello(); request(); failed(77, 'PlateError', 'of a job long gone'); failed(0, 'WeightsError', 'damaged')\n"
        "request(); time.sleep(600)"
    )
    with pytest.raises(WeightsError, match="damaged"):
        worker.describe()
    with pytest.raises(WorkerError, match=r"0\.3 s"):
        worker.describe(timeout=0.3)


def test_errors_keep_their_class_and_text(client):
    """A `PlateError` of the worker is a `PlateError` in the host."""
    worker = client(
        "hello(); asked = request()\n"
        "send('failed', id=1, error={'kind': 'PlateError', 'what': 'is cut', 'where': 'p.1001.exr', 'fix': 'Copy it'})\n"
        "request()"
    )
    ended = end_of(worker, worker.submit(JOB))
    assert type(ended.error) is PlateError
    assert (ended.error.what, ended.error.where, ended.error.fix) == ("is cut", "p.1001.exr", "Copy it")


@pytest.mark.parametrize(
    "job",
    [
        JobRequest(build=BuildOptions(segments=(1.5,))),
        JobRequest(plate=3),
        JobRequest(objects={"hero": 3}),
        JobRequest(plugins=(b"x",)),
        JobRequest(plugins=("x" * 1000,) * (MAX_MESSAGE_BYTES // 1000)),
    ],
    ids=["float", "number", "object", "bytes", "huge"],
)
def test_a_job_is_validated_before_it_is_sent(client, job):
    """A value of the wrong type is an error in the host, and no worker is started."""
    worker = client(GOOD)
    with pytest.raises(ProtocolError):
        worker.submit(job)
    assert worker.pid is None


def test_receiving_without_a_worker_is_an_error(client):
    """There is nothing to wait for."""
    with pytest.raises(WorkerError):
        client(GOOD).receive()
