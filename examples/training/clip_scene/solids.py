"""Rigid solid figures."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scene.geometry import Shape, box, ellipsoid, fuse, merge, surface, tube, turn, turned

from clip_scene.figure import Figure, rigid
from clip_scene.sampling import happens, log_uniform, pick, random_rotation, ripples, sign

ORIGIN = (0.0, 0.0, 0.0)


def lump(rng: np.random.Generator) -> Figure:
    """A stone, a potato or a spiky ball: an ellipsoid with ripples."""
    ball = ellipsoid(ORIGIN, (1, 1, 1), detail=40)
    swell = 1 + rng.uniform(0.03, 0.4) * ripples(rng, log_uniform(rng, 1, 9))(ball.points)
    points = ball.points * np.maximum(swell, 0.3)[:, None] * rng.uniform(0.45, 1.2, 3)
    shape = Shape(points, ball.faces, ball.slot, ball.st, ball.tint)
    return rigid(shape.moved(ORIGIN, random_rotation(rng)), stands=happens(rng, 0.4))


def blocks(rng: np.random.Generator) -> Figure:
    """A skewed stack of one to five boxes."""
    boxes, top, count = [], 0.0, int(rng.integers(1, 6))
    for _ in range(count):
        x, y, z = rng.uniform(0.2, 1.0, 3)
        aside = (*rng.uniform(-0.3, 0.3, 2), top)
        slot = int(rng.integers(0, 2))
        boxes.append(box((-x, -y, 0), (x, y, z), slot=slot).moved(aside, turn("z", rng.uniform(0, 90))))
        top += z * rng.uniform(0.5, 1.0)
    return rigid(merge(boxes), slots=2, bevel=rng.uniform(0.01, 0.06), stands=happens(rng, 0.7))


def pot(rng: np.random.Generator) -> Figure:
    """A vase, a bottle or a chess piece: a random profile of revolution, with or without handles."""
    knots = rng.uniform(0.12, 1.0, int(rng.integers(4, 8)))
    height = np.linspace(0, rng.uniform(1, 3), 40)
    radius = np.interp(np.linspace(0, len(knots) - 1, 40), np.arange(len(knots)), knots)
    if happens(rng, 0.7):
        radius = np.convolve(np.pad(radius, 4, mode="edge"), np.hanning(11)[1:-1] / np.hanning(11).sum(), "valid")
    profile = [(0.001, 0.0), *zip(radius, height, strict=True), (0.001, float(height[-1]))]
    parts = [turned(profile, sides=pick(rng, (6, 8, 32, 32)))]
    angle = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 12)
    for number in range(int(rng.integers(0, 3))):
        reach = float(radius[20]) * 0.8
        path = np.stack([reach + 0.5 * np.cos(angle), 0 * angle, height[20] + height[-1] / 4 * np.sin(angle)], 1)
        parts.append(tube(path, rng.uniform(0.06, 0.12), slot=1).moved(ORIGIN, turn("z", 180 * number)))
    return rigid(merge(parts), slots=2, stands=True)


def star(rng: np.random.Generator) -> Figure:
    """A star, a gear, a splash or a coin: an extruded outline."""
    count = int(rng.integers(3, 12))
    angle = np.linspace(0, 2 * np.pi, 241)
    wave = np.cos(count * angle)
    wave = pick(rng, (wave, np.sign(wave), 2 * np.arcsin(wave) / np.pi, np.abs(wave)))
    radius = 1 + rng.uniform(0.0, 0.5) * wave + rng.uniform(0, 0.2) * np.sin(2 * angle + rng.uniform(0, 6))
    outline = np.stack([radius * np.cos(angle), 0 * angle, radius * np.sin(angle)], -1)
    hole = outline * pick(rng, (0.0, rng.uniform(0.2, 0.6)))
    half = np.array([0, rng.uniform(0.05, 0.5), 0])
    loops = [(outline - half, hole - half), (outline + half, outline - half), (hole + half, outline + half)]
    sides = [surface(np.stack(pair), slot=int(place == 1)) for place, pair in enumerate(loops)]
    return rigid(merge([*sides, surface(np.stack([hole - half, hole + half]))]), slots=2, stands=happens(rng, 0.3))


def knot(rng: np.random.Generator) -> Figure:
    """A ring or a torus knot."""
    around, through = pick(rng, ((1, 0), (2, 3), (3, 2), (2, 5), (3, 4), (1, 5)))
    angle = np.linspace(0, 2 * np.pi, 200)
    reach = 1 + rng.uniform(0.25, 0.45) * np.cos(through * angle)
    lift = 0.4 * np.sin(through * angle)
    path = np.stack([reach * np.cos(around * angle), reach * np.sin(around * angle), lift], 1)
    return rigid(tube(path, rng.uniform(0.08, 0.35), sides=14).moved(ORIGIN, random_rotation(rng)))


def cluster(rng: np.random.Generator) -> Figure:
    """Fused balls."""
    balls = [ellipsoid(rng.normal(0, 0.55, 3), rng.uniform(0.2, 0.6, 3)) for _ in range(int(rng.integers(3, 9)))]
    chained = [tube(np.stack([one.points.mean(0), other.points.mean(0)]), 0.15) for one, other in pairwise(balls)]
    return rigid(fuse([*balls, *chained], voxel=0.09, smooth=6), stands=happens(rng, 0.3))


def glyphs(rng: np.random.Generator) -> Figure:
    """One to three random letters of straight and round strokes."""
    width, depth = rng.uniform(0.12, 0.3), rng.uniform(0.05, 0.35)
    parts, count = [], int(rng.integers(1, 4))
    for place in range(count):
        for _ in range(int(rng.integers(2, 5))):
            path = _stroke(rng) + np.array([place * 1.05, 0.0])
            parts.append(_ribbon(path, width, depth * rng.uniform(0.9, 1.0)))
    if count > 1:
        line = np.stack([np.linspace(0, 1.05 * count - 0.2, 8), np.full(8, pick(rng, (0.0, 1.0, 2.0)))], 1)
        parts.append(_ribbon(line, width, 0.8 * depth, slot=1))
    return rigid(merge(parts), slots=2, stands=happens(rng, 0.5))


def _stroke(rng: np.random.Generator) -> np.ndarray:
    """Return a vertical, horizontal, diagonal or round stroke, 0.8 wide and 2 high."""
    way = np.linspace(0, 1, 16)
    kind = int(rng.integers(4))
    if kind == 0:
        return np.stack([np.full(16, pick(rng, (0.0, 0.4, 0.8))), 2 * way], 1)
    if kind == 1:
        return np.stack([0.8 * way, np.full(16, pick(rng, (0.0, 1.0, 2.0)))], 1)
    if kind == 2:
        return np.stack([0.8 * way, 2 * (way if happens(rng, 0.5) else 1 - way)], 1)
    angle = np.pi * (2 * way if happens(rng, 0.5) else way - 0.5)
    half = pick(rng, (0.5, 1.0))
    return np.stack([0.4 + 0.4 * sign(rng) * np.cos(angle), half + half * np.sin(angle)], 1)


def _ribbon(path: np.ndarray, width: float, depth: float, *, slot: int = 0) -> Shape:
    """Sweep a rectangle along a path in the xz plane, with hard edges."""
    along = np.gradient(path, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / np.linalg.norm(along, axis=1, keepdims=True) * width / 2
    rails = [
        np.stack([rail[:, 0], np.full(len(path), y), rail[:, 1]], 1)
        for rail, y in (
            (path - across, -depth),
            (path + across, -depth),
            (path + across, depth),
            (path - across, depth),
        )
    ]
    rails.append(rails[0])
    strips = [surface(np.stack(rails[side : side + 2], 1), slot=slot) for side in range(4)]
    ends = [np.stack([[rails[0][end], rails[1][end]], [rails[3][end], rails[2][end]]]) for end in (0, -1)]
    return merge([*strips, *(surface(end, slot=slot) for end in ends)])


SOLIDS = (lump, blocks, pot, star, knot, cluster, glyphs)
