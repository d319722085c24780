"""Soft figures: cloth, and elastic versions of other figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scene.geometry import Shape, merge, surface, tube

from clip_scene.figure import Figure
from clip_scene.sampling import happens, log_uniform, pick, sign

Deform = Callable[[np.ndarray, float], np.ndarray]
"""Maps ``(N, 3)`` points within about 1 of the origin, and a time in frames, to deformed points."""


def flag(rng: np.random.Generator) -> Figure:
    """A flag on a pole."""
    pace, waves = log_uniform(rng, 0.1, 1.3), rng.uniform(2, 8)
    wide, high, amount = rng.uniform(0.7, 1.8), rng.uniform(0.5, 1.2), rng.uniform(0.1, 0.4)
    slant, notch = rng.uniform(-2, 2), rng.uniform(-0.4, 0.5)
    u, v = np.meshgrid(np.linspace(0, 1, 36), np.linspace(-0.5, 0.5, 16), indexing="ij")
    pole = tube(np.array([[0, 0, -rng.uniform(0.6, 1.8)], [0, 0, 0.7 * high]]), 0.035, slot=1)

    def at(time: float) -> Shape:
        wave = amount * u * np.sin(waves * u + slant * v - pace * time)
        sag = 0.15 * u**2 * np.cos(0.5 * pace * time)
        x = wide * u * (1 - 0.15 * amount) * (1 - notch * (0.5 - np.abs(v)))
        cloth = surface(np.stack([x, wave, high * v - sag + 0.3 * wave * v], -1))
        return merge([cloth, pole])

    return Figure(at, slots=2, stands=happens(rng, 0.5), moves=True)


def sheet(rng: np.random.Generator) -> Figure:
    """A cloth, a curtain, a carpet or a leaf, with waves in all directions."""
    wide, high = rng.uniform(0.4, 1.2, 2)
    waves = [(*rng.normal(0, 3.5, 2), log_uniform(rng, 0.1, 1.2), rng.uniform(0, 6.28)) for _ in range(3)]
    amount, fold = rng.uniform(0.05, 0.22), rng.uniform(-1.5, 1.5)
    upright = happens(rng, 0.6)
    u, v = np.meshgrid(np.linspace(-1, 1, 30), np.linspace(-1, 1, 26), indexing="ij")
    pinned = (1 - v) / 2 if upright else np.ones_like(v)
    reach = np.sqrt(np.clip(1 - (u * v) ** 2, 0, 1)) if happens(rng, 0.5) else 1.0

    def at(time: float) -> Shape:
        height = sum(np.sin(a * u + b * v + pace * time + phase) for a, b, pace, phase in waves)
        bow = fold * u**2 * (0.4 + 0.1 * np.sin(0.4 * time))
        lift = amount * height * pinned + 0.5 * bow
        flat = [wide * u * reach, high * v * reach]
        return surface(np.stack([flat[0], lift, flat[1]] if upright else [*flat, lift], -1))

    return Figure(at, moves=True)


def ribbon(rng: np.random.Generator) -> Figure:
    """A band that curls and twists."""
    pace, turns = log_uniform(rng, 0.05, 0.8), rng.uniform(0.5, 3)
    wide, curl = rng.uniform(0.06, 0.25), rng.uniform(0.5, 2.5)
    u, v = np.meshgrid(np.linspace(0, 1, 70), np.linspace(-1, 1, 5), indexing="ij")

    def at(time: float) -> Shape:
        angle = turns * 2 * np.pi * u + pace * time
        bend = curl * np.sin(2.5 * u * np.pi + 0.7 * pace * time)
        x, z = np.cumsum(np.cos(bend), 0) / 35, np.cumsum(np.sin(bend), 0) / 35
        return surface(np.stack([x, v * wide * np.cos(angle), z + v * wide * np.sin(angle)], -1))

    return Figure(at, moves=True)


def jelly(rng: np.random.Generator, figure: Figure) -> Figure:
    """Return a figure that bends, twists, squashes or wobbles."""
    deforms = [pick(rng, (_bend, _twist, _squash, _wobble))(rng) for _ in range(int(rng.integers(1, 3)))]
    rest = figure.at(0.0).points
    middle, size = rest.mean(0), np.abs(rest - rest.mean(0)).max()

    def at(time: float) -> Shape:
        shape = figure.at(time)
        points = _after(deforms, (shape.points - middle) / size, time) * size + middle
        return Shape(points, shape.faces, shape.slot, shape.st, shape.tint)

    return Figure(at, figure.slots, 0.0, figure.stands, moves=True)


def _after(deforms: Sequence[Deform], points: np.ndarray, time: float) -> np.ndarray:
    for deform in deforms:
        points = deform(points, time)
    return points


def _bend(rng: np.random.Generator) -> Deform:
    return _rotation_along_z(rng, (2, 0), (0.3, 1.0))


def _twist(rng: np.random.Generator) -> Deform:
    return _rotation_along_z(rng, (0, 1), (0.4, 1.8))


def _rotation_along_z(rng: np.random.Generator, axes: tuple[int, int], amounts: tuple[float, float]) -> Deform:
    pace, phase, amount = log_uniform(rng, 0.1, 1.0), rng.uniform(0, 6.28), rng.uniform(*amounts)

    def deform(points: np.ndarray, time: float) -> np.ndarray:
        angle = amount * np.sin(pace * time + phase) * points[:, 2]
        return _turned(points, axes, angle)

    return deform


def _turned(points: np.ndarray, axes: tuple[int, int], angle: np.ndarray) -> np.ndarray:
    """Rotate each point by its own angle, from the first axis towards the second."""
    turned = points.copy()
    a, b = (points[:, axis] for axis in axes)
    turned[:, axes[0]] = a * np.cos(angle) - b * np.sin(angle)
    turned[:, axes[1]] = a * np.sin(angle) + b * np.cos(angle)
    return turned


def _squash(rng: np.random.Generator) -> Deform:
    pace, phase, amount = log_uniform(rng, 0.15, 1.3), rng.uniform(0, 6.28), rng.uniform(0.15, 0.45)

    def deform(points: np.ndarray, time: float) -> np.ndarray:
        tall = 1 + amount * np.sin(pace * time + phase)
        return points * np.array([tall**-0.5, tall**-0.5, tall])

    return deform


def _wobble(rng: np.random.Generator) -> Deform:
    pace, amount, waves = sign(rng) * log_uniform(rng, 0.2, 1.3), rng.uniform(0.08, 0.22), rng.uniform(2, 6)

    def deform(points: np.ndarray, time: float) -> np.ndarray:
        wave = amount * np.sin(waves * points[:, [2, 0, 1]] + pace * time + np.array([0, 2, 4]))
        return points + wave

    return deform


SOFT = (flag, sheet, sheet, ribbon)
