"""The stabiliser: takes flicker out of the edges of mattes, with what the frames before and after have along the motion.

It works on probabilities at the internal size, before matte levels and edges, so that its cost does not depend on the plate, and
details that are found in the plate later stay those of their own frame.

Every patch of the band is looked up in the frame before and in the frame after. Each pixel of it takes part with a
weight that falls as its colours differ, so a pixel that has moved away, is covered, or belongs to something else
contributes nothing: moving objects leave no ghosts. A patch without contrast, such as of a black object on black,
contributes nothing either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from stcn_plugin.choices import Stabilise
from stcn_plugin.motion import SIZE, Floats, Mask, match_patches, patches_at

Mattes: TypeAlias = Mapping[str, Floats]

_SOFT = 0.05
"""Probabilities from here to 1 less this are in the band."""

_REACH = 3
"""How far the band reaches around them, in pixels at the internal size."""

_COLOUR = 0.035
"""Difference in display-referred colour at which a weight falls to 1/e."""

_CONTRAST = 0.03
"""Contrast of a patch, the standard deviation of its colours, at which its weights are halved: a plain surface looks the same
everywhere, so it does not tell where an edge has moved."""

_STEADY, _UNSTEADY = 0.01, 0.03
"""Flicker up to which `auto` does nothing, and from which it does everything."""


@dataclass(frozen=True, eq=False)
class Moment:
    """A frame at the internal size.

    Args:
        plate: ``(h, w, 3)`` display-referred, in 0-1.
        mattes: Object name to its probability, ``(h, w)`` in [0, 1].
    """

    plate: Floats
    mattes: Mattes


@dataclass(frozen=True, eq=False)
class Steadied:
    """An object on a frame.

    Args:
        matte: ``(h, w)`` in [0, 1]. Pixels outside of the band are unchanged.
        flicker: Root mean square of the difference from the other frames along the motion, in the band.
        strength: How strongly it was stabilised, 0 to 1.
    """

    matte: Floats
    flicker: float
    strength: float


def stabilise(now: Moment, others: Sequence[Moment], settings: Mapping[str, Stabilise]) -> dict[str, Steadied]:
    """Stabilise the mattes of a frame.

    Args:
        now: The frame.
        others: The frame before and the frame after, or one of them. Objects that one lacks are not taken from it.
        settings: Object name to ``auto``, ``off`` or a strength from 0 to 1. With 1, the frames before and after count as much as
            the frame itself.

    Returns:
        Every object of ``settings`` that the frame has.
    """
    names = [name for name, setting in settings.items() if name in now.mattes and setting not in ("off", 0)]
    found = {name: Steadied(now.mattes[name], 0.0, 0.0) for name in settings if name in now.mattes}
    bands = {name: edge_band(now.mattes[name]) for name in names}
    if not names or not others:
        return found
    where = np.logical_or.reduce(list(bands.values()))
    plate = _planes(now.plate)
    sums = {name: _Sums(now.mattes[name].size) for name in names}
    for other in others:
        shared = [name for name in names if name in other.mattes]
        if shared:
            _collect(plate, _planes(other.plate), where, {name: other.mattes[name] for name in shared}, sums)
    return found | {name: _blended(now.mattes[name], bands[name], sums[name], settings[name]) for name in names}


def edge_band(matte: Floats) -> Mask:
    """Return the ``(h, w)`` band around what is soft in a matte."""
    from scipy.ndimage import maximum_filter  # slow to import

    band: Mask = maximum_filter((matte > _SOFT) & (matte < 1 - _SOFT), 2 * _REACH + 1)
    return band


class _Sums:
    """Weighted sums of what other frames have for each pixel, and of the weights."""

    def __init__(self, pixels: int) -> None:
        self.values = np.zeros(pixels)
        self.weights = np.zeros(pixels)


def _collect(plate: Floats, other: Floats, where: Mask, mattes: Mattes, sums: Mapping[str, _Sums]) -> None:
    """Add what another frame has, at most with a weight of 1 per pixel."""
    # Brightness finds the motion as well as colours do (squared error of four scenes within 1.5 %), in 60 % of the time.
    motion = match_patches(plate.mean(0, keepdims=True), other.mean(0, keepdims=True), where)
    rows, columns = motion.rows, motion.columns
    if not len(rows):
        return
    reference = patches_at(plate, rows, columns)
    stacked = np.concatenate([other, np.stack(list(mattes.values()))])
    width = where.shape[1]
    offsets = np.arange(SIZE)
    pixels = ((rows[:, None] + offsets)[:, :, None] * width + (columns[:, None] + offsets)[:, None, :]).ravel()
    count = where.size
    own = {name: _Sums(count) for name in mattes}
    weights = np.zeros(count)
    cover = np.bincount(pixels, minlength=count)
    # What is beside a moving object often does not move.
    for place in ((rows + motion.motion[:, 0], columns + motion.motion[:, 1]), (rows, columns)):
        found = patches_at(stacked, *place)
        weight = _weights(reference, found[: len(other)]).ravel()
        weights += np.bincount(pixels, weight, count)
        for name, values in zip(mattes, found[len(other) :], strict=True):
            own[name].values += np.bincount(pixels, weight * values.ravel(), count)
    # Of two places, one may fit; both together do not count twice.
    scale = np.minimum(weights / np.maximum(cover, 1), 1) / np.maximum(weights, 1e-9)
    for name, each in own.items():
        sums[name].values += each.values * scale
        sums[name].weights += weights * scale


def _weights(reference: Floats, found: Floats) -> Floats:
    """Return the weight of every pixel of patches, ``(N, size, size)``, from the colours of it and its neighbours."""
    from scipy.ndimage import uniform_filter

    difference = uniform_filter(np.abs(reference - found).mean(0), (0, 3, 3), mode="nearest")
    contrast = reference.var((2, 3)).mean(0)[:, None, None]
    weight: Floats = np.exp(-np.square(difference / np.float32(_COLOUR)))
    weight *= contrast / (contrast + np.float32(_CONTRAST**2))
    return weight


def _blended(matte: Floats, band: Mask, sums: _Sums, setting: Stabilise) -> Steadied:
    weights = sums.weights.reshape(matte.shape)[band]
    change = sums.values.reshape(matte.shape)[band] - weights * matte[band]
    total = weights.sum()
    if not total:
        return Steadied(matte, 0.0, 0.0)
    flicker = float(np.sqrt(np.sum(change**2 / np.maximum(weights, 1e-9)) / total))
    strength = _automatic(flicker) if isinstance(setting, str) else setting
    if not strength:
        return Steadied(matte, flicker, 0.0)
    steady = matte.copy()
    steady[band] = np.clip(matte[band] + strength * change / (1 + strength * weights), 0, 1)
    return Steadied(steady, flicker, float(strength))


def _automatic(flicker: float) -> float:
    return min(max((flicker - _STEADY) / (_UNSTEADY - _STEADY), 0.0), 1.0)


def _planes(plate: Floats) -> Floats:
    return np.ascontiguousarray(np.moveaxis(plate, -1, 0), np.float32)
