"""Training samples as tensors: the interface between the makers of samples and the trainer."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

SLOTS = 3
"""Maximum number of objects in a sample."""

MIN_COVERAGE = 0.004
"""Fraction of the first frame that an object must cover to be tracked."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A training sample, or a batch of samples with a leading dimension.

    Args:
        frames: ``(T, 3, S, S)`` display-referred, 0-1.
        masks: ``(T, SLOTS, S, S)`` coverage; the sum over the slots is at most 1. Empty slots come last.
        present: ``(SLOTS,)`` bool, slots that hold an object.
    """

    frames: Tensor
    masks: Tensor
    present: Tensor

    def pin_memory(self) -> Sample:
        """Return a copy in page-locked memory, for asynchronous copies to a GPU. Called by DataLoader."""
        return Sample(*(part.pin_memory() for part in vars(self).values()))
