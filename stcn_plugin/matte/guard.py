"""The guard of the refinement: does a refined matte explain the plate at least as well as the unrefined one?

Around an edge, the colour of the plate is a mixture of two colours, weighted by alpha (the colour line model). The part
of the variance of the plate that such a mixture does not explain is the residual of a matte.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from stcn_plugin.matte.band import CELL
from stcn_plugin.network.edges import box

_WINDOW = 5
"""Side in cells of the regions that are compared."""

_LEAST_VARIANCE = 1e-3
"""Added to the variance of alpha, so that a matte without an edge explains nothing."""

_NOISE = 2e-4
"""Variance of the plate that need not be explained, such as grain."""

_ACCEPTED = 1.0
_REJECTED = 1.1
"""Growth of the residual up to which a refined matte is used entirely, and from which it is not used."""

_GREY = 0.6
_UNEXPLAINED = 0.6


@dataclass(frozen=True)
class Verdict:
    """Where to use a refined matte.

    Args:
        accepted: ``(H, W)`` weight of the refined matte, 0 where it explains the plate less well.
        doubtful: ``(H, W)`` in [0, 1], 1 where the matte is grey but the plate is not a mixture there.
    """

    accepted: Tensor
    doubtful: Tensor


def judge(rgb: Tensor, unrefined: Tensor, refined: Tensor) -> Verdict:
    """Decide where a refined matte is used.

    Args:
        rgb: ``(3, H, W)`` display-referred.
        unrefined: ``(H, W)`` in [0, 1].
        refined: ``(H, W)`` in [0, 1].
    """
    height, width = refined.shape
    lacking = (0, -width % CELL, 0, -height % CELL)
    planes = functional.pad(torch.cat([rgb, unrefined[None], refined[None]])[None], lacking, mode="replicate")[0]
    total, (before, after) = _residuals(planes[:3], planes[3:])
    growth = (after + _NOISE) / (before + _NOISE)
    accepted = ((_REJECTED - growth) / (_REJECTED - _ACCEPTED)).clamp(0, 1)
    grey = functional.avg_pool2d((4 * planes[4] * (1 - planes[4]))[None, None], CELL)[0, 0]
    doubtful = (grey > _GREY) & (after > _UNEXPLAINED * total + _NOISE)

    def enlarged(cells: Tensor) -> Tensor:
        full = functional.interpolate(
            cells[None, None].float(), scale_factor=CELL, mode="bilinear", align_corners=False
        )
        return full[0, 0, :height, :width]

    return Verdict(enlarged(accepted), enlarged(doubtful))


def _residuals(rgb: Tensor, alphas: Tensor) -> tuple[Tensor, Tensor]:
    """Compare mattes with the plate.

    Args:
        rgb: ``(3, H, W)``, ``H`` and ``W`` multiples of `CELL`.
        alphas: ``(N, H, W)`` in [0, 1].

    Returns:
        ``(h, w)`` variance of the plate around each cell, and ``(N, h, w)`` what each alpha does not explain of it.
    """
    products = (alphas[:, None] * rgb).flatten(0, 1)
    planes = torch.cat([rgb, rgb.square().sum(0, keepdim=True), alphas, alphas.square(), products])
    means = functional.avg_pool2d(planes[None], CELL)
    means = box(means, _WINDOW)[0]
    count = len(alphas)
    colour, square, mean = means[:3], means[3], means[4 : 4 + count]
    total = (square - colour.square().sum(0)).clamp_min(0)
    spread = (means[4 + count : 4 + 2 * count] - mean.square()).clamp_min(0)
    covariance = means[4 + 2 * count :].reshape(count, 3, *total.shape) - mean[:, None] * colour
    return total, (total - covariance.square().sum(1) / (spread + _LEAST_VARIANCE)).clamp_min(0)
