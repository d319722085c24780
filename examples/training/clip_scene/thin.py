"""Thin figures of rods, wires and fins."""

from __future__ import annotations

import numpy as np
from scene.geometry import Shape, ellipsoid, merge, surface, tube, turn, turned

from clip_scene.figure import Figure, rigid
from clip_scene.sampling import happens, pick, random_rotation

ORIGIN = (0.0, 0.0, 0.0)


def coil(rng: np.random.Generator) -> Figure:
    """A spring."""
    way = np.linspace(0, 1, 160)
    angle = 2 * np.pi * rng.uniform(2, 6) * way
    radius = rng.uniform(0.3, 0.8) * (1 - rng.uniform(0, 0.7) * way)
    path = np.stack([radius * np.cos(angle), radius * np.sin(angle), rng.uniform(1, 2.5) * way], 1)
    return rigid(tube(path, rng.uniform(0.03, 0.1), sides=8).moved(ORIGIN, random_rotation(rng)))


def lattice(rng: np.random.Generator) -> Figure:
    """A fence, a gate, a scaffold or a cage: a grid of rods."""
    x, y, z = (int(rng.integers(2, 5)), pick(rng, (1, 1, 2)), int(rng.integers(2, 5)))
    radius, cell = rng.uniform(0.02, 0.07), rng.uniform(0.35, 0.7)
    rods = []
    for axis, (a, b, length) in enumerate(((y, z, x), (x, z, y), (x, y, z))):
        for i in range(a):
            for j in range(b):
                start = np.insert(np.array([i, j], float), axis, -0.25)
                end = np.insert(np.array([i, j], float), axis, length - 0.75)
                rods.append(tube(np.stack([start, end]) * cell, radius, sides=6, slot=axis // 2))
    return rigid(merge(rods), slots=2, stands=happens(rng, 0.5))


def fins(rng: np.random.Generator) -> Figure:
    """A fan, a flower, a shuttlecock or a palm: blades around a hub."""
    count, lift, bend = int(rng.integers(3, 12)), rng.uniform(-0.3, 1.0), rng.uniform(-0.8, 0.8)
    u, v = np.meshgrid(np.linspace(0, 1, 14), np.linspace(-1, 1, 5), indexing="ij")
    width = v * rng.uniform(0.05, 0.3) * np.sin(np.pi * (0.08 + 0.9 * u)) ** rng.uniform(0.4, 1.5)
    twist = rng.uniform(-1, 1) * width
    blade = surface(np.stack([0.1 + u, width, lift * u + bend * u**2 + twist], -1))
    blades = [blade.moved(ORIGIN, turn("z", 360 * number / count)) for number in range(count)]
    hub = ellipsoid(ORIGIN, rng.uniform(0.05, 0.25, 3), detail=16, slot=1)
    stem = tube(np.array([[0, 0, 0], [0, 0, -rng.uniform(0.2, 1.5)]]), 0.04, slot=1)
    return rigid(merge([*blades, hub, stem]), slots=2, stands=happens(rng, 0.4))


def tree(rng: np.random.Generator) -> Figure:
    """A tree with forking branches, with or without leaves."""
    twigs: list[Shape] = []
    tips: list[np.ndarray] = []

    def grow(start: np.ndarray, way: np.ndarray, length: float, radius: float, forks: int) -> None:
        end = start + way * length
        middle = (start + end) / 2 + rng.normal(0, 0.06, 3) * length
        twigs.append(tube(np.stack([start, middle, end]), np.linspace(radius, 0.7 * radius, 3), sides=6))
        if not forks:
            tips.append(end)
            return
        for _ in range(int(rng.integers(2, 4))):
            aside = way + rng.normal(0, 0.5, 3)
            grow(end, aside / np.linalg.norm(aside), length * rng.uniform(0.55, 0.85), 0.65 * radius, forks - 1)

    grow(np.zeros(3), np.array([0, 0, 1.0]), 1.0, rng.uniform(0.04, 0.14), int(rng.integers(1, 4)))
    if happens(rng, 0.6):
        size = rng.uniform(0.06, 0.3)
        twigs += [
            ellipsoid(tip, size * rng.uniform(0.4, 1, 3), random_rotation(rng), detail=10, slot=1) for tip in tips
        ]
    return rigid(merge(twigs), slots=2, stands=happens(rng, 0.7))


def wheel(rng: np.random.Generator) -> Figure:
    """A rim with spokes, facing the camera."""
    count, radius = int(rng.integers(3, 13)), rng.uniform(0.03, 0.1)
    angle = np.linspace(0, 2 * np.pi, 65)
    rim = tube(np.stack([np.cos(angle), 0 * angle, np.sin(angle)], 1), 1.6 * radius)
    spoke = tube(np.array([[0, 0, 0], [1.0, 0, 0]]), 0.6 * radius, sides=6, slot=1)
    hub = turned([(0.001, -0.1), (0.15, -0.1), (0.15, 0.1), (0.001, 0.1)], sides=16).moved(ORIGIN, turn("x", 90))
    spokes = [spoke.moved(ORIGIN, turn("y", 360 * number / count)) for number in range(count)]
    return rigid(merge([rim, hub, *spokes]), slots=2, stands=happens(rng, 0.5))


def scrawl(rng: np.random.Generator) -> Figure:
    """A randomly bent wire."""
    knots = rng.normal(0, 0.8, (int(rng.integers(4, 9)), 3))
    way = np.linspace(0, len(knots) - 1, 120)
    path = np.stack([np.interp(way, np.arange(len(knots)), knots[:, axis]) for axis in range(3)], 1)
    window = np.hanning(25)[1:-1] / np.hanning(25).sum()
    path = np.stack([np.convolve(np.pad(path[:, axis], 11, mode="edge"), window, "valid") for axis in range(3)], 1)
    return rigid(tube(path, rng.uniform(0.03, 0.12), sides=8))


THIN = (coil, lattice, fins, tree, wheel, scrawl)
