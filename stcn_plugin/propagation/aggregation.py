"""Soft aggregation: what each object says of itself becomes one distribution over background and objects."""

from __future__ import annotations

import torch
from torch import Tensor

_EPSILON = 1e-7


def aggregate(probabilities: Tensor) -> Tensor:
    """Set the objects' own probabilities against each other and the background (STM, Oh et al., 2019).

    The background's probability is that no object is there; the softmax of all logits follows. It sharpens a
    single object (.6 becomes .692), so it is what the network remembers, not what a matte is made of.

    Args:
        probabilities: ``(O, H, W)`` in 0-1, each object's own.

    Returns:
        ``(O + 1, H, W)``, background first; sums to 1 over the first dimension.
    """
    background = (1 - probabilities).prod(0, keepdim=True)
    every = torch.cat([background, probabilities]).clamp(_EPSILON, 1 - _EPSILON)
    return every.logit().softmax(0)
