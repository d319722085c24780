"""Losses and metric: bootstrapped cross-entropy, soft Dice loss and IoU.

Legend: ``B`` clips, ``T`` predicted frames, ``S`` object slots, ``H, W`` input size. Tensors ``(B, T, S + 1, H, W)``
have the background first.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def bootstrapped_cross_entropy(logits: Tensor, target: Tensor, *, fraction: float) -> Tensor:
    """Cross-entropy, averaged over the pixels of each frame that have the highest loss.

    Args:
        logits: ``(B, T, S + 1, H, W)``.
        target: ``(B, T, S + 1, H, W)`` probabilities that sum to 1 over the slots; edges may be soft.
        fraction: Fraction of the pixels to average, in (0, 1].

    Returns:
        A scalar.
    """
    pixels = functional.cross_entropy(logits.flatten(0, 1), target.flatten(0, 1), reduction="none").flatten(1)
    if fraction >= 1:
        return pixels.mean()
    count = max(1, int(fraction * pixels.shape[1]))
    return pixels.topk(count, dim=1, sorted=False).values.mean()


def dice_loss(logits: Tensor, target: Tensor, present: Tensor, *, objects: float) -> Tensor:
    """One minus the soft Dice coefficient, averaged over objects and frames.

    Args:
        logits: ``(B, T, S + 1, H, W)``.
        target: ``(B, T, S + 1, H, W)``.
        present: ``(B, S)`` bool, slots that hold an object.
        objects: Divisor of the average: the number of present objects, or its mean over the processes of a
            distributed run, so that every object has the same weight.

    Returns:
        A scalar.
    """
    predicted, true = logits.softmax(2)[:, :, 1:], target[:, :, 1:]
    intersection = (predicted * true).sum((-2, -1))
    total = predicted.sum((-2, -1)) + true.sum((-2, -1))
    dice = (2 * intersection + 1) / (total + 1)
    weights = present[:, None].expand_as(dice).to(dice.dtype)
    return ((1 - dice) * weights).sum() / (objects * dice.shape[1])


@torch.no_grad()
def mean_iou(logits: Tensor, target: Tensor, present: Tensor, *, objects: float) -> Tensor:
    """Intersection over union of the masks at threshold 0.5, averaged as in `dice_loss`; a scalar."""
    predicted, true = logits.softmax(2)[:, :, 1:] > 0.5, target[:, :, 1:] > 0.5
    intersection, union = (predicted & true).sum((-2, -1)), (predicted | true).sum((-2, -1))
    iou = torch.where(union > 0, intersection / union.clamp_min(1), 1.0)
    return (iou * present[:, None]).sum() / (objects * iou.shape[1])


def with_background(masks: Tensor) -> Tensor:
    """Prepend the background to masks ``(B, T, S, H, W)``, and normalise to a sum of 1: ``(B, T, S + 1, H, W)``."""
    background = (1 - masks.sum(2, keepdim=True)).clamp_min(0)
    slots = torch.cat([background, masks], 2)
    return slots / slots.sum(2, keepdim=True)
