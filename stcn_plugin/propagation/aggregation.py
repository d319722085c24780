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
        probabilities: ``(..., O, H, W)`` in 0-1, each object's own.

    Returns:
        ``(..., O + 1, H, W)``, background first; sums to 1 over the objects' dimension.
    """
    return aggregated_logits(probabilities).softmax(-3)


def aggregated_logits(probabilities: Tensor) -> Tensor:
    """Return what `aggregate` takes the softmax of, for losses that want logits."""
    background = (1 - probabilities).prod(-3, keepdim=True)
    return torch.cat([background, probabilities], -3).clamp(_EPSILON, 1 - _EPSILON).logit()
