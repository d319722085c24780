"""Strands: fur and hair that grow on outlines, bend, wave in the wind, and move with the part they grow on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from benchmarks.edges.drawing import Floats, floats


@dataclass(frozen=True)
class Fur:
    """How strands grow. Lengths are in units of the object, widths in pixels of the plate.

    Args:
        count: Number of strands.
        length: Mean length.
        width: Width at the root, in pixels of a plate of 2048; strands taper to a fifth.
        spread: Standard deviation of the direction, in radians.
        hang: How far strands turn downwards towards their tip, 0 to 1.
        curl: Sideways wave, in radians.
        stray: Fraction of strands that are twice as long and twice as spread: flyaways.
        wind: How far tips move to and fro, in units of the object.
        rim: Fraction of strands that grow on the outline; the others grow inside.
        colour: ``(3,)`` scene-linear, of the lit side.
        variety: Standard deviation of the brightness, relative.
        steps: Points along a strand.
    """

    count: int
    length: float
    width: float = 1.6
    spread: float = 0.35
    hang: float = 0.3
    curl: float = 0.3
    stray: float = 0.03
    wind: float = 0.0
    rim: float = 0.4
    colour: tuple[float, float, float] = (0.32, 0.2, 0.11)
    variety: float = 0.3
    steps: int = 7


@dataclass(frozen=True, eq=False)
class Strands:
    """Strands in coordinates of the part that they grow on.

    Args:
        points: ``(N, S, 2)`` from root to tip.
        width: ``(N, S)`` in pixels of a plate of 2048.
        colours: ``(N, 3)``.
        phase: ``(N,)`` of their movement in the wind.
        wind: How far tips move.
    """

    points: Floats
    width: Floats
    colours: Floats
    phase: Floats
    wind: float

    def at(self, time: float) -> Floats:
        """Return the points at a time in frames."""
        along = np.linspace(0, 1, self.points.shape[1], dtype=np.float32) ** 2
        swing = np.sin(0.55 * time + self.phase) + 0.5 * np.sin(1.27 * time + 2.1 * self.phase)
        moved: Floats = self.points.copy()
        moved[..., 0] += self.wind * swing[:, None] * along
        moved[..., 1] += 0.35 * self.wind * np.cos(0.4 * time + self.phase)[:, None] * along
        return moved


def grow(outline: Floats, fur: Fur, *, seed: int) -> Strands:
    """Grow strands on an outline and inside it.

    Args:
        outline: ``(M, 2)`` corners, in order.
        fur: How they grow.
        seed: Seed of all randomness.
    """
    random = np.random.default_rng(seed)
    centre = outline.mean(0)
    roots, outward, depth = _roots(outline, fur, random)
    stray = random.random(fur.count) < fur.stray
    angle = np.arctan2(outward[:, 1], outward[:, 0])
    # Neighbours share a direction, as in clumps.
    clump = np.sin(9 * roots[:, 0] + 3 * np.sin(7 * roots[:, 1])) + np.sin(
        11 * roots[:, 1] + 2 * np.sin(5 * roots[:, 0])
    )
    angle += fur.spread * (0.6 * clump + random.normal(0, 0.6, fur.count)) * np.where(stray, 2, 1)
    length = fur.length * random.uniform(0.5, 1.2, fur.count) * np.where(stray, 1.8, 1)
    along = np.linspace(0, 1, fur.steps)
    wave = fur.curl * np.sin(
        2 * np.pi * along * random.uniform(0.5, 1.4, (fur.count, 1)) + random.uniform(0, 6.3, (fur.count, 1))
    )
    heading = angle[:, None] + wave
    steps = np.stack([np.cos(heading), np.sin(heading)], -1)
    steps += fur.hang * 2 * along[:, None] * np.array([0.0, 1.0])
    steps /= np.linalg.norm(steps, axis=-1, keepdims=True)
    steps[:, 0] = 0
    points = roots[:, None] + np.cumsum(steps * (length / (fur.steps - 1))[:, None, None], axis=1)
    lit = 0.35 + 0.65 * np.clip(0.55 - 0.6 * (roots[:, 1] - centre[1]) / np.ptp(outline[:, 1]) - 0.25 * depth, 0, 1)
    shade = lit * np.exp(random.normal(0, fur.variety, fur.count)) * (1 + 0.15 * clump)
    order = np.argsort(
        -depth + random.normal(0, 0.08, fur.count)
    )  # the outermost first, so that inner ones cover their roots
    width = fur.width * random.uniform(0.7, 1.3, (fur.count, 1)) * (1 - 0.8 * along)
    colours = np.asarray(fur.colour) * shade[:, None] * random.uniform(0.9, 1.1, (fur.count, 3))
    phase = 6 * roots[:, 0] + 4 * roots[:, 1] + random.normal(0, 0.5, fur.count)
    return Strands(
        points=floats(points[order]),
        width=floats(width[order]),
        colours=floats(colours[order]),
        phase=floats(phase[order]),
        wind=fur.wind,
    )


def quads(points: Floats, width: Floats) -> Floats:
    """Return strands as quadrilaterals between their points, ``(N, S - 1, 4, 2)``.

    Args:
        points: ``(N, S, 2)`` in pixels.
        width: ``(N, S)`` in pixels.
    """
    along = np.gradient(points, axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    side = np.stack([-along[..., 1], along[..., 0]], -1) * (width / 2)[..., None]
    left, right = points + side, points - side
    return np.stack([left[:, :-1], left[:, 1:], right[:, 1:], right[:, :-1]], 2).astype(np.float32)


def _roots(outline: Floats, fur: Fur, random: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Return roots ``(N, 2)``, outward directions ``(N, 2)``, and 0 on the rim to 1 in the middle."""
    centre = outline.mean(0)
    place = random.uniform(0, len(outline), fur.count)
    first = place.astype(int) % len(outline)
    fraction = (place % 1)[:, None]
    rim = outline[first] * (1 - fraction) + outline[(first + 1) % len(outline)] * fraction
    tangent = outline[(first + 1) % len(outline)] - outline[first]
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], -1)
    normal *= np.sign(((rim - centre) * normal).sum(-1, keepdims=True))
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    inner = np.where(
        np.arange(fur.count) < fur.rim * fur.count,
        random.uniform(0.93, 1, fur.count),
        np.sqrt(random.random(fur.count)),
    )
    roots = centre + (rim - centre) * inner[:, None]
    return roots, normal, 1 - inner
