"""The region: where the memory says that an object may be, which is all that needs decoding.

Every memory element remembers, beside its value, whether the object was there. Read with the same affinity, that says
of every query pixel how much of what it resembles was the object. Where nothing of it was, the decoder would find
nothing, so it is not asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from stcn_plugin.network.blocks import DecoderContext
from stcn_plugin.network.stcn import KeyFeatures
from stcn_plugin.network.variants import STRIDE

_LEAST = 0.1
"""Affinity to the object's own memory elements from which on it may be there."""
_PEAK = 0.3
"""What the strongest element of a connected patch must reach; below, the patch is a chance likeness."""
_MARGIN = 5
"""Key elements around, about the decoder's own reach (5.5): with 4 a small ball was lost behind a tree."""
_STEP = 2
"""Boxes grow to multiples of so many key elements, so that few shapes come up; preparing for a new one costs time."""
_WHOLE = 0.8
"""Share of the frame from which on it is not worth cutting up."""


@dataclass(frozen=True)
class Box:
    """Part of a frame in key elements, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """Key elements in it."""
        return (self.bottom - self.top) * (self.right - self.left)

    def union(self, other: Box) -> Box:
        """Return the smallest box around both."""
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def within(self, outer: Box) -> Box:
        """Return the same box, counted from the corner of ``outer``, which is around it."""
        top, left = outer.top, outer.left
        return Box(self.top - top, self.left - left, self.bottom - top, self.right - left)

    def slices(self, scale: int = 1) -> tuple[slice, slice]:
        """Return rows and columns at ``scale`` pixels a key element."""
        return slice(self.top * scale, self.bottom * scale), slice(self.left * scale, self.right * scale)


def presence(probabilities: Tensor) -> Tensor:
    """Tell how surely each object is somewhere in each key element.

    Args:
        probabilities: ``(O, H, W)``, a multiple of the stride in size.

    Returns:
        ``(O, 1, h, w)`` in 0-1.
    """
    return functional.max_pool2d(probabilities[:, None], STRIDE)


def find_region(presence: NDArray[np.float32]) -> Sequence[Box]:
    """Return where an object may be.

    Args:
        presence: ``(h, w)``, what was read from memory of :func:`presence`.

    Returns:
        Boxes around every connected patch, with a margin; none where the object is nowhere, the whole frame where they
        would cover most of it. Boxes may overlap where they touch.
    """
    from scipy import ndimage  # takes longer to import than all of propagation, and only a region needs it

    height, width = presence.shape
    patches, count = ndimage.label(presence >= _LEAST, structure=np.ones((3, 3), bool))
    strongest = ndimage.maximum(presence, patches, index=range(1, count + 1))
    boxes: list[Box] = []
    for (rows, columns), peak in zip(ndimage.find_objects(patches), strongest, strict=True):
        if peak >= _PEAK:
            top, bottom = _widened(rows.start, rows.stop, height)
            left, right = _widened(columns.start, columns.stop, width)
            boxes = _joined(Box(top, left, bottom, right), boxes)
    if sum(box.area for box in boxes) >= _WHOLE * height * width:
        return [Box(0, 0, height, width)]
    return boxes


def around(boxes: Iterable[Box]) -> Box:
    """Return the smallest box around at least one."""
    return reduce(Box.union, boxes)


def crop_features(features: KeyFeatures, box: Box) -> KeyFeatures:
    """Cut the part of a frame's features that the decoder's context of a region is made from; the key stays whole.

    Context at the edge of the cut is as little to be believed as what is decoded there; with two elements more
    around, J&F was the same to .0002.
    """
    return features._replace(f16=_cut(features.f16, box, 1), f8=_cut(features.f8, box, 2), f4=_cut(features.f4, box, 4))


def crop_context(context: DecoderContext, box: Box) -> DecoderContext:
    """Cut the part of a context that decoding a region needs."""
    return DecoderContext(
        _cut(context.residual, box, 1),
        _cut(context.identity, box, 1),
        _cut(context.skip8, box, 2),
        _cut(context.skip4, box, 4),
    )


def _cut(tensor: Tensor, box: Box, scale: int) -> Tensor:
    rows, columns = box.slices(scale)
    return tensor[..., rows, columns].contiguous(memory_format=torch.channels_last)


def _widened(start: int, stop: int, size: int) -> tuple[int, int]:
    """Return a span with the margin, its length a multiple of the step where there is room."""
    start, stop = max(0, start - _MARGIN), min(size, stop + _MARGIN)
    stop = min(size, stop + -(stop - start) % _STEP)
    return max(0, start - -(stop - start) % _STEP), stop


def _joined(box: Box, boxes: Sequence[Box]) -> list[Box]:
    """Add a box to others; two that are together no smaller than the box around both become that one."""
    for other in boxes:
        both = box.union(other)
        if both.area <= box.area + other.area:
            return _joined(both, [each for each in boxes if each is not other])
    return [*boxes, box]
