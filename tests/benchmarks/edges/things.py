"""Things: a wheel, a leaf, a robot like a spider, a crate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from benchmarks.edges.anatomy import Part, Path, Subject, blob, shaded
from benchmarks.edges.drawing import Floats, floats


def wheel(path: Path, *, spokes: int = 28) -> Subject:
    """Return a spoked wheel with a tyre."""
    angle = np.linspace(0, 2 * np.pi, 121)
    ring = np.stack([np.cos(angle), np.sin(angle)], -1)

    def annulus(
        inner: float, outer: float, colour: tuple[float, float, float]
    ) -> list[tuple[Floats, tuple[float, float, float], float]]:
        return [
            (
                floats([ring[k] * inner, ring[k] * outer, ring[k + 1] * outer, ring[k + 1] * inner]),
                tuple(c * (0.6 + 0.4 * np.sin(angle[k] * 3) ** 2) for c in colour),
                1.0,
            )
            for k in range(120)
        ]

    def spoke(number: int) -> Callable[[float], Floats]:
        at, lean = 2 * np.pi * number / spokes, 0.5 if number % 2 else -0.5
        ends = floats([[0.1 * np.cos(at + lean), 0.1 * np.sin(at + lean)], [0.88 * np.cos(at), 0.88 * np.sin(at)]])
        return lambda _time: ends

    lines = [(3.0, (0.45, 0.45, 0.48), spoke(number)) for number in range(spokes)]
    parts = [
        Part(lines=lines),
        Part([*annulus(0.86, 0.92, (0.5, 0.5, 0.52)), *annulus(0.92, 1.0, (0.035, 0.035, 0.04))]),
    ]
    return Subject(
        [
            *parts,
            Part([*annulus(0.03, 0.13, (0.35, 0.34, 0.33)), *shaded(blob(0, 0, 0.05, 0.05, lumps=0), (0.6, 0.6, 0.6))]),
        ],
        path,
    )


def leaf(path: Path) -> Subject:
    """Return a leaf whose margin is translucent, with holes and a thin stalk, that flutters around its stalk."""
    along = np.linspace(0, 1, 60)
    half = 0.55 * np.sin(np.pi * along**0.8) ** 0.9 * (1 + 0.06 * np.sin(40 * along))
    outline = np.float32(
        np.concatenate([np.stack([half, 1.6 * along - 0.6], -1), np.stack([-half, 1.6 * along - 0.6], -1)[::-1]])
    )
    centre = floats([0, 0.15])
    nested = [
        (
            (centre + (outline - centre) * (1 - 0.16 * step / 20)).astype(np.float32),
            (0.16 + 0.1 * step / 20, 0.3 + 0.05 * step / 20, 0.03),
            (step + 1) / 21,
        )
        for step in range(21)
    ]
    veins = [
        (
            2.0 if abs(side) == 1 else 4.0,
            (0.36, 0.42, 0.12),
            (lambda ends: lambda _time: ends)(
                floats([[0, y], [0.36 * side * np.sin(np.pi * ((y + 0.45) / 1.6) ** 0.8), y - 0.15]])
            ),
        )
        for y in np.linspace(-0.2, 0.75, 8)
        for side in (-1, 1)
    ]
    stalk = (5.0, (0.2, 0.22, 0.06), lambda _time: floats([[0, 1.5], [0.05, 1.2], [0.02, 0.95], [0, -0.5]]))
    holes = [
        (blob(x, y, r, r * 1.3, seed=k), (0.0, 0.0, 0.0), 0.0)
        for k, (x, y, r) in enumerate([(0.22, 0.1, 0.045), (-0.2, 0.4, 0.06), (-0.18, -0.1, 0.03)])
    ]

    def flutter(time: float) -> float:
        return 0.22 * float(np.sin(0.9 * time)) + 0.08 * float(np.sin(2.3 * time))

    def squash(time: float) -> float:
        return 0.85 + 0.15 * float(np.sin(1.3 * time + 1))

    body = Part(nested, lines=[*veins, stalk], pivot=(0, 1.4), angle=flutter, squash=squash)
    return Subject([body, Part(holes, pivot=(0, 1.4), angle=flutter, squash=squash)], path)


def spider(path: Path) -> Subject:
    """Return a robot with a small body, long thin legs that walk, and two antennas."""

    def leg(number: int, side: int) -> Callable[[float], Floats]:
        def curve(time: float) -> Floats:
            lift = 0.12 * np.sin(0.5 * time + 1.7 * number + side)
            reach = 0.5 + 0.28 * number
            knee = (side * (0.25 + 0.25 * number), -0.55 + lift)
            foot = (side * reach + 0.1 * np.cos(0.5 * time + 1.7 * number), 0.85 + 0.3 * min(lift, 0))
            return floats([(side * 0.2, 0.0), knee, (knee[0] * 0.4 + foot[0] * 0.6, 0.25 + lift), foot])

        return curve

    def antenna(side: int) -> Callable[[float], Floats]:
        along = np.linspace(0, 1, 16)

        def curve(time: float) -> Floats:
            sway = 0.18 * np.sin(0.7 * time + side) * along**2
            return floats(np.stack([side * (0.1 + 0.35 * along**2) + sway, -0.2 - 1.0 * along], -1))

        return curve

    legs = [(4.0, (0.06, 0.06, 0.07), leg(number, side)) for number in range(4) for side in (-1, 1)]
    wires = [(2.0, (0.3, 0.04, 0.03), antenna(side)) for side in (-1, 1)]
    lamps = shaded(blob(0.12, -0.05, 0.06, 0.06, lumps=0), (0.9, 0.5, 0.1), steps=8)
    return Subject(
        [Part(lines=[*legs, *wires]), Part([*shaded(blob(0, 0, 0.34, 0.26, lumps=0.02), (0.5, 0.1, 0.08)), *lamps])],
        path,
    )


def crate(path: Path) -> Subject:
    """Return a painted crate with hard edges: planks, a frame, a slot."""

    def box(left: float, top: float, right: float, bottom: float) -> Floats:
        return floats([(left, top), (right, top), (right, bottom), (left, bottom)])

    planks = [
        (box(-1, -0.7 + 0.28 * k, 1, -0.44 + 0.28 * k), (0.34 + 0.04 * (k % 2), 0.2, 0.08), 1.0) for k in range(5)
    ]
    frame = [
        box(-1.05, -0.75, -0.9, 0.75),
        box(0.9, -0.75, 1.05, 0.75),
        box(-1.05, -0.8, 1.05, -0.66),
        box(-1.05, 0.66, 1.05, 0.8),
    ]
    top = floats([(-1.05, -0.8), (-0.7, -1.1), (1.35, -1.1), (1.05, -0.8)])
    side = floats([(1.05, -0.8), (1.35, -1.1), (1.35, 0.45), (1.05, 0.8)])
    slot = (box(-0.25, -0.1, 0.25, 0.05), (0.01, 0.01, 0.01), 1.0)
    return Subject(
        [
            Part(
                [
                    (top, (0.5, 0.32, 0.15), 1.0),
                    (side, (0.14, 0.08, 0.04), 1.0),
                    (box(-1, -0.75, 1, 0.75), (0.05, 0.03, 0.02), 1.0),
                    *planks,
                    *((each, (0.25, 0.15, 0.06), 1.0) for each in frame),
                    slot,
                ]
            )
        ],
        path,
    )
