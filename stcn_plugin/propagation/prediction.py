"""The result of propagating one frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from stcn_plugin.propagation.aggregation import aggregate


@dataclass(frozen=True, eq=False)
class Prediction(Mapping[str, Tensor]):
    """A mapping of object names to probabilities on one frame.

    Each value is an ``(H, W)`` float32 tensor in 0-1, at the size of the image and on the engine's device. Objects are
    independent of each other, so the values of a pixel may add up to more than 1. Objects that are not in play are 0.

    Args:
        objects: Object names, in the order of the tensors.
        size: ``(H, W)`` of the image.
        own: ``(O, h, w)`` independent probabilities at the internal size. On frames with masks, the masks.
        shares: ``(O, h, w)`` the probabilities to memorise, before soft aggregation.
    """

    objects: tuple[str, ...]
    size: tuple[int, int]
    own: Tensor
    shares: Tensor

    @property
    def aggregated(self) -> Tensor:
        """``(O + 1, h, w)`` after soft aggregation, background first."""
        return aggregate(self.shares)

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.objects:
            raise KeyError(name)
        position = self.objects.index(name)
        return _enlarged(self.own[position : position + 1], self.size)[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self.objects)

    def __len__(self) -> int:
        return len(self.objects)

    def numpy(self) -> dict[str, NDArray[np.float32]]:
        """Return the probabilities as arrays, by object name."""
        return dict(zip(self.objects, _enlarged(self.own, self.size).cpu().numpy(), strict=True))


def _enlarged(own: Tensor, size: tuple[int, int]) -> Tensor:
    """Return new tensors ``(O, H, W)``."""
    if tuple(own.shape[-2:]) == size or not len(own):
        return own.clone()
    return functional.interpolate(own[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
