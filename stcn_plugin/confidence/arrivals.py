"""How the passes that arrive at a keyframe fit it."""

from __future__ import annotations

from dataclasses import dataclass

from stcn_plugin.confidence.figures import figures_of, levelled, midpoint, moved_overlap, moved_to, overlap
from stcn_plugin.confidence.grids import Grid

_AGREE, _LESS = 0.6, 0.1
"""The passes from both neighbours agree if their overlap is at least the first, and that with the keyframe is less by
the second."""


_SURE, _FITS = 0.8, 0.5
"""Certainty of an arriving matte, and its overlap with the keyframe, from which its outline is that of the object. A matte that
breaks up has more detail."""


@dataclass(frozen=True)
class Arrivals:
    """How the passes from both neighbouring keyframes fit a keyframe, as overlaps from 0 to 1.

    Args:
        forward: Closure of the forward pass, from the keyframe before; ``None`` if none arrives.
        backward: Closure of the backward pass, from the keyframe after.
        detail: Least detail of the arriving mattes that are sure of the object and fit the keyframe; ``None`` if none does.
        outlier: Overlap of the keyframe with the pass that fits it better, if both passes agree with each other and not with the
            keyframe.
    """

    forward: float | None = None
    backward: float | None = None
    detail: float | None = None
    outlier: float | None = None


def arrivals_of(
    keyframe: Grid, *, before: Grid | None, after: Grid | None, left: Grid | None, right: Grid | None
) -> Arrivals:
    """Return how the passes that arrive at a keyframe fit it.

    Args:
        keyframe: The keyframe.
        before: What the forward pass has on the frame before; ``None`` without one.
        after: What the backward pass has on the frame after.
        left: What the backward pass, which starts at the keyframe, has on the frame before.
        right: What the forward pass has on the frame after.
    """
    forward = None if before is None else closure(before, left, keyframe)
    backward = None if after is None else closure(after, right, keyframe)
    details = [
        figures.detail
        for arriving, overlaps in ((before, forward), (after, backward))
        if arriving is not None and overlaps is not None and overlaps >= _FITS
        if (figures := figures_of(arriving)).certainty >= _SURE and figures.detail is not None
    ]
    outlier = None if before is None or after is None else outlier_overlap(before, keyframe, after)
    return Arrivals(forward, backward, min(details, default=None), outlier)


def closure(arriving: Grid, leaving: Grid | None, keyframe: Grid) -> float:
    """Return the overlap of a pass with the keyframe that it arrives at.

    Both are compared on the last frame before the keyframe. There, the pass that leaves the keyframe is one frame away from
    it, and stands in for it. Without such a pass, the keyframe is moved to the centroid of the arriving one.

    Args:
        arriving: What the pass has on its last frame.
        leaving: What the pass in the other direction, which starts at the keyframe, has there.
        keyframe: The keyframe.
    """
    if leaving is None:
        return moved_overlap(levelled(arriving), levelled(keyframe))
    return overlap(levelled(arriving), levelled(leaving))


def outlier_overlap(before: Grid, keyframe: Grid, after: Grid) -> float | None:
    """Return the overlap of a keyframe with what its neighbours lead to, if only the keyframe is at odds.

    Args:
        before: What the forward pass has on the last frame before the keyframe.
        keyframe: The keyframe.
        after: What the backward pass has on the first frame after it.

    Returns:
        The larger of the overlaps with both, each moved to midway between them; ``None`` if the passes disagree with each other, or agree with the keyframe.
    """
    first, key, last = levelled(before), levelled(keyframe), levelled(after)
    together = moved_overlap(first, last)
    middle = midpoint(first, last)
    own = max(overlap(key, moved_to(each, middle)) for each in (first, last))
    return own if together >= _AGREE and own < together - _LESS else None
