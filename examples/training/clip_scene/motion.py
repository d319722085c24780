"""Motion of objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from clip_scene.figure import straighten
from clip_scene.sampling import happens, log_uniform, pick, sign


def animate(thing: bpy.types.Object, path: str, values: Iterable[Sequence[float] | float]) -> None:
    """Keyframe a property on every frame, plus one frame on either side for motion blur."""
    for frame, value in enumerate(values):
        setattr(thing, path, value)
        thing.keyframe_insert(path, frame=frame)
    straighten(thing)


@dataclass(frozen=True)
class Travel:
    """Motion of an object, in image widths.

    Args:
        offsets: ``(N, 3)`` offsets from the start (right, up, away) at frames 0 to N - 1; zero at frame 1.
        turns: ``(N,)`` rotation about its axis in degrees.
    """

    offsets: np.ndarray
    turns: np.ndarray


def travel(rng: np.random.Generator, frames: int, *, speed: float, spin: float, heading: int) -> Travel:
    """Return a random motion.

    Args:
        rng: Random generator.
        frames: Number of frames.
        speed: Maximum speed in image widths per frame.
        spin: Rotation in degrees per frame.
        heading: -1 for left, 1 for right.
    """
    time = np.arange(-1.0, frames + 1)
    kind = pick(rng, ("straight", "sway", "arc", "hop", "rush"), (4, 1.5, 1.5, 2, 1))
    slant = rng.normal(0, 0.35)
    away = rng.normal(0, 0.6)
    across, up = speed * time, slant * speed * time
    if kind == "sway":
        rate = rng.uniform(0.4, 1.5)
        across = speed / rate * np.sin(rate * time)
        up = slant * across
    elif kind == "arc":
        rate = rng.uniform(0.1, 0.5) * sign(rng)
        across, up = speed / rate * np.sin(rate * time), speed / rate * (1 - np.cos(rate * time))
    elif kind == "hop":
        rate, phase = rng.uniform(0.3, 1.2), rng.uniform(0, np.pi)
        up = 0.7 * speed / rate * np.abs(np.sin(rate * time + phase))
    elif kind == "rush":
        across = speed * time * np.abs(time) / frames
        up = slant * across
    depth = away * across if happens(rng, 0.5) else 0 * across
    offsets = np.stack([heading * across, up, depth], 1)
    wobble = 0.3 * spin * np.sin(rng.uniform(0.5, 2) * time) if happens(rng, 0.3) else 0 * time
    return Travel(offsets - offsets[1], sign(rng) * (spin * time + wobble))


def speeds(rng: np.random.Generator) -> tuple[float, float]:
    """Return a random speed (image widths per frame, up to 0.2) and spin (degrees per frame, up to 40)."""
    speed = log_uniform(rng, 0.003, 0.2) if happens(rng, 0.85) else 0.001
    spin = log_uniform(rng, 0.5, 40) if happens(rng, 0.7) else 0.0
    return speed, spin


def hand(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return smooth camera shake ``(count, 3)`` of about one unit."""
    time = np.arange(count)[:, None]
    waves = [np.sin(rng.uniform(*rate, 3) * time + rng.uniform(0, 6.28, 3)) for rate in ((0.1, 0.4), (0.6, 1.6))]
    return 0.7 * waves[0] + 0.3 * waves[1]
