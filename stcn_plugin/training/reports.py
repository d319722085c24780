"""Reports and callbacks of a training run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stcn_plugin.training.validation import ValidationReport


@dataclass(frozen=True)
class StepReport:
    """Report of a training step.

    Args:
        step: Completed steps.
        loss: Training loss.
        iou: Mean intersection over union of the predicted masks.
        learning_rate: Learning rate.
        seconds: Duration of the step.
        data_seconds: Part of it spent waiting for samples.
    """

    step: int
    loss: float
    iou: float
    learning_rate: float
    seconds: float
    data_seconds: float


@dataclass(frozen=True)
class Watcher:
    """Callbacks of a training run.

    Args:
        on_start: Called before the first step, with the number of steps completed by earlier runs.
        on_step: Called after every step.
        on_validation: Called after every validation.
        on_saved: Called with the path of every checkpoint.
        is_stopped: Called after every step. If it returns true, the run saves a checkpoint and stops.
    """

    on_start: Callable[[int], None] = lambda _: None
    on_step: Callable[[StepReport], None] = lambda _: None
    on_validation: Callable[[ValidationReport], None] = lambda _: None
    on_saved: Callable[[Path], None] = lambda _: None
    is_stopped: Callable[[], bool] = lambda: False
