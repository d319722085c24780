"""Stage: frames per second, beside the published code if there is a checkout of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from benchmarks.gpu.plan import Context, Plan
from benchmarks.gpu.shots import DeviceShot, make_engine, make_shot, seconds_of, weights_of
from benchmarks.published import Mode, PublishedLoop, Schedule, load_published
from benchmarks.timings import Timing

from stcn_plugin.network.devices import release_memory
from stcn_plugin.network.variants import PUBLISHED
from stcn_plugin.propagation.propagator import PropagationSettings

_WARM_UP = 7
"""Frames of the first run: enough for a memory frame after the keyframe."""
_MODES: dict[str, Mode] = {"published code": "float32", "published code, AMP": "autocast"}

Runner = Callable[[DeviceShot], float]
"""Propagates a shot, and returns the seconds."""


def measure_speed(context: Context) -> None:
    """Run all sides in turns, for each size and number of objects."""
    plan = context.plan
    sides = {**_ours(plan), **_theirs(plan)}
    for lines, objects in itertools.product(plan.sizes, plan.objects):
        if not context.has_time:
            return
        shot = make_shot(plan.device, objects=objects, lines=lines, frames=plan.frames)
        for name, frame in _in_turns(context, sides, shot).items():
            context.add(
                {
                    "lines": lines,
                    "objects": objects,
                    "side": name,
                    "ms/frame": 1e3 * frame.median,
                    "least": 1e3 * frame.least,
                    "noise": frame.noise,
                    "runs": frame.runs,
                    "frames/s": 1 / frame.median,
                }
            )


def _in_turns(context: Context, sides: dict[str, Runner], shot: DeviceShot) -> dict[str, Timing]:
    """Return seconds per frame of the sides; fewer runs and sides where time runs out."""
    seconds: dict[str, list[float]] = {
        name: [] for name, run in sides.items() if context.has_time and _can_run(context, name, run, shot)
    }
    for _ in range(context.plan.repeat):
        for name, runs in seconds.items():
            if context.has_time:
                runs.append(sides[name](shot))
    return {name: Timing.of(runs).per(len(shot.images)) for name, runs in seconds.items() if runs}


def _can_run(context: Context, name: str, run: Runner, shot: DeviceShot) -> bool:
    """Warm up, and return whether that worked; memory may not suffice."""
    try:
        run(shot.start(_WARM_UP))
    except (RuntimeError, MemoryError) as error:
        reason = str(error).partition("\n")[0]
        context.stage.notes.append(f"{name}, {len(shot.masks)} objects, {shot.masks.shape[1]} lines: {reason}")
        release_memory()
        return False
    return True


def _ours(plan: Plan) -> dict[str, Runner]:
    sides: dict[str, Runner] = {}
    for variant, precision in itertools.product(plan.variants, ("auto", "float32")):
        runner = _OurRunner(plan, variant, precision)
        sides.setdefault(f"{variant}, {str(runner.engine.precision).removeprefix('torch.')}", runner)
    return sides


class _OurRunner:
    def __init__(self, plan: Plan, variant: str, precision: str) -> None:
        self.engine = make_engine(plan, variant, precision=precision)

    def __call__(self, shot: DeviceShot) -> float:
        return seconds_of(self.engine, shot, PropagationSettings(size=None))


def _theirs(plan: Plan) -> dict[str, Runner]:
    if plan.published is None:
        return {}
    code, state = load_published(plan.published), weights_of(plan, PUBLISHED.name).state
    return {
        name: _TheirRunner(PublishedLoop(code, state, device=plan.device, mode=mode), plan)
        for name, mode in _MODES.items()
    }


@dataclass(frozen=True)
class _TheirRunner:
    loop: PublishedLoop
    plan: Plan

    def __call__(self, shot: DeviceShot) -> float:
        settings = PropagationSettings()
        mean, std = (
            torch.tensor(values, device=self.plan.device)[:, None, None] for values in (PUBLISHED.mean, PUBLISHED.std)
        )
        images = (torch.stack(shot.images) - mean) / std
        padding = [-images.shape[axis] % 16 for axis in (3, 2)]
        pad = (0, padding[0], 0, padding[1])
        images, masks = (torch.nn.functional.pad(each, pad) for each in (images, shot.masks))
        schedule = Schedule(settings.interval, settings.top_k or 20, settings.include_last)
        return self.loop.run(images, masks, schedule)
