"""Keyframes that disagree with what both of their neighbours lead to."""

from __future__ import annotations

from stcn_plugin.confidence.figures import levelled, moved_overlap
from stcn_plugin.confidence.grids import Grid

_AGREE, _LESS = 0.6, 0.3
"""The passes from both neighbours agree if their overlap is at least the first, and that with the keyframe is less by
the second."""


def outlier_overlap(before: Grid, keyframe: Grid, after: Grid) -> float | None:
    """Return the overlap of a keyframe with what its neighbours lead to, if only it is at odds.

    Args:
        before: What the forward pass has on the last frame before the keyframe.
        keyframe: The keyframe.
        after: What the backward pass has on the first frame after it.

    Returns:
        The larger of the overlaps with both; ``None`` if the passes disagree with each other, or agree with the keyframe.
    """
    first, key, last = levelled(before), levelled(keyframe), levelled(after)
    together = moved_overlap(first, last)
    own = max(moved_overlap(key, first), moved_overlap(key, last))
    return own if together >= _AGREE and own < together - _LESS else None
