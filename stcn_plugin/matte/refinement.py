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
from stcn_plugin.matte.band import CELL, Cells, Slices, band_weights, find_band, reach_of
from stcn_plugin.matte.guard import Guard
from stcn_plugin.matte.guided import guided_filter
from stcn_plugin.matte.haze import Haze
from stcn_plugin.matte.tiles import around, side_of_few, tiles, whole_side
from stcn_plugin.network.edges import STRIDE, EdgeNetwork, levelled
from stcn_plugin.response import BLACK, CERTAIN, WHITE, Response

Pixels: TypeAlias = NDArray[np.float32]
Plate: TypeAlias = Callable[[slice, slice], Pixels]

_MARGIN = 1e-4
"""Distance of solid and clear probabilities from the matte levels, so that rounding makes no difference."""

_CLEANING = (0.01, 0.06)
"""Alpha that is taken for 0, and for 1 from the other side: in general, and where the propagation is sure of it."""


@dataclass(frozen=True)
class ObjectEdge:
    """What refinement needs to know about an object.

    Args:
        edges: How to refine it.
        enlargement: Plate pixels per network pixel.
        width: Width in plate pixels of the soft edge of its keyframe, from `edge_width`.
        response: How the propagation responds to it; ``None`` if alpha is what the default matte levels give.
    """

    edges: Edges
    enlargement: float
    width: float = 1.0
    response: Response | None = None


@dataclass(frozen=True)
class EdgeReport:
    """What refinement did to an object on a frame.

    Args:
        band: Fraction of the frame that the band covers.
        change: Mean absolute change of alpha in the band.
        rejected: Fraction of the refinement of the band that the guard left out.
        hazy: Fraction of the band where alpha is grey over much more than the width of the keyframe's edge, although the
            plate has fine detail.
        doubtful: Fraction of the band that is hazy, where alpha is grey and does not follow the plate, or where the plate
            and the propagation disagree about a region.
    """

    band: float = 0.0
    change: float = 0.0
    rejected: float = 0.0
    hazy: float = 0.0
    doubtful: float = 0.0


