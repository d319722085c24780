"""What a run tells while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stcn_plugin.training.validation import ValidationReport


@dataclass(frozen=True)
class StepReport:
    """What one step gave.

    Args:
        step: Steps done.
        loss: What was minimised.
        overlap: Mean intersection over union of the predicted masks.
        rate: Learning rate.
        seconds: Time the step took.
        waited: Of that, time without samples.
    """

    step: int
    loss: float
    overlap: float
    rate: float
    seconds: float
    waited: float


@dataclass(frozen=True)
class Watcher:
    """Whom a run tells how it is going.

    Args:
        on_start: Told the steps done before, when everything is checked and the first step is about to begin.
        on_step: Told after every step.
        on_validation: Told after every validation.
        on_saved: Told the file of every checkpoint.
        is_stopped: Asked after every step; the run then saves a checkpoint and ends.
    """

    on_start: Callable[[int], None] = lambda _: None
    on_step: Callable[[StepReport], None] = lambda _: None
    on_validation: Callable[[ValidationReport], None] = lambda _: None
    on_saved: Callable[[Path], None] = lambda _: None
    is_stopped: Callable[[], bool] = lambda: False
