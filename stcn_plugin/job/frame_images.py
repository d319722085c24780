"""The images of a frame for the network: windows of the plate, and of the mattes that the artist gave."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stcn_plugin.job.job import Job
from stcn_plugin.job.keyframes import shrink
from stcn_plugin.media.plates import PlateFrame
from stcn_plugin.propagation.images import reduce
from stcn_plugin.propagation.placement import box_of
from stcn_plugin.window import Window

Masks = Mapping[str, Tensor]


@final
@dataclass(frozen=True, eq=False)
class JobFrameImages:
    """The images of a frame of a job.

    Args:
        job: The job.
        index: Index of the frame.
        plate: The frame of the plate.
        small: ``(3, h, w)`` the whole frame at the internal size, on the device of the network.
        complete: Completes masks of the whole frame at the internal size where keyframes do not cover it.
    """

    job: Job
    index: int
    plate: PlateFrame
    small: Tensor
    complete: Callable[[Tensor, Masks], Masks]

    @cached_property
    def _mattes(self) -> Mapping[str, NDArray[np.float32]]:
        """The artist's mattes at plate resolution."""
        return {name: matte.unpack() for name, matte in sorted(self.job.keyframes.get(self.index, {}).items())}

    @cached_property
    def boxes(self) -> Mapping[str, Window]:
        """The bounding box of each matte that the artist gave: of what is opaque, or of all of a faint matte."""
        boxes = {}
        for name, matte in self._mattes.items():
            whole = Window(0, 0, matte.shape[1], matte.shape[0])
            boxes[name] = box_of(matte > 0.5, whole) or box_of(matte > 0, whole) or whole
        return boxes

    def image(self, window: Window, size: tuple[int, int]) -> Tensor:
        """Return a window of the plate, ``(3, h, w)``."""
        if self._is_whole(window):
            return reduce(self.small, size)
        outer = self.job.window
        placed = replace(window, x=outer.x + window.x, y=outer.y + window.y)
        return torch.from_numpy(self.plate.image(placed, size)).to(self.small.device).permute(2, 0, 1)

    def masks(self, names: Collection[str], window: Window, size: tuple[int, int]) -> Masks:
        """Return a window of the artist's mattes, ``(h, w)``."""
        device = self.small.device
        if self._is_whole(window) and size == self.job.size:
            given = self.job.masks.get(self.index, {})
            return self.complete(self.small, {name: given[name].to(device) for name in sorted(names)})
        rows, columns = window.slices_in(Window(0, 0, self.job.window.width, self.job.window.height))
        return {name: shrink(self._mattes[name][rows, columns], size, device) for name in sorted(names)}

    def mattes(self, names: Collection[str], window: Window) -> Mapping[str, NDArray[np.float32]]:
        """Return a window of the artist's mattes at plate resolution, of those that cover the plate."""
        rows, columns = window.slices_in(Window(0, 0, self.job.window.width, self.job.window.height))
        covered = self.job.covered.get(self.index, {})
        return {name: self._mattes[name][rows, columns] for name in sorted(names) if name not in covered}

    def _is_whole(self, window: Window) -> bool:
        return window.shape == self.job.window.shape
