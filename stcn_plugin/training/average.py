"""A running average of the weights: steadier than the last step's, at no cost when they are used."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class RunningAverage:
    """Exponential moving average of a network's weights.

    Args:
        network: Whose weights; those that are not trained are taken over as they are.
        decay: How much of the average a step leaves; early on less, so that the start is soon forgotten.
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        self._network = network
        self._decay = decay
        self.state: dict[str, Tensor] = {name: t.detach().clone() for name, t in network.state_dict().items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, which are numbered from 0."""
        weight = 1 - min(self._decay, (1 + step) / (10 + step))
        for name, parameter in self._network.named_parameters():
            if parameter.requires_grad:
                self.state[name].lerp_(parameter, weight)

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from an average of before."""
        for name, tensor in state.items():
            self.state[name].copy_(tensor)
