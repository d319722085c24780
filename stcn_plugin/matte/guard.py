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

_WINDOW = 5
"""Side in cells of the regions that are compared."""

_LEAST_VARIANCE = 1e-3
"""Added to the variance of alpha, so that a matte without an edge explains nothing."""

_NOISE = 2e-4
"""Variance of the plate that need not be explained, such as grain."""

_TOLERANCE = 1.1
"""Factor by which the residual may grow."""

_GREY = 0.6
_UNEXPLAINED = 0.6


@dataclass(frozen=True)
class Explained:
    """How well a matte explains the plate, by cell.

    Args:
        residual: ``(h, w)`` variance of the plate that alpha does not explain.
        total: ``(h, w)`` variance of the plate.
    """

    residual: Tensor
    total: Tensor


def explained(rgb: Tensor, alpha: Tensor) -> Explained:
    """Compare a matte with the plate.

    Args:
        rgb: ``(3, H, W)`` display-referred, ``H`` and ``W`` multiples of `CELL`.
        alpha: ``(H, W)`` in [0, 1].
    """
    planes = torch.cat([rgb, alpha[None], (rgb**2).sum(0, keepdim=True), alpha[None] ** 2, rgb * alpha])
    means = functional.avg_pool2d(planes[None], CELL)
    means = functional.avg_pool2d(means, _WINDOW, 1, _WINDOW // 2, count_include_pad=False)[0]
    colour, mean, square, alpha_square, product = means[:3], means[3], means[4], means[5], means[6:]
    total = (square - (colour**2).sum(0)).clamp_min(0)
    spread = (alpha_square - mean**2).clamp_min(0)
    covariance = product - colour * mean
    return Explained((total - (covariance**2).sum(0) / (spread + _LEAST_VARIANCE)).clamp_min(0), total)


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
    before, after = explained(planes[:3], planes[3]), explained(planes[:3], planes[4])
    accepted = after.residual <= before.residual * _TOLERANCE + _NOISE
    grey = functional.avg_pool2d((4 * planes[4] * (1 - planes[4]))[None, None], CELL)[0, 0]
    doubtful = (grey > _GREY) & (after.residual > _UNEXPLAINED * after.total + _NOISE)

    def enlarged(cells: Tensor) -> Tensor:
        full = functional.interpolate(
            cells[None, None].float(), scale_factor=CELL, mode="bilinear", align_corners=False
        )
        return full[0, 0, :height, :width]

    return Verdict(enlarged(accepted), enlarged(doubtful))
