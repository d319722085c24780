"""Repeated measurements of a time, and their noise."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Timing:
    """Seconds of repeated runs.

    Args:
        median: Median of the runs.
        least: The fastest run, which other load affected least.
        noise: Spread of the runs, (slowest - fastest) / median.
        runs: Number of runs.
    """

    median: float
    least: float
    noise: float
    runs: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        median = statistics.median(seconds)
        return cls(median, min(seconds), (max(seconds) - min(seconds)) / median if median else 0.0, len(seconds))

    def per(self, count: int) -> Timing:
        """Return the time of one of ``count`` equal parts."""
        return Timing(self.median / count, self.least / count, self.noise, self.runs)


def synchronise(device: torch.device) -> None:
    """Wait until a device has finished its work; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
