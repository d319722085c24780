"""How the passes that arrive at a keyframe fit it."""

from __future__ import annotations

from dataclasses import dataclass

from stcn_plugin.confidence.figures import levelled, midpoint, moved_overlap, moved_to, overlap
from stcn_plugin.confidence.grids import Grid

_AGREE, _LESS = 0.6, 0.3
"""The passes from both neighbours agree if their overlap is at least the first, and that with the keyframe is less by
the second."""


@dataclass(frozen=True)
class Arrivals:
    """How the passes from both neighbouring keyframes fit a keyframe, as overlaps from 0 to 1.

    Args:
        forward: Closure of the forward pass, from the keyframe before; ``None`` if none arrives.
        backward: Closure of the backward pass, from the keyframe after.
        outlier: Overlap of the keyframe with the pass that fits it better, if both passes agree with each other and not with the
            keyframe.
    """

    forward: float | None = None
    backward: float | None = None
    outlier: float | None = None


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
