"""Flicker of mattes without ground truth: where an edge differs from both neighbouring frames, along the motion in the plate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stcn_plugin.motion import MotionSearch
from stcn_plugin.patches import Floats, Mask, planes_of

LINES = 270
"""Lines of the images that it is measured in."""

_EDGE = 0.05
"""Mattes from here to 1 less this are soft. A difference of this much between two pixels is an edge, too."""

_REACH = 3
"""Distance that the band reaches around the edge, in pixels."""

_COLOUR = 0.015
"""Difference in display-referred colour at which the weight of a pixel falls to 1/e."""


@dataclass(frozen=True, eq=False)
class Moment:
    """A frame.

    Args:
        plate: ``(h, w, 3)`` display-referred.
        mattes: Object name to its matte ``(h, w)``.
    """

    plate: Floats
    mattes: Mapping[str, Floats]


def unsteadiness(before: Moment, now: Moment, after: Moment) -> dict[str, float]:
    """Return how much the edge of each matte flickers.

    A pixel flickers if it is above, or below, both neighbouring frames, each at the place to which the plate moves; by the
    smaller of the two differences. Where the plate has no such place, because something is uncovered or moves too fast, a
    pixel counts little.

    Args:
        before: The previous frame.
        now: The frame.
        after: The next frame.

    Returns:
        Object name to the mean in a band around its edge, 0 to 1, without objects that have no edge or are not on all three
        frames.
    """
    bands = {
        name: band
        for name, matte in now.mattes.items()
        if name in before.mattes and name in after.mattes and (band := _band(matte)).any()
    }
    if not bands:
        return {}
    search = MotionSearch(planes_of(now.plate), np.logical_or.reduce(list(bands.values())))
    earlier, later = (_along_motion(search, now, other, tuple(bands)) for other in (before, after))
    certain = np.minimum(earlier.weight, later.weight)
    found = {}
    for name, band in bands.items():
        first, second = (now.mattes[name] - each.mattes[name] for each in (earlier, later))
        change = np.where(first * second > 0, np.minimum(np.abs(first), np.abs(second)), 0)
        if total := float(certain[band].sum(dtype=np.float64)):
            found[name] = float((certain * change)[band].sum(dtype=np.float64)) / total
    return found


@dataclass(frozen=True, eq=False)
class _Moved:
    """What another frame has along the motion, and how well its colours fit, 0 to 1."""

    mattes: Mapping[str, Floats]
    weight: Floats


def _along_motion(search: MotionSearch, now: Moment, other: Moment, names: tuple[str, ...]) -> _Moved:
    patches, there = search.patches, planes_of(other.plate)
    moved = patches.moved(search.find(there))
    difference = np.abs(patches.of(planes_of(now.plate)) - moved.of(there)).mean(0)
    weight = np.exp(-np.square(difference / np.float32(_COLOUR)))
    weights, cover = patches.sum(weight), patches.sum(np.ones_like(weight))
    scale = 1 / np.maximum(weights, np.float32(1e-9))
    mattes = {name: patches.sum(weight * moved.of(other.mattes[name][None])[0]) * scale for name in names}
    return _Moved(mattes, weights / np.maximum(cover, np.float32(1)))


def _band(matte: Floats) -> Mask:
    """Return where a matte is soft or has an edge, with its surroundings."""
    from scipy.ndimage import maximum_filter  # slow to import

    steps = [np.abs(np.diff(matte, axis=axis, append=np.take(matte, [-1], axis))) for axis in (0, 1)]
    edge = ((matte > _EDGE) & (matte < 1 - _EDGE)) | (np.maximum(*steps) > _EDGE)
    band: Mask = maximum_filter(edge, 2 * _REACH + 1)
    return band
