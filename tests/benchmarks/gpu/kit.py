"""Runs the stages in order, each in its part of the time; training gets all that is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from benchmarks.gpu.budget import Budget, Clock
from benchmarks.gpu.golden_outputs import compare_golden_outputs
from benchmarks.gpu.graphs import measure_graphs
from benchmarks.gpu.memory_limits import measure_limits
from benchmarks.gpu.plan import Context, Plan, Stage
from benchmarks.gpu.results import Results, StageResult
from benchmarks.gpu.speed import measure_speed
from benchmarks.gpu.training import train
from benchmarks.machine import load, machine

from stcn_plugin.network.devices import release_memory

STAGES: dict[str, tuple[float, Stage]] = {
    "golden outputs": (0.12, compare_golden_outputs),
    "speed": (0.25, measure_speed),
    "CUDA graphs": (0.08, measure_graphs),
    "memory limits": (0.05, measure_limits),
    "training": (1.0, train),
}
"""Name to the largest part of the time that a stage may take, and the stage."""


def run(
    plan: Plan,
    *,
    stages: Collection[str] = tuple(STAGES),
    clock: Clock = time.monotonic,
    on_stage: Callable[[StageResult], None] = lambda _: None,
) -> Results:
    """Run stages.

    Args:
        plan: What to measure and train.
        stages: Names of the stages to run; their order is always the same.
        clock: The clock of the budget.
        on_stage: Called after every stage.
    """
    total = 60 * plan.minutes
    budget = Budget.of(clock, total)
    results = Results(plan.out, machine(load()), clock)
    for name, (part, stage) in STAGES.items():
        if name not in stages:
            continue
        with results.stage(name) as result:
            stage(Context(plan, budget.part(part * total), result, results))
        on_stage(result)
        release_memory()
    return results
