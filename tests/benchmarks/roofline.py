"""The multiply-adds of each stage, compared with the rate of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from benchmarks.machine import matmul_peak
from benchmarks.random_weights import blank_network
from benchmarks.stopwatch import Work
from torch.utils.flop_counter import FlopCounterMode

from stcn_plugin.network.variants import KEY_CHANNELS, STRIDE, Variant

STAGES = ("encode key", "encode value", "memory read", "share", "decode")


@dataclass(frozen=True)
class Roof:
    """A stage compared with the machine.

    Args:
        stage: Name of the stage.
        multiply_adds: Mean number per frame.
        calls: Mean number per frame.
        rate: Multiply-adds per second.
        precision: Number format of the computation.
        peak: Multiply-adds per second of a large matrix product in that format.
        fraction: Rate over peak.
    """

    stage: str
    multiply_adds: float
    calls: float
    rate: float
    precision: str
    peak: float
    fraction: float


def roofs(
    engine: Any, work: Mapping[Work, int], seconds: Mapping[str, float], *, frames: int, top_k: int | None
) -> list[Roof]:
    """Compare the work of every stage with its time.

    Args:
        engine: The engine, for its variant, device and precision.
        work: Calls of one run.
        seconds: Stage to its seconds in that run.
        frames: Number of frames of the shot.
        top_k: Memory elements per query.
    """
    found = []
    for stage in STAGES:
        calls = {each: count for each, count in work.items() if each.stage == stage}
        precision = torch.float32 if stage == "memory read" else engine.precision
        total = sum(count * multiply_adds(engine.variant, each, top_k) for each, count in calls.items())
        peak = _peak(engine.device, precision)
        rate = total / seconds[stage] if seconds[stage] else 0.0
        name = str(precision).removeprefix("torch.")
        found.append(Roof(stage, total / frames, sum(calls.values()) / frames, rate, name, peak, rate / peak))
    return found


@cache
def multiply_adds(variant: Variant, work: Work, top_k: int | None) -> int:
    """Return the multiply-adds of one call, counted from shapes without computing."""
    if work.stage == "memory read":
        queries, counted = work.height * work.width, work.elements if top_k is None else min(top_k, work.elements)
        compared = queries * work.elements * KEY_CHANNELS
        return compared + queries * counted * work.objects * variant.memory_value_channels
    network = blank_network(variant)
    height, width = STRIDE * work.height, STRIDE * work.width
    image = torch.empty(1, 3, height, width, device="meta")
    with FlopCounterMode(display=False) as encoding:
        features = network.encode_key(image)
    if work.stage == "encode key":
        return int(encoding.get_total_flops()) // 2
    with FlopCounterMode(display=False) as sharing:
        context = network.decoder_context(features.f16, features.f8, features.f4)
    if work.stage == "share":
        return int(sharing.get_total_flops()) // 2
    with FlopCounterMode(display=False) as counter:
        if work.stage == "encode value":
            network.encode_value(image, features, torch.empty(work.objects, height, width, device="meta"))
        else:
            channels = variant.memory_value_channels
            network.decode(torch.empty(work.objects, channels, work.height, work.width, device="meta"), context)
    return int(counter.get_total_flops()) // 2


@cache
def _peak(device: torch.device, precision: torch.dtype) -> float:
    return matmul_peak(device, precision)
