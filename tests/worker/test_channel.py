"""The worker's heartbeats, and its handling of requests."""

from __future__ import annotations

import io
import json

import pytest

from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.bridge.messages import Cancel, Describe, Quit, Run, Warned, encode
from stcn_plugin.errors import ProtocolError
from stcn_plugin.job.activities import Activity
from stcn_plugin.worker.channel import Channel, _CurrentJob

READING = Activity("reading frame 1003 of the plate", "/net/p.1003.exr")
COMPUTING = Activity("propagating frame 1003")


def stalls(job: _CurrentJob, count: int) -> list[float]:
    return [job.heartbeat().seconds for _ in range(count)]


def test_heartbeats_count_the_seconds_without_progress():
    """They name the activity; any progress resets them."""
    job = _CurrentJob(1)
    assert stalls(job, 3) == [1.0, 2.0, 3.0]
    job.record([READING, COMPUTING])
    assert stalls(job, 3) == [0.0, 1.0, 2.0]
    job.record([READING])
    found = job.heartbeat()
    assert (found.seconds, found.doing, found.file) == (0.0, READING.what, READING.file)
    job.record([])  # between two activities, the last one is reported
    assert job.heartbeat().doing == READING.what


def test_an_idle_worker_is_not_stalled():
    """Without a job nothing is counted."""
    assert stalls(_CurrentJob(), 5) == [0.0] * 5


def test_a_slow_file_gives_one_warning():
    """A network may take long, but a file that takes a minute indicates a problem of the disk."""
    job = _CurrentJob(7)
    job.record([COMPUTING])
    stalls(job, 100)
    assert job.slow_file_warning() is None
    job.record([READING])
    stalls(job, 60)
    assert job.slow_file_warning() is None
    job.heartbeat()
    warning = job.slow_file_warning()
    assert isinstance(warning, Warned)
    assert warning.id == 7
    assert str(READING) in warning.text
    stalls(job, 100)
    assert job.slow_file_warning() is None


def test_progress_is_counted_from_the_start_of_a_job_to_its_end():
    """However it ends."""
    channel = Channel(io.BytesIO(), io.BytesIO())
    with pytest.raises(ValueError, match="bad"), channel.working(3):
        channel.record([READING])
        job = channel._current
        assert [each.seconds for each in (job.heartbeat(), job.heartbeat())] == [0.0, 1.0]
        raise ValueError("bad")
    assert stalls(channel._current, 2) == [0.0, 0.0]


def test_a_signal_cancels_jobs_and_ends_the_process():
    """Every job counts as cancelled, a waiting caller gets `Quit`, and the exit code has the signal."""
    channel = Channel(io.BytesIO(), io.BytesIO())
    assert not channel.is_cancelled(1)
    channel.stop(15)
    assert channel.is_cancelled(1)
    assert isinstance(channel.next(timeout=0), Quit)
    assert (channel.exit_code, channel.stopped_by) == (143, 15)


def test_requests_are_read_until_the_host_quits():
    """Cancels take effect immediately; requests after `Quit` are not read."""
    lines = [Run(1, JobRequest(plate="p")), Cancel(1), Describe(), Quit(), Run(2, JobRequest())]
    channel = Channel(io.BytesIO(b"".join(map(encode, lines))), io.BytesIO())
    channel.read_requests()
    assert channel.is_cancelled(1)
    assert [channel.next(timeout=0), channel.next(timeout=0), channel.next(timeout=0)] == [lines[0], Describe(), None]


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ({"plate": "a\0b"}, "has a NUL"),
        ({"settings": {"size": {"value": "\0", "origin": "--set", "is_yaml": True}}}, "has a NUL"),
        ({"objects": {"\0": "1-2"}}, "has a NUL"),
        ({"keyframes": [{"frame": 1, "file": "k\0"}]}, "has a NUL"),
        ({"plate": "\ud800.####.exr"}, "half a character"),
        ({"save_as": "\udc00"}, "half a character"),
        (
            {"build": {"segments": [2**31], "rebuild": False, "verify": False, "is_dry_run": False}},
            "not a frame number",
        ),
        ({"keyframes": [{"frame": 10**400, "file": "k"}]}, "not a frame number"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_jobs_with_impossible_file_names_are_refused(job, words):
    """When they arrive, before any library gets them."""
    line = json.dumps({"type": "run", "id": 1, "job": job}).encode() + b"\n"
    with pytest.raises(ProtocolError, match=words) as caught:
        Channel(io.BytesIO(line), io.BytesIO()).read_requests()
    assert len(str(caught.value)) < 200


def test_undecodable_bytes_in_file_names_are_accepted():
    """They are surrogates that represent the bytes."""
    job = JobRequest(plate="h\udce4re.####.exr")
    channel = Channel(io.BytesIO(encode(Run(1, job))), io.BytesIO())
    channel.read_requests()
    assert channel.next(timeout=0) == Run(1, job)