class Refiner:
    """Refines the edges of mattes.

    The result does not depend on the number of objects or on other frames. torch decides on the number of threads: call
    `refine` with one, as finishing does, for the same bits whatever else runs.

    Args:
        network: From `load_edge_network`, on its device; ``None`` if no object uses it.
    """

    def __init__(self, network: EdgeNetwork | None = None) -> None:
        self._network = network
        # In bfloat16, oneDNN takes as long to prepare the convolutions for a new size as to compute a tile.
        has_slow_sizes = network is not None and next(network.parameters()).dtype != torch.float32
        self._side_of = side_of_few if has_slow_sizes else whole_side
        self._device = next(network.parameters()).device if network else torch.device("cpu")

    def refine(
        self, probabilities: Pixels, plate: Plate, objects: Sequence[ObjectEdge]
    ) -> tuple[Pixels, tuple[EdgeReport, ...]]:
        """Refine the probabilities of a frame.

        The network gets probabilities that are calibrated by the response of the propagation to the object; the guard
        compares its alpha with what they are without. In the band, probabilities become ``0.15 + 0.7 * alpha``, so that the default matte levels return alpha. Where
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
        whole = find_band(before, reach_of(each.enlargement, each.width))
        if not whole.any():
            return EdgeReport()
        frame, (rows, columns) = before.size, _bounds(whole)
        cells = whole[rows, columns]
        corner = rows.start * CELL, columns.start * CELL
        before, after = (
            plane[corner[0] : rows.stop * CELL, corner[1] : columns.stop * CELL] for plane in (before, after)
        )
        parts = list(tiles(cells, (before.shape[0], before.shape[1])))
        guard = Guard((cells.shape[0], cells.shape[1]))
        blended, weights = np.zeros_like(before), np.zeros_like(before)
        for tile in parts:
            seen = around(tile.read, (before.shape[0], before.shape[1]), self._side_of)
            read = plate(*_moved(seen, corner))
            rgb = torch.from_numpy(np.ascontiguousarray(read, np.float32)).permute(2, 0, 1)
            unrefined = levelled(torch.from_numpy(before[seen]))
            alpha = _cleaned(self._alpha(rgb, calibrated(before[seen], each.response), each), unrefined)
            inner = _within(tile.inside, seen)
            guard.add(tile.inside, rgb[:, inner[0], inner[1]], unrefined[inner], alpha[inner])
            weight = tile.weights()
            blended[tile.read] += weight * alpha[_within(tile.read, seen)].numpy()
            weights[tile.read] += weight
        verdict, haze = guard.verdict(each.enlargement), Haze((cells.shape[0], cells.shape[1]))
        area = change = 0.0
        for tile in parts:
            probability = torch.from_numpy(before[tile.inside])
            unrefined, alpha = levelled(probability), torch.from_numpy(blended[tile.inside] / weights[tile.inside])
            band = torch.from_numpy(band_weights(cells, tile.inside))
            found = torch.lerp(unrefined, verdict.apply(tile.inside, unrefined, alpha), band)
            after[tile.inside] = torch.where(found != unrefined, to_probability(found, probability), probability)
            area += float(band.sum())
            change += float((found - unrefined).abs().sum())
            haze.add(tile.inside, found)
        if not area:  # of single cells, nothing is well inside the band
            return EdgeReport()
        hazy = haze.cells(verdict.detail, each.width)
        figures = 1 - verdict.accepted, hazy, torch.maximum(hazy, verdict.doubtful)
        return EdgeReport(area / frame, change / area, *(float(plane[cells].mean()) for plane in figures))

    @torch.inference_mode()
    def _alpha(self, rgb: Tensor, probability: Tensor, each: ObjectEdge) -> Tensor:
        """Return alpha of a tile ``(H, W)``, not limited, before the guard."""
        if each.edges == "guided":
            return guided_filter(rgb, levelled(probability), enlargement=each.enlargement)
        if self._network is None:
            raise ValueError("edges are refined by the network, but the refiner has none")
        height, width = probability.shape
        lacking = (0, self._side_of(width) - width, 0, self._side_of(height) - height)
        planes = functional.pad(torch.cat([rgb, probability[None]])[None], lacking, mode="replicate").to(self._device)
        conditions = torch.tensor([[each.enlargement, each.width]], device=self._device)
        alpha: Tensor = self._network(planes[:, :3], planes[:, 3:], conditions)
        return alpha[0, 0, :height, :width].cpu()


def calibrated(probability: Pixels, response: Response | None) -> Tensor:
    """Return the probability that the default matte levels turn into the mean alpha of a response.

    Args:
        probability: ``(H, W)`` in [0, 1].
        response: The response; ``None`` changes nothing.
    """
    found = torch.from_numpy(probability)
    if response is None:
        return found
    alpha = torch.from_numpy(response(probability))
    clear = (found * (BLACK / CERTAIN)).clamp(max=BLACK)
    solid = (1 - (1 - found) * ((1 - WHITE) / CERTAIN)).clamp(min=WHITE)
    found = torch.where(alpha <= 0, clear, BLACK + (WHITE - BLACK) * alpha)
    return torch.where(alpha >= 1, solid, found)


def to_probability(alpha: Tensor, probability: Tensor) -> Tensor:
    """Return the probability that the default matte levels turn into alpha.

    Args:
        alpha: In [0, 1].
        probability: Before refinement. Where alpha is 0 or 1 it is kept if it means that already.
    """
    found = BLACK + (WHITE - BLACK) * alpha
    found = torch.where(alpha <= 0, probability.clamp(max=BLACK - _MARGIN), found)
    return torch.where(alpha >= 1, probability.clamp(min=WHITE + _MARGIN), found)


def _cleaned(alpha: Tensor, unrefined: Tensor) -> Tensor:
    """Return alpha in [0, 1], without faint dirt and faint holes."""
    general, sure = _CLEANING
    black = general + (sure - general) * (1 - unrefined).square().square()
    white = general + (sure - general) * unrefined.square().square()
    return ((alpha - black) / (1 - black - white)).clamp(0, 1)


def _bounds(cells: Cells) -> Slices:
    """Return rows and columns with all cells of a band, one more on every side; they start at multiples of `STRIDE`."""
    step = STRIDE // CELL
    rows, columns = (
        slice(max(int(found[0]) - 1, 0) // step * step, int(found[-1]) + 2)
        for found in (np.flatnonzero(cells.any(1)), np.flatnonzero(cells.any(0)))
    )
    return rows, columns


def _moved(part: Slices, corner: tuple[int, int]) -> Slices:
    """Return a part of a frame that is given from a corner."""
    rows, columns = (slice(each.start + start, each.stop + start) for each, start in zip(part, corner, strict=True))
    return rows, columns


def _within(part: Slices, read: Slices) -> Slices:
    """Return the position of a part in what was read."""
    rows, columns = (
        slice(each.start - around.start, each.stop - around.start) for each, around in zip(part, read, strict=True)
    )
    return rows, columns
