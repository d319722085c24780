"""Reports of a training run of the edge network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stcn_plugin.training.edges.losses import Errors


@dataclass(frozen=True)
class EdgeStepReport:
    """Report of a training step.

    Args:
        step: Completed steps.
        loss: Training loss.
        error: Mean squared error in the band, relative to that of the coarse mattes.
        learning_rate: Learning rate.
        seconds: Duration of the step.
        data_seconds: Part of it spent waiting for samples.
    """

    step: int
    loss: float
    error: float
    learning_rate: float
    seconds: float
    data_seconds: float

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metric, with its name for display."""
        return {"error": self.error}


@dataclass(frozen=True)
class EdgeValidationReport:
    """Errors on the held-out scenes.

    Args:
        step: Completed steps.
        refined: Errors of the refined mattes in the band.
        coarse: Errors of the coarse mattes there.
    """

    step: int
    refined: Errors
    coarse: Errors

    @property
    def mean(self) -> float:
        """Mean squared error relative to that of the coarse mattes."""
        return self.refined.mse / self.coarse.mse

    @property
    def scores(self) -> Mapping[str, float]:
        """Errors relative to those of the coarse mattes, by metric."""
        return {
            "mse": self.mean,
            "sad": self.refined.sad / self.coarse.sad,
            "gradient": self.refined.gradient / self.coarse.gradient,
        }

    @property
    def summary(self) -> str:
        """The scores on one line."""
        parts = ", ".join(f"{name} {score:.3f}" for name, score in self.scores.items())
        return f"error relative to the coarse mattes: {parts}"
