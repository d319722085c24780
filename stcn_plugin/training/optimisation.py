"""AdamW's parameter groups, the schedules of learning rate and bootstrapping, and the EMA of the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from stcn_plugin.training.config import BaseOptimiser, Optimiser, Steps

_KEY_ENCODER = "key_encoder."


def parameter_groups(network: nn.Module, optimiser: Optimiser) -> list[dict[str, Any]]:
    """Return the trainable parameters in groups; ``lr_scale`` is a group's factor of the learning rate."""
    trainable = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    encoder = [parameter for name, parameter in trainable if name.startswith(_KEY_ENCODER)]
    others = [parameter for name, parameter in trainable if not name.startswith(_KEY_ENCODER)]
    groups = [
        {"params": others, "lr_scale": 1.0},
        {"params": encoder, "lr_scale": optimiser.key_encoder_lr_scale},
    ]
    return [group for group in groups if group["params"]]


def stage_value(stages: Sequence[int], step: int, total: int) -> int:
    """Return the value of the stage that a step is in. All stages have the same length."""
    return stages[min(step * len(stages) // total, len(stages) - 1)]


def learning_rate(optimiser: BaseOptimiser, step: int, total: int) -> float:
    """Return the learning rate of a step: linear warm-up, constant, linear decay to zero."""
    warm_up = min(1.0, (step + 1) / max(optimiser.warmup_steps, 1))
    start = optimiser.lr_decay_from * total
    decay = min(1.0, (total - step) / max(total - start, 1))
    return optimiser.learning_rate * warm_up * decay


def bootstrap_fraction(steps: Steps, step: int, total: int) -> float:
    """Return the fraction of pixels that the cross-entropy of a step averages: constant, then linear to the end."""
    first, last = steps.bootstrap_fraction
    start = steps.bootstrap_from * total
    progress = min(max((step - start) / max(total - start, 1), 0.0), 1.0)
    return first + (last - first) * progress


def ema_model(network: nn.Module, *, decay: float) -> AveragedModel:
    """Return an exponential moving average of a network, updated by `AveragedModel.update_parameters`.

    Args:
        network: The network.
        decay: Fraction of the average that an update keeps. Early updates keep less: ``(1 + n) / (10 + n)``.
    """

    def average(ema: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
        count = int(updates)
        return torch.lerp(ema, current, 1 - min(decay, (1 + count) / (10 + count)))

    return AveragedModel(network, avg_fn=average)
