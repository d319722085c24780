"""The client and what is said over the pipes: jobs, cancels, logs and rubbish; every stand-in is a real process."""

from __future__ import annotations

import sys
import threading

import pytest
from fake_workers import GOOD, JOB, end_of, is_alive, until

from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.bridge.messages import MOST_BYTES, Done, Progressed, Warned
from stcn_plugin.errors import CancelledError, PlateError, ProtocolError, WorkerError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins end by POSIX signals")


def test_jobs_follow_one_another_in_one_process(client):
    """A worker serves job after job; ids differ and the process stays the same."""
    worker = client(GOOD)
    assert worker.version is None
    first = worker.submit(JOB)
    assert isinstance(until(worker, Progressed), Progressed)
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


def test_a_cancel_that_was_answered_is_forgotten(client, monkeypatch):
    """Long after a cancelled job has ended its cancel stops nothing."""
    worker = client(
        """
hello()
asked = request()
send("warned", id=asked["id"], text="at work")
request()
failed(asked["id"], "CancelledError", "cancelled")
while request()["type"] == "describe":
    time.sleep(1.5)
    send("described", description={"presets": [{"name": "default", "label": ""}]})
""",
        cancel=0.7,
    )
    job = worker.submit(JOB)
    until(worker, Warned)
    worker.cancel(job)
    worker.cancel(job)  # the artist is impatient; it is sent once, or the next request would be read as a describe
    ended = end_of(worker, job)
    assert isinstance(ended.error, CancelledError)
    assert [choice.name for choice in worker.describe().presets] == ["default"]


def test_cancelling_what_is_no_job_does_nothing(client):
    """A cancel without a worker, or of a job that has ended, starts and sends nothing."""
    worker = client(GOOD)
    worker.cancel(1)
    assert not worker.is_running
    job = worker.submit(JOB)
    end_of(worker, job)
    worker.cancel(job)
    assert isinstance(end_of(worker, worker.submit(JOB)), Done)


@pytest.mark.parametrize(
    "rubbish",
    [
        "print('Welcome to Python!', flush=True)",
        "os.write(1, bytes(range(256)) * 20 + b'\\n')",
        "os.write(1, b'[1, 2]\\n')",
        'os.write(1, b\'{"type": "nonsense"}\\n\')',
        'os.write(1, b\'{"type": "progressed", "id": 1}\\n\')',
        "os.write(1, b'[' * 100_000 + b'\\n')",
        f"sys.stdout.write('x' * {MOST_BYTES + 1}); sys.stdout.flush()",
    ],
    ids=["words", "binary", "list", "unknown", "incomplete", "deep", "endless"],
)
def test_rubbish_on_stdout_is_told_and_ends_the_worker(client, rubbish):
    """What is no message is a clear error with the last words; nothing is believed and no process is left."""
    worker = client(f"hello(); say('I am a notebook'); request(); {rubbish}; time.sleep(600)")
    job = worker.submit(JOB)
    pid = worker.pid
    with pytest.raises(ProtocolError, match="does not speak as it should") as caught:
        end_of(worker, job)
    assert "one version of stcn_plugin" in str(caught.value)
    assert "I am a notebook" in str(caught.value)
    assert len(str(caught.value)) < 500
    assert not is_alive(pid)


def test_another_protocol_is_a_clear_error(client):
    """Host and worker of other versions say so, with both versions, and no job runs."""
    worker = client("hello(protocol=999); done(request()['id']); time.sleep(600)")
    job = worker.submit(JOB)
    with pytest.raises(ProtocolError) as caught:
        end_of(worker, job)
    assert "stcn_plugin 9.9.9 and speaks protocol 999, this host speaks 1" in str(caught.value)
    assert "stcn install" in str(caught.value)
    assert not worker.is_running


def test_a_worker_must_greet_first(client):
    """What does not say its protocol is not believed."""
    worker = client("done(request()['id']); time.sleep(600)")
    with pytest.raises(ProtocolError, match="did not say which protocol"):
        end_of(worker, worker.submit(JOB))


