"""Reports and callbacks of a training run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Protocol


class AnyStepReport(Protocol):
    """What the reports of the steps of all networks have in common; they are dataclasses."""

    @property
    def step(self) -> int:
        """Completed steps."""

    @property
    def loss(self) -> float:
        """Training loss."""

    @property
    def seconds(self) -> float:
        """Duration of the step."""

    @property
    def data_seconds(self) -> float:
        """Part of it spent waiting for samples."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """Metrics by their name for display."""


class AnyValidationReport(Protocol):
    """What the reports of the validations of all networks have in common."""

    @property
    def step(self) -> int:
        """Completed steps."""

    @property
    def mean(self) -> float:
        """The score that counts."""

    @property
    def scores(self) -> Mapping[str, float]:
        """Its parts by name."""

    @property
    def summary(self) -> str:
        """The scores on one line."""


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

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metric by its name for display."""
        return {"IoU": self.iou}


@dataclass(frozen=True)
class ValidationReport:
    """Scores of a validation.

    Args:
        step: Completed steps.
        scores: Clip name to mean J&F, 0 to 1, without the first and the last frame.
    """

    step: int
    scores: Mapping[str, float]

    @property
    def mean(self) -> float:
        """Mean over the clips."""
        return fmean(self.scores.values())

    @property
    def summary(self) -> str:
        """The scores on one line."""
        scores = ", ".join(f"{clip} {score:.3f}" for clip, score in self.scores.items())
        return f"J&F {self.mean:.3f} ({scores})"


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
    on_step: Callable[[AnyStepReport], None] = lambda _: None
    on_validation: Callable[[AnyValidationReport], None] = lambda _: None
    on_saved: Callable[[Path], None] = lambda _: None
    is_stopped: Callable[[], bool] = lambda: False
