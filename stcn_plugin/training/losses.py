"""What training makes smaller: bootstrapped cross-entropy and a soft overlap loss.

Legend: ``B`` clips, ``T`` predicted frames, ``S`` object slots, ``H, W`` input size.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def hardest_cross_entropy(logits: Tensor, truth: Tensor, *, fraction: float) -> Tensor:
    """Cross-entropy over the hardest pixels of every frame.

    Args:
        logits: ``(B, T, S + 1, H, W)``, background first.
        truth: ``(B, T, S + 1, H, W)``, shares that add up to 1; soft edges count as what they are.
        fraction: Of the pixels that count, above 0, at most 1.

    Returns:
        A scalar.
    """
    pixels = functional.cross_entropy(logits.flatten(0, 1), truth.flatten(0, 1), reduction="none").flatten(1)
    if fraction >= 1:
        return pixels.mean()
    count = max(1, int(fraction * pixels.shape[1]))
    return pixels.topk(count, dim=1, sorted=False).values.mean()


def overlap_loss(logits: Tensor, truth: Tensor, present: Tensor, *, objects: float) -> Tensor:
    """One minus the soft Dice overlap, averaged over objects and frames.

    Args:
        logits: ``(B, T, S + 1, H, W)``, background first.
        truth: ``(B, T, S + 1, H, W)``.
        present: ``(B, S)`` bool, slots that count.
        objects: How many to average over: as many as are present, or where several processes share a step, as many as
            each of them has in the mean, so that every object counts alike whichever process has it.

    Returns:
        A scalar.
    """
    ours, theirs = logits.softmax(2)[:, :, 1:], truth[:, :, 1:]
    both = (ours * theirs).sum((-2, -1))
    all_of_each = ours.sum((-2, -1)) + theirs.sum((-2, -1))
    dice = (2 * both + 1) / (all_of_each + 1)
    weights = present[:, None].expand_as(dice).to(dice.dtype)
    return ((1 - dice) * weights).sum() / (objects * dice.shape[1])


@torch.no_grad()
def mean_overlap(logits: Tensor, truth: Tensor, present: Tensor, *, objects: float) -> Tensor:
    """Intersection over union of the masks cut at a half, averaged over as many objects, and over frames; a scalar."""
    ours, theirs = logits.softmax(2)[:, :, 1:] > 0.5, truth[:, :, 1:] > 0.5
    both, either = (ours & theirs).sum((-2, -1)), (ours | theirs).sum((-2, -1))
    overlaps = torch.where(either > 0, both / either.clamp_min(1), 1.0)
    return (overlaps * present[:, None]).sum() / (objects * overlaps.shape[1])


def with_background(masks: Tensor) -> Tensor:
    """Put what no object covers before the objects: ``(B, T, S, H, W)`` to ``(B, T, S + 1, H, W)``, adding up to 1."""
    background = (1 - masks.sum(2, keepdim=True)).clamp_min(0)
    every = torch.cat([background, masks], 2)
    return every / every.sum(2, keepdim=True)
