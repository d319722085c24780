"""A running average of the weights: steadier than the last step's, at no cost when they are used."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def running_average(network: nn.Module, *, decay: float) -> AveragedModel:
    """Return a copy of a network that follows its weights with `AveragedModel.update_parameters`.

    Args:
        network: Whose weights.
        decay: How much of the average a step leaves; early on less, so that the start is soon forgotten.
    """

    def follow(average: Tensor, current: Tensor, taken: Tensor | int) -> Tensor:
        count = int(taken)
        return torch.lerp(average, current, 1 - min(decay, (1 + count) / (10 + count)))

    return AveragedModel(network, avg_fn=follow)
