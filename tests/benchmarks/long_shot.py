"""A very long shot: do time and memory stay constant?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from benchmarks.cases import Case, Workshop
from benchmarks.footage import Footage
from benchmarks.machine import resident_bytes
from benchmarks.whole_job import WARM_UP, name_of, time_job

from stcn_plugin.bridge.job import Progress
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.watcher import Watcher

_MARKS = (100, 1000)
_WINDOW = 100
"""Frames per mean: a multiple of all common intervals, so that each mean has the same number of memory frames."""


@dataclass(frozen=True)
class Mark:
    """Measurements around a frame.

    Args:
        frame: Number of the frame, from 1.
        window: Number of frames that are averaged.
        seconds: Wall-clock seconds per frame.
        cpu_seconds: Processor time per frame, of all threads; depends less on other load.
        resident: Resident memory in bytes.
        device_bytes: Bytes allocated by torch on a GPU; 0 on other devices.
    """

    frame: int
    window: int
    seconds: float
    cpu_seconds: float
    resident: float
    device_bytes: float


@dataclass(frozen=True)
class LongResult:
    """The result of a long shot.

    Args:
        case: The case.
        precision: Number format.
        frames: Number of frames of the shot.
        marks: Measurements at frames 100, 1000 and the last.
        ratio: Seconds per frame at the last mark over those at the first.
        cpu_ratio: The same for processor time.
        growth: Resident memory at the last mark over that at the first, less 1.
    """

    case: Case
    precision: str
    frames: int
    marks: Sequence[Mark]
    ratio: float
    cpu_ratio: float
    growth: float


@dataclass(frozen=True)
class _Sample:
    clock: float
    cpu: float
    resident: int
    device_bytes: int


def measure_long(case: Case, footage: Footage, workshop: Workshop) -> LongResult:
    """Run a long shot once, and measure around some of its frames.

    Args:
        case: The case.
        footage: The footage, as long as the shot.
        workshop: Makes shot and engine.
    """
    shot = workshop.shot(case, footage)
    engine = workshop.engine(case)
    time_job(workshop.shot(case, footage.start(WARM_UP)), engine)
    samples = [_sample(engine.device)]

    def note(_progress: Progress) -> None:
        samples.append(_sample(engine.device))

    build(prepare(shot), lambda _: engine, watcher=Watcher(on_progress=note))
    marks = [_mark(samples, frame) for frame in _frames(footage.count)]
    first, last = marks[0], marks[-1]
    return LongResult(
        case,
        name_of(engine.precision),
        footage.count,
        marks,
        last.seconds / first.seconds,
        last.cpu_seconds / first.cpu_seconds,
        last.resident / first.resident - 1,
    )


def _frames(count: int) -> list[int]:
    """Return the frames to measure at; in a short shot, the middle and the last."""
    usual = [frame for frame in _MARKS if 2 * frame <= count]
    return [*(usual or [max(2, count // 2)]), count]


def _mark(samples: Sequence[_Sample], frame: int) -> Mark:
    """Average around a frame, or before it if it is the last."""
    count = len(samples) - 1
    window = min(_WINDOW, max(1, count // 4), frame)
    stop = min(count, frame + window // 2)
    before, after = samples[stop - window], samples[stop]
    inside = samples[stop - window + 1 : stop + 1]
    return Mark(
        frame,
        window,
        (after.clock - before.clock) / window,
        (after.cpu - before.cpu) / window,
        sum(sample.resident for sample in inside) / window,
        sum(sample.device_bytes for sample in inside) / window,
    )


def _sample(device: torch.device) -> _Sample:
    on_device = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
    return _Sample(time.perf_counter(), time.process_time(), resident_bytes(), on_device)
