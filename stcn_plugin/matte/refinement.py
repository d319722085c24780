"""Refinement: alpha at plate resolution, in a band around the edge of each object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from stcn_plugin.choices import Edges
from stcn_plugin.matte.band import Tile, band_weights, find_band, reach_of, tiles
from stcn_plugin.matte.guard import judge
from stcn_plugin.matte.guided import guided_filter
from stcn_plugin.network.edges import BLACK, STRIDE, WHITE, EdgeNetwork, levelled

Pixels: TypeAlias = NDArray[np.float32]
Plate: TypeAlias = Callable[[slice, slice], Pixels]

_MARGIN = 1e-4
"""Distance of solid and clear probabilities from the matte levels, so that rounding makes no difference."""

_CLEANING = 0.01
"""Alpha that is taken for 0, and for 1 from the other side."""


@dataclass(frozen=True)
class ObjectEdge:
    """What refinement needs to know about an object.

    Args:
        edges: How to refine it.
        enlargement: Plate pixels per network pixel.
        width: Width in plate pixels of the soft edge of its keyframe, from `edge_width`.
    """

    edges: Edges
    enlargement: float
    width: float = 1.0


@dataclass(frozen=True)
class EdgeReport:
    """What refinement did to an object on a frame.

    Args:
        band: Fraction of the frame that the band covers.
        change: Mean absolute change of alpha in the band.
        rejected: Fraction of the band where the guard kept the unrefined matte.
        doubtful: Fraction of the band where alpha is neither solid nor clear and does not follow the plate.
    """

    band: float = 0.0
    change: float = 0.0
    rejected: float = 0.0
    doubtful: float = 0.0


class Refiner:
    """Refines the edges of mattes.

    The result does not depend on the number of objects or on other frames. torch decides on the number of threads: call
    `refine` with one, as finishing does, for the same bits whatever else runs.

    Args:
        network: From `load_edge_network`, on its device; ``None`` if no object uses it.
        precision: Number format of its convolutions, as of the engine.
    """

    def __init__(self, network: EdgeNetwork | None = None, *, precision: torch.dtype = torch.float32) -> None:
        self._network = network
        self._precision = precision
        self._device = next(network.parameters()).device if network else torch.device("cpu")

    def refine(
        self, probabilities: Pixels, plate: Plate, objects: Sequence[ObjectEdge]
    ) -> tuple[Pixels, tuple[EdgeReport, ...]]:
        """Refine the probabilities of a frame.

        In the band, probabilities become ``0.15 + 0.7 * alpha``, so that the default matte levels return alpha. Where
        alpha is 0 or 1, they are on the far side of the matte levels, and as before if they already were. Outside the
        band nothing changes.

        Args:
            probabilities: ``(O, H, W)``, enlarged to the plate, before matte levels.
            plate: Returns rows and columns of the plate, ``(h, w, 3)`` display-referred.
            objects: One for each object.

        Returns:
            ``(O, H, W)``, and a report for each object. Objects with ``edges`` off are unchanged.
        """
        refined = probabilities.copy()
        reports = tuple(
            self._refine_object(before, after, plate, each)
            for before, after, each in zip(probabilities, refined, objects, strict=True)
        )
        return refined, reports

    def _refine_object(self, before: Pixels, after: Pixels, plate: Plate, each: ObjectEdge) -> EdgeReport:
        """Refine ``before`` into ``after``, both ``(H, W)``."""
        if each.edges == "off":
            return EdgeReport()
        cells = find_band(before, reach_of(each.enlargement, each.width))
        area = change = rejected = doubtful = 0.0
        for tile in tiles(cells, (before.shape[0], before.shape[1])):
            probability = torch.from_numpy(before[tile.read])
            rgb = torch.from_numpy(np.ascontiguousarray(plate(*tile.read), np.float32)).permute(2, 0, 1)
            unrefined = levelled(probability)
            alpha = self._alpha(rgb, probability, each).sub(_CLEANING).div(1 - 2 * _CLEANING).clamp(0, 1)
            verdict = judge(rgb, unrefined, alpha)
            band = torch.from_numpy(band_weights(cells, tile.inside))
            inner = _inner(tile)
            weight = band * verdict.accepted[inner]
            found = torch.lerp(unrefined[inner], alpha[inner], weight)
            changed = torch.where(weight > 0, to_probability(found, probability[inner]), probability[inner])
            after[tile.inside] = changed.numpy()
            area += float(band.sum())
            change += float((found - unrefined[inner]).abs().sum())
            rejected += float((band - weight).sum())
            doubtful += float((band * verdict.doubtful[inner]).sum())
        if not area:
            return EdgeReport()
        return EdgeReport(area / before.size, change / area, rejected / area, doubtful / area)

    @torch.inference_mode()
    def _alpha(self, rgb: Tensor, probability: Tensor, each: ObjectEdge) -> Tensor:
        """Return alpha of a tile ``(H, W)``, not limited, before the guard."""
        if each.edges == "guided":
            return guided_filter(rgb, levelled(probability), enlargement=each.enlargement)
        if self._network is None:
            raise ValueError("edges are refined by the network, but the refiner has none")
        height, width = probability.shape
        lacking = (0, -width % STRIDE, 0, -height % STRIDE)
        planes = functional.pad(torch.cat([rgb, probability[None]])[None], lacking, mode="replicate").to(self._device)
        conditions = torch.tensor([[each.enlargement, each.width]], device=self._device)
        with torch.autocast(self._device.type, self._precision, enabled=self._precision is not torch.float32):
            alpha: Tensor = self._network(planes[:, :3], planes[:, 3:], conditions)
        return alpha[0, 0, :height, :width].float().cpu()


def to_probability(alpha: Tensor, probability: Tensor) -> Tensor:
    """Return the probability that the default matte levels turn into alpha.

    Args:
        alpha: In [0, 1].
        probability: Before refinement. Where alpha is 0 or 1 it is kept if it means that already.
    """
    found = BLACK + (WHITE - BLACK) * alpha
    found = torch.where(alpha <= 0, probability.clamp(max=BLACK - _MARGIN), found)
    return torch.where(alpha >= 1, probability.clamp(min=WHITE + _MARGIN), found)


def _inner(tile: Tile) -> tuple[slice, slice]:
    """Return the position of a tile in what was read for it."""
    rows, columns = (
        slice(inside.start - read.start, inside.stop - read.start)
        for inside, read in zip(tile.inside, tile.read, strict=True)
    )
    return rows, columns
