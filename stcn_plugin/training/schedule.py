"""What changes in the course of a run, each as a function of the step."""

from __future__ import annotations

from collections.abc import Sequence

from stcn_plugin.training.config import Optimiser, Steps


def staged(stages: Sequence[int], step: int, total: int) -> int:
    """Return the value of the stage that a step lies in; stages are equally long."""
    return stages[min(step * len(stages) // total, len(stages) - 1)]


def learning_rate(optimiser: Optimiser, step: int, total: int) -> float:
    """Return the learning rate: it rises over the warm-up, stays, and falls linearly to zero."""
    rising = min(1.0, (step + 1) / max(optimiser.warm_up, 1))
    start = optimiser.decay_from * total
    falling = min(1.0, (total - step) / max(total - start, 1))
    return optimiser.rate * rising * falling


def hardest_fraction(steps: Steps, step: int) -> float:
    """Return the share of the pixels that count: all at first, then linearly fewer."""
    first, last = steps.hardest
    start = steps.hardest_from * steps.total
    way = min(max((step - start) / max(steps.total - start, 1), 0.0), 1.0)
    return first + (last - first) * way
