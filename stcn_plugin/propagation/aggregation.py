"""Soft aggregation: from independent object probabilities to a distribution over background and objects."""

from __future__ import annotations

import torch
from torch import Tensor

from stcn_plugin.threads import one_thread

_EPSILON = 1e-7


def aggregate(probabilities: Tensor) -> Tensor:
    """Combine independent object probabilities with the background (STM, Oh et al., 2019).

    The background probability is the product of ``1 - p``; a softmax over all logits follows. This sharpens a single
    object (.6 becomes .692), so the result is what the network memorises, not what mattes are made from.

    Args:
        probabilities: ``(..., O, H, W)`` in 0-1, independent per object.

    Returns:
        ``(..., O + 1, H, W)``, background first; sums to 1 over that dimension.
    """
    logits = aggregated_logits(probabilities)
    with one_thread(logits.device):
        return logits.softmax(-3)


def aggregated_logits(probabilities: Tensor) -> Tensor:
    """Return the logits whose softmax `aggregate` returns, for losses that need logits."""
    background = (1 - probabilities).prod(-3, keepdim=True)
    return torch.cat([background, probabilities], -3).clamp(_EPSILON, 1 - _EPSILON).logit()
