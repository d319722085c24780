"""Times that were measured several times, and how far they can be believed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Timing:
    """Seconds of something that was done several times.

    Args:
        median: Half the runs were faster.
        least: The fastest run: what the machine can do when nobody disturbs it.
        noise: How far the runs lie apart, (slowest - fastest) / median.
        runs: How many there were.
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
    """Wait until a device has done all that it was told; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
