"""Figures of an object on a frame: size, place and shape of its matte, and how sure the passes are of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.confidence.grids import Grid

_HALF = 0.5
_BLACK, _WHITE = 0.15, 0.85
"""The default matte levels. Below and above, doubt does not show in a matte."""

_SMALLEST_ISLAND = 0.01
"""Share of the object's area below which a part of it is not counted."""

_CROSS, _MORE = 0.25, 0.3
"""Two objects are swapped if each overlaps with the other one in the other pass by at least the first, and these overlaps
together exceed those of the objects with themselves by the second."""


@dataclass(frozen=True)
class Figures:
    """The figures of an object on a frame.

    Args:
        area: Share of the frame where the probability is above 0.5.
        x: Centroid, as a fraction of the width from the left; ``None`` if the area is 0.
        y: Centroid, as a fraction of the height from the top.
        islands: Separate parts of at least 1 % of the area.
        softness: Mean width of the soft edge, as a fraction of the long side of the frame.
        detail: Squared length of the outline over the area, 1 for a disc; ``None`` if the area is 0.
        border: Share of the outline that is on the border of the frame.
        solidity: Mean of the levelled probabilities where they are above 0.5: 1 if all of these are 1.
        certainty: Overlap of the levelled probabilities with themselves above 0.5: 1 if all are 0 or 1.
        agreement: Overlap of the two passes; ``None`` if only one reaches the object.
        swapped_with: The object whose place it has in one of the two passes.
    """

    area: float
    x: float | None
    y: float | None
    islands: int
    softness: float
    detail: float | None
    border: float
    solidity: float
    certainty: float
    agreement: float | None = None
    swapped_with: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {name: round(value, 5) if isinstance(value, float) else value for name, value in asdict(self).items()}


def blended_figures(
    forward: Mapping[str, Grid], backward: Mapping[str, Grid], weights: Mapping[str, float]
) -> dict[str, Figures]:
    """Return the figures of a propagated frame.

    Args:
        forward: Object name to the probabilities of the forward pass; empty if it does not reach the frame.
        backward: Those of the backward pass.
        weights: Object name to the weight of the forward pass. Objects that no pass reaches are left out.
    """
    found = {}
    for name, weight in weights.items():
        grid = _blend(forward.get(name), backward.get(name), weight)
        if grid is None:
            continue
        if 0 < weight < 1 and name in forward and name in backward:
            agreement = overlap(levelled(forward[name]), levelled(backward[name]))
            found[name] = figures_of(grid, agreement=agreement, swapped_with=_swapped(name, forward, backward))
        else:
            found[name] = figures_of(grid)
    return found


def figures_of(grid: Grid, *, agreement: float | None = None, swapped_with: str | None = None) -> Figures:
    """Return the figures of a matte.

    Args:
        grid: Its probabilities.
        agreement: Overlap of the two passes.
        swapped_with: The object whose place it has in one of the two passes.
    """
    mask = grid > _HALF
    count = int(np.count_nonzero(mask))
    soft = levelled(grid)
    inside = _inner(mask)
    length = max(int(np.count_nonzero(mask & ~inside)), 1)
    outside = float(soft[~mask].sum())
    y = x = detail = None
    if count:
        rows, columns = np.nonzero(mask)
        y, x = float((rows.mean() + 0.5) / grid.shape[0]), float((columns.mean() + 0.5) / grid.shape[1])
        detail = length**2 / (4 * math.pi * count)
    on_border = sum(int(np.count_nonzero(edge)) for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
    return Figures(
        area=count / mask.size,
        x=x,
        y=y,
        islands=_islands(mask, count),
        softness=float((4 * soft * (1 - soft)).sum()) / length / max(grid.shape) if count else 0.0,
        detail=detail,
        border=min(1.0, on_border / length),
        solidity=float(soft[mask].sum()) / count if count else 0.0,
        certainty=float(soft[mask].sum()) / (count + outside) if count else 0.0,
        agreement=agreement,
        swapped_with=swapped_with,
    )


def overlap(first: Grid, second: Grid) -> float:
    """Return the overlap of two mattes, the sum of their minima over that of their maxima; 1 if both are empty."""
    union = float(np.maximum(first, second).sum())
    return float(np.minimum(first, second).sum()) / union if union else 1.0


def moved_overlap(first: Grid, second: Grid) -> float:
    """Return the overlap of two mattes of different frames, after moving the second by the distance of their centroids."""
    return overlap(first, moved_to(second, _centroid(first)))


def midpoint(first: Grid, second: Grid) -> tuple[float, float] | None:
    """Return the row and column midway between the centroids of two mattes; ``None`` if one is empty."""
    a, b = _centroid(first), _centroid(second)
    return None if a is None or b is None else ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)


def moved_to(grid: Grid, place: tuple[float, float] | None) -> Grid:
    """Return a matte moved by whole cells, with its centroid at a row and column; unchanged if it is empty, or without a place."""
    own = _centroid(grid)
    if own is None or place is None:
        return grid
    return _moved(grid, round(place[0] - own[0]), round(place[1] - own[1]))


def levelled(grid: Grid) -> Grid:
    """Apply the default matte levels."""
    return np.asarray(np.clip((grid - np.float32(_BLACK)) / np.float32(_WHITE - _BLACK), 0, 1), np.float32)


def _blend(forward: Grid | None, backward: Grid | None, weight: float) -> Grid | None:
    """Return the weighted sum of both passes, or of the one that reaches the object."""
    if forward is None or backward is None:
        only, share = (forward, weight) if backward is None else (backward, 1 - weight)
        return None if only is None or share == 0 else only
    return np.asarray(forward * np.float32(weight) + backward * np.float32(1 - weight), np.float32)


def _swapped(name: str, forward: Mapping[str, Grid], backward: Mapping[str, Grid]) -> str | None:
    """Return the object that one pass has where the other pass has this one."""

    def between(first: str, second: str) -> float:
        return overlap(levelled(forward[first]), levelled(backward[second]))

    for other in forward:
        if other == name or other not in backward:
            continue
        cross = between(name, other), between(other, name)
        if min(cross) > _CROSS and sum(cross) > between(name, name) + between(other, other) + _MORE:
            return other
    return None


def _inner(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels whose four neighbours are inside, too; the border of the frame counts as outside."""
    padded = np.pad(mask, 1)
    inner: NDArray[np.bool_] = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inner


def _islands(mask: NDArray[np.bool_], count: int) -> int:
    from scipy.ndimage import label  # slow to import

    labels, number = label(mask, np.ones((3, 3), bool))
    sizes = np.bincount(labels.ravel(), minlength=number + 1)[1:]
    return int(np.count_nonzero(sizes >= max(1.0, _SMALLEST_ISLAND * count)))


def _centroid(grid: Grid) -> tuple[float, float] | None:
    rows, columns = np.nonzero(grid > _HALF)
    return (float(rows.mean()), float(columns.mean())) if len(rows) else None


def _moved(grid: Grid, down: int, across: int) -> Grid:
    height, width = grid.shape
    found = np.zeros_like(grid)
    rows, columns = slice(max(down, 0), height + min(down, 0)), slice(max(across, 0), width + min(across, 0))
    found[rows, columns] = grid[max(-down, 0) : height + min(-down, 0), max(-across, 0) : width + min(-across, 0)]
    return found
