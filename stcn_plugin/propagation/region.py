"""Region decoding: decode only where the memory indicates an object.

Each memory element stores, besides its value, whether the object was present there. Read with the same affinity, this
presence shows for each query pixel how much of the matching memory belonged to the object. Where it is near zero, the decoder
would find nothing, so these pixels are not decoded.
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
"""Presence above which a key element may belong to the object."""
_PEAK = 0.3
"""Presence that one element of a connected patch must reach; other patches are chance matches."""
_MARGIN = 5
"""Key elements added around a patch, about the receptive field of the decoder (5.5); 4 lost a small ball behind a tree."""
_STEP = 2
"""Box sizes are multiples of this, because each new shape costs set-up time."""
_WHOLE = 0.8
"""Fraction of the frame above which cropping does not pay off."""


@dataclass(frozen=True)
class Box:
    """A rectangle in key elements; ``bottom`` and ``right`` are exclusive."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """Number of key elements."""
        return (self.bottom - self.top) * (self.right - self.left)

    def union(self, other: Box) -> Box:
        """Return the bounding box of this and another box."""
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def within(self, outer: Box) -> Box:
        """Return this box relative to the top left corner of ``outer``, which contains it."""
        top, left = outer.top, outer.left
        return Box(self.top - top, self.left - left, self.bottom - top, self.right - left)

    def slices(self, scale: int = 1) -> tuple[slice, slice]:
        """Return the slices of rows and columns at ``scale`` pixels per key element."""
        return slice(self.top * scale, self.bottom * scale), slice(self.left * scale, self.right * scale)


def presence(probabilities: Tensor) -> Tensor:
    """Return the maximum probability of each object within each key element.

    Args:
        probabilities: ``(O, H, W)``; H and W are multiples of the stride.

    Returns:
        ``(O, 1, h, w)`` in 0-1.
    """
    return functional.max_pool2d(probabilities[:, None], STRIDE)


def find_region(presence: NDArray[np.float32]) -> Sequence[Box]:
    """Return the boxes where an object may be.

    Args:
        presence: ``(h, w)`` readout of the memory's :func:`presence`.

    Returns:
        Boxes around connected patches, with a margin; they may overlap. Empty if the object is not found; one box of the
        whole frame if the boxes would cover most of it.
    """
    from scipy import ndimage  # slow to import

    height, width = presence.shape
    patches, count = ndimage.label(presence >= _LEAST, structure=np.ones((3, 3), bool))
    strongest = ndimage.maximum(presence, patches, index=range(1, count + 1))
    boxes: list[Box] = []
    for (rows, columns), peak in zip(ndimage.find_objects(patches), strongest, strict=True):
        if peak >= _PEAK:
            top, bottom = _with_margin(rows.start, rows.stop, height)
            left, right = _with_margin(columns.start, columns.stop, width)
            boxes = _merge(Box(top, left, bottom, right), boxes)
    if sum(box.area for box in boxes) >= _WHOLE * height * width:
        return [Box(0, 0, height, width)]
    return boxes


def bounding_box(boxes: Iterable[Box]) -> Box:
    """Return the bounding box of one or more boxes."""
    return reduce(Box.union, boxes)


def crop_features(features: KeyFeatures, box: Box) -> KeyFeatures:
    """Crop the features for the decoder context of a region; the key is not cropped.

    The result is inexact near the edges. A margin of two more elements changed J&F by less than .0002.
    """
    return features._replace(
        f16=_crop(features.f16, box, 1), f8=_crop(features.f8, box, 2), f4=_crop(features.f4, box, 4)
    )


def crop_context(context: DecoderContext, box: Box) -> DecoderContext:
    """Crop a decoder context to a box."""
    return DecoderContext(
        _crop(context.residual, box, 1),
        _crop(context.identity, box, 1),
        _crop(context.skip8, box, 2),
        _crop(context.skip4, box, 4),
    )


def _crop(tensor: Tensor, box: Box, scale: int) -> Tensor:
    rows, columns = box.slices(scale)
    return tensor[..., rows, columns].contiguous(memory_format=torch.channels_last)


def _with_margin(start: int, stop: int, size: int) -> tuple[int, int]:
    """Add the margin to a span and round its length up to the step, within the frame."""
    start, stop = max(0, start - _MARGIN), min(size, stop + _MARGIN)
    stop = min(size, stop + -(stop - start) % _STEP)
    return max(0, start - -(stop - start) % _STEP), stop


def _merge(box: Box, boxes: Sequence[Box]) -> list[Box]:
    """Add a box to others; two boxes are merged if their bounding box has no more area than both together."""
    for other in boxes:
        both = box.union(other)
        if both.area <= box.area + other.area:
            return _merge(both, [each for each in boxes if each is not other])
    return [*boxes, box]
