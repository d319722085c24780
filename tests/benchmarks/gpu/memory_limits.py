"""Stage: propagation in little memory. It must finish with fewer objects at a time, or raise a clear error."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from benchmarks.gpu.plan import Context
from benchmarks.gpu.shots import DeviceShot, make_engine, make_shot, propagate

from stcn_plugin.device_failures import device_error, is_out_of_memory
from stcn_plugin.network.devices import release_memory
from stcn_plugin.network.engine import Engine
from stcn_plugin.propagation.propagator import PropagationSettings

_FRAMES = 7
"""Enough for a memory frame after the keyframe."""


def measure_limits(context: Context) -> None:
    """Propagate most objects at the largest size in less and less memory, and then without a limit again."""
    plan = context.plan
    shot = make_shot(plan.device, objects=max(plan.objects), lines=max(plan.sizes), frames=_FRAMES)
    if plan.device.type != "cuda":
        context.stage.notes.append("the memory of this device cannot be limited")
    for variant in plan.variants:
        engine = make_engine(plan, variant)
        for limit in (*plan.memory_mib, None):
            if not context.has_time:
                return
            with limited(engine, limit), _reductions() as messages:
                outcome = _outcome(engine, shot)
            context.add(
                {
                    "variant": variant,
                    "limit MiB": limit,
                    "outcome": outcome,
                    "reductions": "; ".join(messages) or None,
                }
            )


def _outcome(engine: Engine, shot: DeviceShot) -> str:
    try:
        propagate(engine, shot, PropagationSettings(size=None, region=False))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            return f"an error that is not recognised: {type(error).__name__}: {error}"
        return f"error: {device_error(error)}"
    return "finished"


@contextmanager
def limited(engine: Engine, mib: int | None) -> Iterator[None]:
    """Limit the memory that this process may take on a GPU, beyond what it has now, in MiB."""
    if engine.device.type != "cuda" or mib is None:
        yield
        return
    release_memory()
    total = torch.cuda.get_device_properties(engine.device).total_memory
    allowed = torch.cuda.memory_reserved(engine.device) + (mib << 20)
    torch.cuda.set_per_process_memory_fraction(min(allowed / total, 1.0), engine.device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, engine.device)
        release_memory()


@contextmanager
def _reductions() -> Iterator[list[str]]:
    """Collect the messages of engines that reduce the number of objects computed together."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    logger, collector = logging.getLogger("stcn_plugin.network.engine"), Collector()
    level = logger.level
    logger.addHandler(collector)
    logger.setLevel(logging.INFO)
    try:
        yield messages
    finally:
        logger.removeHandler(collector)
        logger.setLevel(level)
