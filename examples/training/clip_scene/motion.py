"""Where things are, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from clip_scene.chance import happens, log_uniform, pick, sign
from clip_scene.figure import straighten


def animate(thing: bpy.types.Object, path: str, values: Iterable[Sequence[float] | float]) -> None:
    """Key a property on every frame from 0 to one after the last, which motion blur asks for."""
    for frame, value in enumerate(values):
        setattr(thing, path, value)
        thing.keyframe_insert(path, frame=frame)
    straighten(thing)


@dataclass(frozen=True)
class Travel:
    """How something moves, in units in which the picture is 1 wide.

    Args:
        offsets: ``(N, 3)`` from the start: to the right, up and away from us, at frames 0 to N - 1; frame 1 is zero.
        turns: ``(N,)`` degrees about its axis.
    """

    offsets: np.ndarray
    turns: np.ndarray


def travel(rng: np.random.Generator, frames: int, *, speed: float, spin: float, heading: int) -> Travel:
    """Draw a way to move.

    Args:
        rng: Chance.
        frames: How long the clip is.
        speed: Of the fastest moment, picture widths a frame.
        spin: Degrees a frame.
        heading: -1 to the left, 1 to the right.
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
    """Draw picture widths and degrees a frame: from hardly moving to a fifth of the picture and 40 degrees."""
    speed = log_uniform(rng, 0.003, 0.2) if happens(rng, 0.85) else 0.001
    spin = log_uniform(rng, 0.5, 40) if happens(rng, 0.7) else 0.0
    return speed, spin


def hand(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return ``(count, 3)`` shake of about one unit, smooth from frame to frame."""
    time = np.arange(count)[:, None]
    waves = [np.sin(rng.uniform(*rate, 3) * time + rng.uniform(0, 6.28, 3)) for rate in ((0.1, 0.4), (0.6, 1.6))]
    return 0.7 * waves[0] + 0.3 * waves[1]
