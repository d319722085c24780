"""Grey haze: where a matte is grey although the object is sharp, and the plate has fine detail.

Spokes, grass and the tips of hair are finer than what the network sees. If the refinement cannot find them either, alpha
stays near their mean there. Colours do not reveal it, because the plate has object and background side by side, which
any grey matte explains. But the soft edge of the matte is then several times as wide as that of the keyframe.

An object that is soft on its keyframe, by defocus or fur, has a wide edge there, so it may be as soft on other frames.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from stcn_plugin.matte.band import CELL, Slices
from stcn_plugin.network.edges import box

_WINDOW = 3
"""Side in cells of the regions in which the edge is measured."""

_GREY = 0.5
"""Mean of ``4 a (1 - a)`` in a region from which a matte is grey there."""

_WIDER = 2.5
"""Width of the edge in a region, in widths of the keyframe's edge, from which a matte is softer than the object. In the
middle of a linear ramp, the width of a region is 1.5 times that of the ramp."""

_DETAIL = 3e-3
"""Variance of the plate inside of cells, the sum of three channels, from which it has detail. Grain has less."""

_PLANES = 3


class Haze:
    """Collects figures of the matte of a frame, tile by tile, and tells where it is hazy.

    Args:
        shape: ``(h, w)`` of the frame in cells.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._planes = torch.zeros(_PLANES, *shape)

    def add(self, part: Slices, matte: Tensor) -> None:
        """Add part of the frame.

        Args:
            part: Its rows and columns in pixels, which start at multiples of `CELL`.
            matte: ``(H, W)`` in [0, 1], as it is delivered.
        """
        lacking = (0, -matte.shape[1] % CELL, 0, -matte.shape[0] % CELL)
        padded = functional.pad(matte[None, None], lacking, mode="replicate")[0, 0] if any(lacking) else matte
        alpha = padded.reshape(len(padded) // CELL, CELL, -1, CELL)
        # Only inside of cells, so that the figures do not depend on tiles.
        down, across = alpha.diff(dim=1)[..., :-1], alpha.diff(dim=3)[:, :-1]
        figures = [torch.ones_like(alpha), alpha * (1 - alpha), torch.hypot(down, across)]
        means = torch.stack([each.mean((1, 3)) for each in figures])
        top, left = (each.start // CELL for each in part)
        self._planes[:, top : top + means.shape[1], left : left + means.shape[2]] = means

    def cells(self, detail: Tensor, width: float) -> Tensor:
        """Return where the matte is hazy, ``(h, w)``: 1 where it is, else 0.

        Args:
            detail: ``(h, w)`` variance of the plate inside of each cell.
            width: Width of the object's edge in pixels, from `edge_width` of its keyframe.
        """
        known, grey, slope, variance = box(torch.cat([self._planes, detail[None]]), _WINDOW)
        is_grey = 4 * grey > _GREY * known
        is_wide = 6 * grey > _WIDER * width * slope  # as in `edge_width`
        has_detail = variance > _DETAIL * known
        found: Tensor = is_grey & is_wide & has_detail & (self._planes[0] > 0)
        return found.float()
