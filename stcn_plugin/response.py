"""The response of a propagation to an object: the mean alpha at each probability that it gives.

A probability is no alpha. How the two relate differs between objects: around hair, a probability of 0.1 may mean 11 % of
coverage, and around a crate none. On a keyframe, both are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]

KNOTS = 33
"""Probabilities at which a response is measured, evenly spaced from 0 to 1."""

BLACK = 0.15
WHITE = 0.85
"""Matte levels, the defaults of a preset, that turn a probability into alpha where the response is not known."""

CERTAIN = 0.04
"""Probabilities up to this are background. Those from `WHITE` on are object, as without a response, so that the core stays
solid."""

_SLOPE = 12.5
"""Largest slope beside them."""

_MEASURED = 0.75
"""Weight of what is measured. The rest is that of the matte levels: on other frames, the network is wrong more often, and a
low probability then means background more often than on the keyframe."""

_PRIOR = 64.0
"""Network pixels per knot that speak for the matte levels, which outweigh few measured pixels."""

_DIGITS = 4


@dataclass(frozen=True)
class Response:
    """The mean alpha at evenly spaced probabilities.

    Args:
        alpha: `KNOTS` values in [0, 1] that do not fall.

    Raises:
        ValueError: The values are not such.
    """

    alpha: tuple[float, ...]

    def __post_init__(self) -> None:
        values = np.array(self.alpha, np.float64)
        if values.shape != (KNOTS,) or not (np.diff(values) >= 0).all() or values[0] < 0 or values[-1] > 1:
            raise ValueError(f"a response has {KNOTS} values in [0, 1] that do not fall")

    def __call__(self, probability: Floats) -> Floats:
        """Return the mean alpha at probabilities in [0, 1], of the same shape."""
        values = np.array(self.alpha, np.float32)
        position = probability * np.float32(KNOTS - 1)
        knot = np.minimum(position.astype(np.int32), KNOTS - 2)  # several times faster than `numpy.interp`
        found: Floats = values[knot] + np.diff(values)[knot] * (position - knot.astype(np.float32))
        return found


_POSITIONS = np.linspace(0, 1, KNOTS)


def measure_response(probability: Floats, alpha: Floats, *, enlargement: float) -> Response:
    """Measure the response where both the probability and alpha are known.

    Args:
        probability: ``(H, W)`` in [0, 1], enlarged to the plate.
        alpha: ``(H, W)`` in [0, 1].
        enlargement: Plate pixels per network pixel.

    Returns:
        The response. Where there are few pixels, it is that of the default matte levels.
    """
    counts = (probability > 0) | (alpha > 0)
    position = probability[counts].astype(np.float64) * (KNOTS - 1)
    known = alpha[counts].astype(np.float64)
    knot = np.minimum(position.astype(np.int64), KNOTS - 2)
    share = position - knot
    pixels = np.bincount(knot, 1 - share, KNOTS) + np.bincount(knot + 1, share, KNOTS)
    total = np.bincount(knot, (1 - share) * known, KNOTS) + np.bincount(knot + 1, share * known, KNOTS)
    prior = _PRIOR * enlargement**2
    usual = np.clip((_POSITIONS - BLACK) / (WHITE - BLACK), 0, 1)
    mean = (total + prior * usual) / (pixels + prior)
    # The mean of the closest sequences above and below that do not fall.
    rising = (np.maximum.accumulate(mean) + np.minimum.accumulate(mean[::-1])[::-1]) / 2
    highest = np.clip((_POSITIONS - CERTAIN) * _SLOPE, 0, 1)
    lowest = 1 - np.clip((WHITE - _POSITIONS) * _SLOPE, 0, 1)
    limited = np.clip(usual + _MEASURED * (rising - usual), lowest, highest)
    return Response(tuple(np.round(limited, _DIGITS).tolist()))


def mixed(responses: Sequence[tuple[Response, float]]) -> Response | None:
    """Return the mean of responses by weight, such as those of a forward and a backward pass; ``None`` without a weight."""
    total = sum(weight for _, weight in responses)
    if total <= 0:
        return None
    alpha = sum(np.array(response.alpha) * weight for response, weight in responses) / total
    return Response(tuple(np.clip(np.maximum.accumulate(alpha), 0, 1).tolist()))
