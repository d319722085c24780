"""What patches of a frame show, compared with what was found for them in other frames, at the internal size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from stcn_plugin.patches import SIZE, Floats, Mask, Patches

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


@dataclass(frozen=True, eq=False)
class Moment:
    """A frame at the internal size.

    Args:
        plate: ``(h, w, 3)`` display-referred, in 0-1.
        mattes: Object name to its probability, ``(h, w)`` in [0, 1].
    """

    plate: Floats
    mattes: Mattes


class Sight:
    """What the patches of a frame show.

    Args:
        patches: The patches.
        colours: ``(C, P, N)`` their pixels.
    """

    def __init__(self, patches: Patches, colours: Floats) -> None:
        self.patches = patches
        self._colours = colours
        contrast = colours.var(1).mean(0)
        self._contrast = np.sqrt(contrast)
        self._evidence = contrast / (contrast + np.float32(_CONTRAST**2))

    @cached_property
    def cover(self) -> Floats:
        """How many patches each pixel is in, ``(h, w)``."""
        return self.patches.sum(np.ones(self._colours.shape[1:], np.float32))

    def weights(self, found: Floats) -> Floats:
        """Return the weight of every pixel of what was found, ``(P, N)``, from its colours and those of its neighbours."""
        difference = self._colours - found
        np.abs(difference, out=difference)
        square = difference.sum(0).reshape(SIZE, SIZE, -1)
        around = _with_neighbours(_with_neighbours(square).swapaxes(0, 1)).swapaxes(0, 1)
        weight: Floats = around.reshape(SIZE**2, -1)
        weight *= np.float32(1 / (9 * len(found) * _COLOUR))
        np.square(weight, out=weight)
        np.exp(np.negative(weight, out=weight), out=weight)
        weight *= self._evidence
        return weight

    def fit(self, found: Floats, scale: float) -> Floats:
        """Return how well what was found fits each patch, ``(N,)``.

        Args:
            found: ``(C, P, N)``.
            scale: Root mean square of the difference, in contrasts of the patch, at which the fit is 1/e.
        """
        difference = np.square(self._colours - found).mean((0, 1))
        fit: Floats = np.exp(-difference / np.maximum(np.square(np.float32(scale) * self._contrast), np.float32(1e-9)))
        return fit


def edge_band(matte: Floats) -> Mask:
    """Return the ``(h, w)`` band around what is soft in a matte."""
    from scipy.ndimage import maximum_filter  # slow to import

    band: Mask = maximum_filter((matte > _SOFT) & (matte < 1 - _SOFT), 2 * _REACH + 1)
    return band


def brightness(planes: Floats) -> Floats:
    """Return the mean of the channels, ``(1, h, w)``."""
    return np.asarray(planes.mean(0, keepdims=True))


def _with_neighbours(rows: Floats) -> Floats:
    """Return the sum of each row with the one above and the one below. The outermost rows are repeated."""
    found: Floats = rows.copy()
    found[1:] += rows[:-1]
    found[:-1] += rows[1:]
    found[0] += rows[0]
    found[-1] += rows[-1]
    return found
