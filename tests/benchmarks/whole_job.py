"""Whole jobs with files on both sides: their time, and the time of each stage."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from benchmarks.cases import Case, Workshop
from benchmarks.footage import Footage
from benchmarks.roofline import Roof, roofs
from benchmarks.stopwatch import Stopwatch, TimedEngine, watching
from benchmarks.timings import Timing

from stcn_plugin import Shot
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.network.engine import Engine

WARM_UP = 7
"""Frames of the warm-up run: enough for a memory frame after the keyframe, so that everything is compiled."""

BESIDE = ("read", "colour+resize", "finish", "write")
"""Stages that run in other threads; they cost nothing as long as they are shorter than the rest."""


_ALL = BuildOptions(rebuild=True)
"""Every run does everything, whatever the run before has left."""


@dataclass(frozen=True)
class JobResult:
    """The speed of a case.

    Args:
        case: The case.
        weights: Label of the weights.
        device: The device.
        precision: Number format.
        plate: ``(H, W)`` of the files.
        internal: ``(h, w)``, the internal size.
        frames: Number of frames of the shot.
        frame: Seconds per frame: the whole job with its checks and a loaded network, over the number of frames.
        first_matte: Seconds from the start of the job to the first matte on disk.
        stages: Stage to seconds per frame, from separate runs whose timers wait for the device.
        roofs: Multiply-adds by stage, compared with the machine.
        decoded: Decoded fraction of the image, over all objects.
    """

    case: Case
    weights: str
    device: str
    precision: str
    plate: tuple[int, int]
    internal: tuple[int, int]
    frames: int
    frame: Timing
    first_matte: Timing
    stages: Mapping[str, float]
    roofs: Sequence[Roof]
    decoded: float


@dataclass(frozen=True)
class JobTime:
    """The seconds of one whole job."""

    whole: float
    first_matte: float


def time_job(shot: Shot, engine: Engine) -> JobTime:
    """Run a job from its checks to its last file."""
    firsts: list[float] = []
    started = time.perf_counter()
    watcher = Watcher(on_frame=lambda _frame, _files: firsts.append(time.perf_counter()))
    build(prepare(shot), lambda _: engine, options=_ALL, watcher=watcher)
    return JobTime(time.perf_counter() - started, firsts[0] - started)


def measure_jobs(
    cases: Mapping[Case, Footage], workshop: Workshop, *, repeat: int, on_run: Callable[[str], None] = lambda _: None
) -> list[JobResult]:
    """Measure whole jobs alternately, so that other load affects all of them.

    Args:
        cases: The cases and their footage.
        workshop: Makes shots, engines and weights.
        repeat: Number of runs of each case.
        on_run: Called before each run, with what runs.
    """
    times: dict[Case, list[JobTime]] = {case: [] for case in cases}
    stages: dict[Case, list[Mapping[str, float]]] = {case: [] for case in cases}
    watches: dict[Case, Stopwatch] = {}
    for case, footage in cases.items():
        on_run(f"{_described(case)}: warm-up")
        shot = workshop.shot(case, footage.start(WARM_UP))
        time_job(shot, workshop.engine(case))
    for number in range(1, repeat + 1):
        for case, footage in cases.items():
            on_run(f"{_described(case)}: run {number} of {repeat}")
            shot = workshop.shot(case, footage)
            engine = workshop.engine(case)
            times[case].append(time_job(shot, engine))
            watches[case] = Stopwatch(engine.device)
            stages[case].append(time_stages(shot, engine, watches[case]))
    return [
        _result(case, footage, workshop, times[case], stages[case], watches[case]) for case, footage in cases.items()
    ]


def _described(case: Case) -> str:
    return f"{case.variant}, {case.objects} objects, {case.size} lines"


def time_stages(shot: Shot, engine: Engine, watch: Stopwatch) -> dict[str, float]:
    """Run a job again with timers, and return the seconds of its stages."""
    with watching(watch):
        timed: Any = TimedEngine(engine, watch)
        report = build(prepare(shot), lambda _: timed, options=_ALL)
    measured = report.seconds
    inside = {name: seconds for name, seconds in watch.seconds.items() if name != "read"}
    read = watch.seconds["read"]
    return {
        "read": read,
        "colour+resize": measured["read"] - read,
        **{
            name: inside.get(name, 0.0)
            for name in ("encode key", "encode value", "memory read", "memory add", "share", "decode", "aggregate")
        },
        "other": measured["network"] - sum(inside.values()),
        "finish": measured["finish"],
        "write": measured["write"],
    }


def _result(
    case: Case,
    footage: Footage,
    workshop: Workshop,
    times: Sequence[JobTime],
    stages: Sequence[Mapping[str, float]],
    watch: Stopwatch,
) -> JobResult:
    shot = workshop.shot(case, footage)
    job, engine = prepare(shot), workshop.engine(case)
    medians = {name: statistics.median(run[name] for run in stages) for name in stages[0]}
    top_k = job.settings.memory.top_k
    return JobResult(
        case=case,
        weights=workshop.named_weights(case.variant),
        device=str(engine.device),
        precision=name_of(engine.precision),
        plate=job.window.shape,
        internal=job.size,
        frames=footage.count,
        frame=Timing.of([time.whole for time in times]).per(footage.count),
        first_matte=Timing.of([time.first_matte for time in times]),
        stages={name: seconds / footage.count for name, seconds in medians.items()},
        roofs=roofs(engine, watch.work, medians, frames=footage.count, top_k=top_k),
        decoded=watch.decoded,
    )


def name_of(precision: torch.dtype) -> str:
    """Return the setting's name of a number format."""
    return str(precision).removeprefix("torch.")
