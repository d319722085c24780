"""Takes alpha from the keyframe to the frames around it, where the plate looks as it does there.

The keyframe matte is exact; a propagated matte is only an estimate. Every patch of the band of
a frame is looked up in the plate of the keyframe. Where it is found, the alpha of the keyframe moves the probability
towards it. Where it is not, because the object has turned, hair has moved over another background, or the motion is too
large for the search, nothing changes.

This is done at the internal size, before the edges are refined: what the plate shows between its pixels is found there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stcn_plugin.matte.sight import Moment, Sight, brightness, edge_band
from stcn_plugin.motion import MotionSearch
from stcn_plugin.patches import SIZE, Floats, planes_of
from stcn_plugin.response import BLACK, WHITE

_FIT = 0.6
"""Difference of two patches, in contrasts of the patch, at which the weight of what was found falls to 1/e."""

_STRENGTH = 1.5
"""Multiplies the weights: colours that differ by grain alone have a weight of about two thirds."""

_LEAST = 0.5
"""Share of the patches of a pixel that has to fit for the full weight."""

_CLEAR, _SOLID = 0.1, 0.9
"""Probabilities of what is clear and what is solid on the keyframe, unless they are farther from 0.5 already."""

_ROUNDING = 0.01
"""Alpha that counts as 0, and as 1 from the other side."""


def _fade() -> Floats:
    """Return the weight of each pixel of a patch, which falls to its border: patches must not be visible in the matte."""
    line = np.sin(np.pi * (np.arange(SIZE) + 0.5) / SIZE) ** 2
    return np.asarray(np.outer(line, line).ravel(), np.float32)


_FADE = _fade()


def match_keyframe(now: Moment, keyframe: Moment, names: Sequence[str]) -> dict[str, Floats]:
    """Move probabilities towards the alpha of a keyframe.

    Args:
        now: The frame.
        keyframe: The keyframe, whose mattes are alpha, in the same window and size.
        names: Objects that both have.

    Returns:
        Object name to its probability, ``(h, w)``. Pixels outside of the band are unchanged.
    """
    bands = {name: edge_band(now.mattes[name]) for name in names}
    plate, other = planes_of(now.plate), planes_of(keyframe.plate)
    where = np.logical_or.reduce(list(bands.values())) if bands else np.zeros(now.plate.shape[:2], bool)
    search = MotionSearch(brightness(plate), where)
    if not len(search.patches):
        return {name: now.mattes[name] for name in names}
    sight = Sight(search.patches, search.patches.of(plate))
    there = search.patches.moved(search.find(brightness(other)))
    shown = there.of(other)
    fit = sight.fit(shown, _FIT)
    fading = _FADE[:, None] * fit
    weights = sight.weights(shown) * fading
    total = search.patches.sum(weights)
    # The mean over the patches that fit, but over at least half of all, so that the share fades out between both kinds.
    every = search.patches.sum(np.broadcast_to(_FADE[:, None], weights.shape))
    share = np.minimum(_STRENGTH * total / np.maximum(search.patches.sum(fading), _LEAST * every + np.float32(1e-6)), 1)
    found = {}
    for name, band in bands.items():
        drawn = search.patches.sum(weights * there.of(_softened(keyframe.mattes[name])[None])[0])
        alpha = drawn / np.maximum(total, np.float32(1e-9))
        before = now.mattes[name]
        found[name] = np.where(band, before + share * (_probability(alpha, before) - before), before)
    return found


def _softened(matte: Floats) -> Floats:
    """Return a matte that has only the values 0 and 1 with edges of two pixels; any other matte is returned unchanged."""
    from scipy.ndimage import correlate1d  # slow to import

    if ((matte > 0) & (matte < 1)).any():
        return matte
    ramp = np.array([0.25, 0.5, 0.25])
    found: Floats = correlate1d(correlate1d(matte, ramp, 0, mode="nearest"), ramp, 1, mode="nearest")
    return found


def _probability(alpha: Floats, before: Floats) -> Floats:
    """Return the probability that the default matte levels turn into alpha."""
    probability = np.float32(BLACK) + np.float32(WHITE - BLACK) * alpha
    probability = np.where(alpha < _ROUNDING, np.minimum(before, np.float32(_CLEAR)), probability)
    found: Floats = np.where(alpha > 1 - _ROUNDING, np.maximum(before, np.float32(_SOLID)), probability)
    return found
