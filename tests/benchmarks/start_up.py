"""The time from a request to the first matte, with a new and with a warm worker."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from benchmarks.cases import Case, Workshop
from benchmarks.footage import Footage
from benchmarks.timings import Timing

from stcn_plugin.bridge.client import WorkerClient
from stcn_plugin.bridge.job import JobRequest, KeyframeFile, parse_settings
from stcn_plugin.bridge.launch import WorkerLaunch
from stcn_plugin.bridge.messages import Done, Failed, Written


@dataclass(frozen=True)
class StartResult:
    """The time to the first matte.

    Args:
        case: The case.
        first: Seconds with the very first worker, which may have to compile Python files.
        cold: Seconds with a new worker.
        warm: Seconds with a worker that has run a job before.
    """

    case: Case
    first: float
    cold: Timing
    warm: Timing


def measure_start(case: Case, footage: Footage, workshop: Workshop, *, repeat: int) -> StartResult:
    """Start workers and run two jobs in each.

    Args:
        case: The case.
        footage: The footage; a few frames are enough.
        workshop: Makes the shot.
        repeat: Number of workers after the first.
    """
    shot = workshop.shot(case, footage)
    request = JobRequest(
        plate=shot.plate,
        keyframes=tuple(KeyframeFile(one.frame, str(one.file), one.objects) for one in shot.keyframes),
        out=shot.out,
        range=shot.range,
        settings=parse_settings(workshop.settings_of(case), "benchmark"),
    )
    runs = [_one_worker(request) for _ in range(repeat + 1)]
    cold, warm = zip(*runs[1:], strict=True)
    return StartResult(case, runs[0][0], Timing.of(cold), Timing.of(warm))


def _one_worker(request: JobRequest) -> tuple[float, float]:
    """Return the seconds to the first matte of the first and the second job of a new worker."""
    with WorkerClient(WorkerLaunch(sys.executable)) as worker:
        return _first_matte(worker, request), _first_matte(worker, request)


def _first_matte(worker: WorkerClient, request: JobRequest) -> float:
    started, seconds = time.perf_counter(), None
    worker.submit(request)
    while not isinstance(message := worker.receive(timeout=1), Done):
        if isinstance(message, Failed):
            raise message.error
        if isinstance(message, Written) and seconds is None:
            seconds = time.perf_counter() - started
    assert seconds is not None
    return seconds
