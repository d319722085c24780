"""The published loop and ours in one process, alternating."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from benchmarks.cases import Case, Workshop
from benchmarks.footage import Footage
from benchmarks.published import Mode, PublishedCode, PublishedLoop, Schedule
from benchmarks.stopwatch import Stopwatch
from benchmarks.timings import Timing
from benchmarks.whole_job import WARM_UP, name_of, time_job, time_stages
from torch import Tensor

from stcn_plugin import Shot
from stcn_plugin.job.job import Job
from stcn_plugin.job.prepare import prepare
from stcn_plugin.network.devices import choose_device
from stcn_plugin.network.engine import Engine
from stcn_plugin.network.variants import PUBLISHED


@dataclass(frozen=True)
class Contest:
    """The setup of both sides: footage, device and size.

    Args:
        device: The device.
        objects: Number of objects.
        size: Value of `size`, the internal size.
    """

    device: str
    objects: int
    size: str


@dataclass(frozen=True)
class Standing:
    """The result of one side.

    Args:
        contest: The setup.
        name: Name of the side.
        frames: Number of frames of the shot.
        internal: ``(h, w)``, the internal size.
        frame: Seconds per frame.
        ratios: Published mode to the speed relative to it, from the medians.
        ratios_of_least: The same from the fastest runs.
        decoded: Decoded fraction of the image, over all objects; 1 for the published code.
    """

    contest: Contest
    name: str
    frames: int
    internal: tuple[int, int]
    frame: Timing
    ratios: Mapping[str, float]
    ratios_of_least: Mapping[str, float]
    decoded: float


@dataclass(frozen=True)
class _Clip:
    """The frames and masks of a shot in memory, for the published loop."""

    images: Tensor
    masks: Tensor

    def start(self, count: int) -> _Clip:
        return _Clip(self.images[:count], self.masks)


def compare(
    code: PublishedCode,
    cases: Mapping[Case, Footage],
    workshop: Workshop,
    *,
    modes: Sequence[Mode],
    repeat: int,
    on_run: Callable[[str], None] = lambda _: None,
) -> list[Standing]:
    """Alternate whole jobs, with files on both sides, and the published loop, without files.

    Args:
        code: The published code.
        cases: Our cases; the published code has one variant and runs for each device, number of objects and size.
        workshop: Makes shots, engines and weights.
        modes: Modes of the published code.
        repeat: Number of runs of each case.
        on_run: Called before each run, with what runs.
    """
    contests: dict[Contest, list[Case]] = {}
    for case in cases:
        contests.setdefault(Contest(case.device, case.objects, case.size), []).append(case)
    standings: list[Standing] = []
    for contest, ours in contests.items():
        footage = cases[ours[0]]
        runners = _ours(ours, footage, workshop)
        theirs, internal = _theirs(code, contest, ours[0], footage, workshop, modes)
        runners.update(theirs)
        seconds: dict[str, list[float]] = {name: [] for name in runners}
        setup = f"{contest.objects} objects, {contest.size} lines"
        for name, run in runners.items():
            on_run(f"{name}, {setup}: warm-up")
            run(WARM_UP)
        for number in range(1, repeat + 1):
            for name, run in runners.items():
                on_run(f"{name}, {setup}: run {number} of {repeat}")
                seconds[name].append(run(footage.count))
        decoded = {_name(case, workshop.engine(case)): _decoded(case, footage, workshop) for case in ours}
        timings = {name: Timing.of(runs).per(footage.count) for name, runs in seconds.items()}
        standings += [
            Standing(
                contest,
                name,
                footage.count,
                internal,
                timing,
                {other: timings[other].median / timing.median for other in theirs},
                {other: timings[other].least / timing.least for other in theirs},
                decoded.get(name, 1.0),
            )
            for name, timing in timings.items()
        ]
    return standings


def _ours(cases: Sequence[Case], footage: Footage, workshop: Workshop) -> dict[str, Callable[[int], float]]:
    """Return our runs by name, with their number of frames."""
    runners: dict[str, Callable[[int], float]] = {}
    for case in cases:
        engine = workshop.engine(case)

        def run(count: int, case: Case = case, engine: Engine = engine) -> float:
            return time_job(workshop.shot(case, footage.start(count)), engine).whole

        runners[_name(case, engine)] = run
    return runners


def _name(case: Case, engine: Engine) -> str:
    return f"ours, {case.variant} {name_of(engine.precision)}"


def _decoded(case: Case, footage: Footage, workshop: Workshop) -> float:
    """Return the decoded fraction, from a separate run without timing."""
    engine = workshop.engine(case)
    watch = Stopwatch(engine.device)
    time_stages(workshop.shot(case, footage), engine, watch)
    return watch.decoded


def _theirs(
    code: PublishedCode,
    contest: Contest,
    case: Case,
    footage: Footage,
    workshop: Workshop,
    modes: Sequence[Mode],
) -> tuple[dict[str, Callable[[int], float]], tuple[int, int]]:
    """Return the published runs by name, with their number of frames, and the internal size."""
    device = choose_device(contest.device)
    shot = workshop.shot(case, footage)
    job = prepare(shot)
    clip, schedule = _clip(job, device), _schedule(shot)
    state = workshop.state(PUBLISHED.name).state
    runners: dict[str, Callable[[int], float]] = {}
    for mode in modes:
        loop = PublishedLoop(code, state, device=device, mode=mode)

        def run(count: int, loop: PublishedLoop = loop) -> float:
            part = clip.start(count)
            return loop.run(part.images, part.masks, schedule)

        runners[f"published, {mode}"] = run
    return runners, job.size


def _clip(job: Job, device: torch.device) -> _Clip:
    """Read a whole shot at the internal size, as for our network."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (PUBLISHED.mean, PUBLISHED.std))
    frames = (job.plates.read(frame).image(window=job.window, size=job.size) for frame in job.frames)
    images = torch.stack([(torch.from_numpy(frame).permute(2, 0, 1) - mean) / std for frame in frames])
    masks = torch.stack([job.masks[0][name] for name in job.objects])
    return _Clip(images.to(device), masks.to(device))


def _schedule(shot: Shot) -> Schedule:
    memory = shot.settings.memory
    if memory.top_k is None:
        raise ValueError("the published loop always reads the top k: set memory.top_k to a number")
    return Schedule(memory.interval, memory.top_k, memory.include_last)