def test_a_flood_on_stderr_blocks_nobody(client):
    """Megabytes of log are taken, told line by line, and kept out of the error but for the end."""
    lines = []
    worker = client(
        "hello(); asked = request(); say('a' * 100_000)\n"
        "for number in range(100_000): sys.stderr.write(f'line {number} of a very chatty library\\n')\n"
        "sys.stderr.flush(); done(asked['id']); request(); sys.exit(9)",
        on_log=lines.append,
    )
    job = worker.submit(JOB)
    assert isinstance(end_of(worker, job), Done)
    worker._link.close()  # it exits at the end of its stdin
    with pytest.raises(WorkerError, match="exit code 9") as caught:
        end_of(worker, job)
    assert sum(line.startswith("line ") for line in lines) == 100_000
    assert "line 99999 of" in str(caught.value)
    assert "line 99900 of" not in str(caught.value)


def test_last_words_are_short(client):
    """A line of a megabyte does not fill the artist's screen."""
    worker = client("say('a' * 1_000_000); sys.exit(1)")
    with pytest.raises(WorkerError) as caught:
        end_of(worker, worker.submit(JOB))
    assert "aaa" in str(caught.value)
    assert len(str(caught.value)) < 4000


def test_a_log_that_cannot_be_told_is_read_all_the_same(client):
    """A host whose log fails does not stop its worker, whose stderr would fill."""

    def fail(line: str) -> None:
        raise RuntimeError(line)

    worker = client(
        "hello(); asked = request()\nfor _ in range(20_000): say('0123456789' * 5)\ndone(asked['id']); request()",
        on_log=fail,
    )
    assert isinstance(end_of(worker, worker.submit(JOB)), Done)


def test_submitting_never_waits_for_the_worker(client):
    """Twenty megabytes for a worker that never reads are submitted at once, and it can still be stopped."""
    worker = client("hello(); time.sleep(600)")
    job = JobRequest(settings=("x" * 1000,) * 20_000)
    submitting = threading.Thread(target=worker.submit, args=(job,), daemon=True)
    submitting.start()
    submitting.join(60)
    assert not submitting.is_alive()
    assert worker.receive(timeout=0.2) is None
    pid = worker.pid
    worker.stop()
    assert not is_alive(pid)


def test_a_large_message_arrives_whole(client):
    """Thirty megabytes in one message are one message."""
    worker = client("hello(); asked = request(); send('warned', id=1, text='ab' * 15_000_000); done(1); request()")
    job = worker.submit(JOB)
    assert until(worker, Warned).text == "ab" * 15_000_000
    assert isinstance(end_of(worker, job), Done)


def test_errors_of_describe_are_its_own(client):
    """A describe raises what the worker met, passes over what belongs to an older job, and gives up in time."""
    worker = client(
        "hello(); request(); failed(77, 'PlateError', 'of a job long gone'); failed(0, 'WeightsError', 'damaged')\n"
        "request(); time.sleep(600)"
    )
    with pytest.raises(Exception, match="damaged") as caught:
        worker.describe()
    assert type(caught.value).__name__ == "WeightsError"
    with pytest.raises(WorkerError, match=r"did not answer in 0\.3 s"):
        worker.describe(timeout=0.3)


def test_errors_keep_their_class_over_the_pipe(client):
    """A plate error of the worker is a plate error of the host, with all its words."""
    worker = client(
        "hello(); asked = request()\n"
        "send('failed', id=1, error={'kind': 'PlateError', 'what': 'is cut', 'where': 'p.1001.exr', 'fix': 'Copy it'})\n"
        "request()"
    )
    ended = end_of(worker, worker.submit(JOB))
    assert type(ended.error) is PlateError
    assert str(ended.error) == "p.1001.exr: is cut. Copy it."


@pytest.mark.parametrize(
    "job",
    [
        JobRequest(update=(1.5,)),
        JobRequest(plate=3),
        JobRequest(objects={"hero": 3}),
        JobRequest(plugins=(b"x",)),
        JobRequest(settings=("x" * 1000,) * (MOST_BYTES // 1000)),
    ],
    ids=["float", "number", "object", "bytes", "huge"],
)
def test_a_job_is_checked_before_it_is_sent(client, job):
    """What the worker would not understand is an error of the host, and starts nothing."""
    worker = client(GOOD)
    with pytest.raises(ProtocolError):
        worker.submit(job)
    assert worker.pid is None


def test_receiving_without_a_worker_is_an_error(client):
    """There is nothing to wait for."""
    with pytest.raises(WorkerError, match="no worker is running"):
        client(GOOD).receive()
