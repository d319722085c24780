"""Random sampling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

Option = TypeVar("Option")


def happens(rng: np.random.Generator, probability: float) -> bool:
    """Return true with this probability."""
    return bool(rng.random() < probability)


def pick(rng: np.random.Generator, options: Sequence[Option], weights: Sequence[float] | None = None) -> Option:
    """Return one of the options; ``weights`` need not sum to 1."""
    shares = None if weights is None else np.asarray(weights, float) / np.sum(weights)
    return options[int(rng.choice(len(options), p=shares))]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a log-uniformly distributed number."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def sign(rng: np.random.Generator) -> int:
    """Return -1 or 1."""
    return pick(rng, (-1, 1))


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """Return a uniformly distributed 3x3 rotation."""
    w, x, y, z = _unit(rng, 4)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def ripples(rng: np.random.Generator, frequency: float, *, count: int = 4) -> Callable[[np.ndarray], np.ndarray]:
    """Return a smooth function from ``(N, 3)`` points to ``(N,)`` values about -1 to 1."""
    waves = np.stack([_unit(rng, 3) * rng.uniform(0.5, 1.5) for _ in range(count)]) * frequency
    phases = rng.uniform(0, 2 * np.pi, count)
    return lambda points: np.sin(points @ waves.T + phases).sum(1) / np.sqrt(count)


def _unit(rng: np.random.Generator, size: int) -> np.ndarray:
    vector = rng.normal(size=size)
    return vector / np.linalg.norm(vector)
