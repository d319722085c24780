"""The worker's signs of life, and what it does with what it is sent."""

from __future__ import annotations

import io
import json

import pytest

from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.bridge.messages import Cancel, Describe, Quit, Run, Warned, encode
from stcn_plugin.errors import ProtocolError
from stcn_plugin.job.activities import Activity
from stcn_plugin.worker.channel import Channel, _Work

READING = Activity("reading frame 1003 of the plate", "/net/p.1003.exr")
COMPUTING = Activity("propagating frame 1003")


def pulses(work: _Work, count: int) -> list[float]:
    return [work.pulse().seconds for _ in range(count)]


def test_signs_of_life_count_how_long_nothing_has_moved():
    """Each tells for how long, and what was being done; any step sets it back."""
    work = _Work(1)
    assert pulses(work, 3) == [1.0, 2.0, 3.0]
    work.note([READING, COMPUTING])
    assert pulses(work, 3) == [0.0, 1.0, 2.0]
    work.note([READING])
    found = work.pulse()
    assert (found.seconds, found.doing, found.file) == (0.0, READING.what, READING.file)
    work.note([])  # between two pieces of work the last one is what is known
    assert work.pulse().doing == READING.what


def test_without_a_job_nothing_is_counted():
    """An idle worker has not hung."""
    assert pulses(_Work(), 5) == [0.0] * 5


def test_a_slow_file_is_warned_of_once():
    """A network takes as long as it takes; a file that takes a minute points to a disk."""
    work = _Work(7)
    work.note([COMPUTING])
    pulses(work, 100)
    assert work.slow_file() is None
    work.note([READING])
    pulses(work, 60)
    assert work.slow_file() is None
    work.pulse()
    warning = work.slow_file()
    assert isinstance(warning, Warned)
    assert warning.id == 7
    assert str(READING) in warning.text
    pulses(work, 100)
    assert work.slow_file() is None


def test_work_is_counted_while_it_lasts():
    """From the start of a job to its end, however that comes."""
    channel = Channel(io.BytesIO(), io.BytesIO())
    with pytest.raises(ValueError, match="bad"), channel.working(3):
        channel.note([READING])
        work = channel._work
        assert [pulse.seconds for pulse in (work.pulse(), work.pulse())] == [0.0, 1.0]
        raise ValueError("bad")
    assert pulses(channel._work, 2) == [0.0, 0.0]


def test_a_signal_cancels_whatever_runs_and_ends_the_process():
    """Every job counts as cancelled, who waits for a request gets the end, and the exit code tells the signal."""
    channel = Channel(io.BytesIO(), io.BytesIO())
    assert not channel.is_cancelled(1)
    channel.stop(15)
    assert channel.is_cancelled(1)
    assert isinstance(channel.next(timeout=0), Quit)
    assert (channel.exit_code, channel.stopped_by) == (143, 15)


def test_requests_are_taken_until_the_host_is_done():
    """A cancel works at once; what comes after the end is not read."""
    lines = [Run(1, JobRequest(plate="p")), Cancel(1), Describe(), Quit(), Run(2, JobRequest())]
    channel = Channel(io.BytesIO(b"".join(map(encode, lines))), io.BytesIO())
    channel.take_requests()
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
        ({"update": [2**31]}, "not a frame number"),
        ({"keyframes": [{"frame": 10**400, "file": "k"}]}, "not a frame number"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_no_system_takes_as_a_file_name_is_no_job(job, words):
    """It is refused where it arrives, before any library meets it."""
    line = json.dumps({"type": "run", "id": 1, "job": job}).encode() + b"\n"
    with pytest.raises(ProtocolError, match=words) as caught:
        Channel(io.BytesIO(line), io.BytesIO()).take_requests()
    assert len(str(caught.value)) < 200


def test_undecodable_bytes_of_a_file_name_are_a_job():
    """Latin-1 file names are read as surrogates that stand for their bytes."""
    job = JobRequest(plate="h\udce4re.####.exr")
    channel = Channel(io.BytesIO(encode(Run(1, job))), io.BytesIO())
    channel.take_requests()
    assert channel.next(timeout=0) == Run(1, job)
