"""Subjects: parts with flat shapes, lines and strands, that turn around pivots and move along a path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.edges.drawing import Floats, Polygons, floats
from benchmarks.edges.hair import Strands, quads

Angle = Callable[[float], float]
"""Angle of a part in radians, for a time in frames."""


def still(_time: float) -> float:
    return 0.0


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a subject, in units of the subject; y points down.

    Args:
        shapes: Flat polygons, each ``(V, 2)``, with colour and opacity.
        strands: Strands that grow on it.
        pivot: Point that it turns around.
        angle: Its angle.
        squash: Its width over its width at rest, as of a leaf that turns; a function of time.
        lines: Curves that are ``(width in pixels of a plate of 2048, colour, points as a function of time)``.
    """

    shapes: Sequence[tuple[Floats, tuple[float, float, float], float]] = ()
    strands: Strands | None = None
    pivot: tuple[float, float] = (0.0, 0.0)
    angle: Angle = still
    squash: Callable[[float], float] = lambda _time: 1.0
    lines: Sequence[tuple[float, tuple[float, float, float], Callable[[float], Floats]]] = ()

    def place(self, points: Floats, time: float) -> Floats:
        """Return points in coordinates of the subject."""
        turn = self.angle(time)
        cosine, sine = np.cos(turn), np.sin(turn)
        local = (points - floats(self.pivot)) * floats([self.squash(time), 1])
        return np.asarray(local @ floats([[cosine, sine], [-sine, cosine]]) + floats(self.pivot), np.float32)


@dataclass(frozen=True)
class Path:
    """How a subject moves: its centre in fractions of the plate, its size and its angle, by time in frames.

    Args:
        start: Where it is at time 0, ``(x, y)`` in fractions of the plate's width and height.
        speed: Movement per frame, in the same units.
        bounce: Height of its hops in fractions of the plate's height, and their length in frames.
        radius: Unit of the subject, in fractions of the plate's width.
        zoom: Growth per frame, relative.
        spin: Turn per frame in radians.
        sway: Turn to and fro in radians.
    """

    start: tuple[float, float]
    speed: tuple[float, float] = (0.0, 0.0)
    bounce: tuple[float, float] = (0.0, 12.0)
    radius: float = 0.12
    zoom: float = 0.0
    spin: float = 0.0
    sway: float = 0.0

    def place(self, points: Floats, time: float, size: tuple[int, int]) -> Floats:
        """Return points of the subject in pixels of a plate of ``(H, W)``."""
        height, width = size
        turn = self.spin * time + self.sway * np.sin(0.35 * time)
        hop = self.bounce[0] * abs(np.sin(np.pi * time / self.bounce[1]))
        x = (self.start[0] + self.speed[0] * time) * width
        y = (self.start[1] + self.speed[1] * time - hop) * height
        scale = self.radius * width * (1 + self.zoom) ** time
        cosine, sine = np.cos(turn) * scale, np.sin(turn) * scale
        return np.asarray(points @ floats([[cosine, sine], [-sine, cosine]]) + floats([x, y]), np.float32)


@dataclass(frozen=True, eq=False)
class Subject:
    """A subject: parts from back to front, and its path."""

    parts: Sequence[Part]
    path: Path

    def polygons(self, time: float, size: tuple[int, int]) -> list[Polygons]:
        """Return its polygons in pixels of a plate of ``(H, W)``."""
        found = []
        pixels = size[1] / 2048 * (1 + self.path.zoom) ** time
        for part in self.parts:
            for outline, colour, opacity in part.shapes:
                placed = self.path.place(part.place(outline, time), time, size)
                found.append(Polygons(placed[None], floats([colour]), opacity))
            for thickness, colour, curve in part.lines:
                placed = self.path.place(part.place(curve(time), time), time, size)[None]
                width = np.full(placed.shape[:2], thickness * pixels, np.float32)
                found.append(_drawn(placed, width, floats([colour])))
            if part.strands:
                placed = self._strands(part, part.strands, time, size)
                found.append(_drawn(placed, part.strands.width * pixels, part.strands.colours))
        return found

    def points(self, time: float, size: tuple[int, int]) -> Floats:
        """Return points of the subject that can be followed through time, ``(N, 2)``: strands' middles, and corners."""
        followed = []
        for part in self.parts:
            followed += [self.path.place(part.place(outline, time), time, size) for outline, _, _ in part.shapes]
            if part.strands:
                followed.append(self._strands(part, part.strands, time, size)[:, 3])
        return np.concatenate(followed)

    def _strands(self, part: Part, strands: Strands, time: float, size: tuple[int, int]) -> Floats:
        points = strands.at(time)
        flat = self.path.place(part.place(points.reshape(-1, 2), time), time, size)
        return flat.reshape(points.shape)


def _drawn(points: Floats, width: Floats, colours: Floats) -> Polygons:
    shapes = quads(points, width)
    return Polygons(shapes.reshape(-1, 4, 2), np.repeat(colours, shapes.shape[1], 0))


def blob(
    x: float,
    y: float,
    rx: float,
    ry: float,
    *,
    turn: float = 0.0,
    lumps: float = 0.06,
    seed: int = 0,
    corners: int = 72,
) -> Floats:
    """Return an uneven ellipse, ``(corners, 2)``."""
    random = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    radius = 1 + lumps * sum(random.normal(0, 1 / k) * np.cos(k * angle + random.uniform(0, 6)) for k in range(2, 6))
    local = np.stack([rx * radius * np.cos(angle), ry * radius * np.sin(angle)], -1)
    cosine, sine = np.cos(turn), np.sin(turn)
    return np.asarray(local @ np.array([[cosine, sine], [-sine, cosine]]) + (x, y), np.float32)


def shaded(
    outline: Floats, colour: tuple[float, float, float], *, steps: int = 16, light: tuple[float, float] = (-0.2, -0.3)
) -> list[tuple[Floats, tuple[float, float, float], float]]:
    """Return an outline filled with a gradient: polygons that shrink towards the light and brighten."""
    centre = outline.mean(0) + np.ptp(outline, axis=0) / 2 * light
    return [
        (
            (centre + (outline - centre) * (1 - step / steps) if step else outline).astype(np.float32),
            tuple(channel * (0.35 + 0.75 * step / steps) for channel in colour),  # type: ignore[misc]
            1.0,
        )
        for step in range(steps)
    ]
