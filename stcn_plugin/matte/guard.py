"""The guard of the refinement: does a refined matte agree with the propagation, and explain the plate better?

Detail comes from the plate, but whether a region belongs to the object comes from the propagation: the mean of the
refined matte over a region stays near that of the unrefined one. Hair and spokes keep their mean, but a part that the
propagation has nearly lost, and which would be deleted, does not.

Around an edge, the colour of the plate is a mixture of two colours, weighted by alpha (the colour line model). The part
of the variance of the plate that such a mixture does not explain is the residual of a matte. A refined matte is used as
far as its residual is less than that of the unrefined one.

All figures are means over the cells of a frame, so the verdict does not depend on tiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from stcn_plugin.matte.band import CELL, Slices
from stcn_plugin.network.edges import box

_WINDOW = 5
"""Side in cells of the regions in which residuals are compared."""

_LEAST_VARIANCE = 1e-3
"""Added to the variance of alpha, so that a matte without an edge explains nothing."""

_NOISE = 2e-4
"""Variance of the plate that need not be explained, such as grain."""

_EVIDENCE = 3e-5
"""Variance of the plate that a matte explains, at which half of a refinement is used: where the plate has no contrast, any
matte explains it equally."""

_ACCEPTED = 0.8
_REJECTED = 1.2
"""Growth of the residual up to which a refined matte is used entirely, and from which it is not used."""

_REGION = 12.0
"""Side in network pixels of the regions whose mean is kept."""

_TOLERATED = 0.05
_EXCESSIVE = 0.3
"""Change of the mean that is tolerated, and from which all of it is taken back."""

_GREY = 0.6
_UNEXPLAINED = 0.6
_PLANES = 6


@dataclass(frozen=True)
class Verdict:
    """Where to use a refined matte.

    Args:
        excess: ``(h, w)`` per cell, change of the mean to take back.
        accepted: ``(h, w)`` weight of the refined matte, 0 where it explains the plate less well.
        doubtful: ``(h, w)`` in [0, 1], 1 where the matte is grey but the plate is not a mixture there, and where most
            of a change of the mean was taken back.
        detail: ``(h, w)`` variance of the plate inside of each cell, the sum of three channels.
    """

    excess: Tensor
    accepted: Tensor
    doubtful: Tensor
    detail: Tensor

    def apply(self, part: Slices, unrefined: Tensor, refined: Tensor) -> Tensor:
        """Return the matte to use in part of the frame, between the unrefined and the refined one.

        Args:
            part: Rows and columns in pixels.
            unrefined: ``(H, W)`` in [0, 1].
            refined: ``(H, W)`` in [0, 1].
        """
        lower, upper = torch.minimum(unrefined, refined), torch.maximum(unrefined, refined)
        found = torch.clamp(refined - pixels(self.excess, part), lower, upper)
        return torch.lerp(unrefined, found, pixels(self.accepted, part))


class Guard:
    """Collects figures of a frame, tile by tile, and gives a verdict.

    Args:
        shape: ``(h, w)`` of the frame in cells.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._products = torch.zeros(*shape, _PLANES, _PLANES)

    def add(self, part: Slices, rgb: Tensor, unrefined: Tensor, refined: Tensor) -> None:
        """Add part of the frame.

        Args:
            part: Its rows and columns in pixels, which start at multiples of `CELL`.
            rgb: ``(3, H, W)`` display-referred.
            unrefined: ``(H, W)`` in [0, 1].
            refined: ``(H, W)`` in [0, 1].
        """
        height, width = refined.shape
        lacking = (0, -width % CELL, 0, -height % CELL)
        planes = torch.cat([torch.ones(1, height, width), rgb, torch.stack([unrefined, refined])])
        planes = functional.pad(planes[None], lacking, mode="replicate")[0] if any(lacking) else planes
        cells = planes.reshape(_PLANES, planes.shape[1] // CELL, CELL, -1, CELL).permute(1, 3, 0, 2, 4).flatten(3)
        top, left = (each.start // CELL for each in part)
        products = cells @ cells.transpose(2, 3) / CELL**2
        self._products[top : top + products.shape[0], left : left + products.shape[1]] = products

    def verdict(self, enlargement: float) -> Verdict:
        """Decide where a refined matte is used.

        Args:
            enlargement: Plate pixels per network pixel.
        """
        products = self._products.permute(2, 3, 0, 1)
        one, mean, refined_mean = products[0, 0], products[0, 4], products[0, 5]
        region = 2 * round((_REGION * enlargement / CELL - 1) / 2) + 1
        known, change = box(torch.stack([one, refined_mean - mean]), max(region, 1))
        change = change / known.clamp_min(1e-6)
        taken_back = ((change.abs() - _TOLERATED) / (_EXCESSIVE - _TOLERATED)).clamp(0, 1)
        excess = change * taken_back
        total, before, after = _residuals(products, excess)
        growth = (after + _NOISE) / (before + _NOISE)
        accepted = ((_REJECTED - growth) / (_REJECTED - _ACCEPTED)).clamp(0, 1)
        explained = total - torch.minimum(before, after)
        accepted = accepted * explained / (explained + _EVIDENCE)
        grey = 4 * (refined_mean - products[5, 5])
        doubtful = ((grey > _GREY) & (after > _UNEXPLAINED * total + _NOISE)) | (taken_back > 0.5)
        detail = products[[1, 2, 3], [1, 2, 3]].sum(0) - products[0, 1:4].square().sum(0)
        return Verdict(excess, accepted, doubtful.float(), detail)


def _residuals(products: Tensor, excess: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compare the mattes with the plate.

    Args:
        products: ``(6, 6, h, w)`` means of the products of 1, red, green, blue, unrefined and refined alpha.
        excess: ``(h, w)`` what is taken back from the refined alpha.

    Returns:
        The variance of the plate around each cell, what the unrefined alpha does not explain of it, and what the
        refined one does not. Each is ``(h, w)``.
    """
    known, colour, square = products[0, :1], products[0, 1:4], products[1, 1] + products[2, 2] + products[3, 3]
    refined = products[5, :4] - excess * products[0, :4]
    refined_square = products[5, 5] - 2 * excess * products[0, 5] + excess.square()
    planes = [known, colour, square[None], products[4, :5], refined, refined_square[None]]
    means = box(torch.cat(planes), _WINDOW)
    means = means / means[:1].clamp_min(1e-6)
    colour = means[1:4]
    total = (means[4] - colour.square().sum(0)).clamp_min(0)
    residuals = []
    for alpha, *product, own in (means[5:10], means[10:15]):
        spread = (own - alpha.square()).clamp_min(0)
        covariance = torch.stack(product) - alpha * colour
        residuals.append((total - covariance.square().sum(0) / (spread + _LEAST_VARIANCE)).clamp_min(0))
    return total, residuals[0], residuals[1]


def pixels(cells: Tensor, part: Slices) -> Tensor:
    """Return part of a plane of cells, enlarged to pixels with linear interpolation.

    Args:
        cells: ``(h, w)``.
        part: Rows and columns in pixels, which start at multiples of `CELL`.

    Returns:
        ``(H, W)`` of the part.
    """
    first, last = [each.start // CELL for each in part], [-(-each.stop // CELL) for each in part]
    padded = functional.pad(cells[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    around = padded[first[0] : last[0] + 2, first[1] : last[1] + 2]
    full = functional.interpolate(around[None, None], scale_factor=CELL, mode="bilinear", align_corners=False)[0, 0]
    height, width = (each.stop - each.start for each in part)
    return full[CELL : CELL + height, CELL : CELL + width]
