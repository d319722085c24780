"""Living things: an animal with fur, and a head with long hair."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from benchmarks.edges.anatomy import Angle, Part, Path, Subject, blob, shaded, still
from benchmarks.edges.drawing import Floats
from benchmarks.edges.hair import Fur, grow


def creature(fur: Fur, path: Path, *, seed: int = 1, stride: float = 0.0, tail: float = 0.35) -> Subject:
    """Return a furry animal, seen from the side: tail, legs, body, ears, head.

    Args:
        fur: Its fur; legs and ears have a shorter one.
        path: How it moves.
        seed: Seed of its shape.
        stride: How far the legs swing, in radians.
        tail: How far the tail swings.
    """
    skin = tuple(0.45 * channel for channel in fur.colour)

    def part(outline: Floats, share: float, length: float, pivot: tuple[float, float], angle: Angle) -> Part:
        own = replace(fur, count=int(fur.count * share), length=fur.length * length)
        strands = grow(outline, own, seed=seed + int(1000 * share) + int(100 * abs(pivot[0])))
        return Part(shaded(outline, skin), strands, pivot, angle)  # type: ignore[arg-type]

    def swinging(amount: float, phase: float) -> Angle:
        return lambda time: amount * float(np.sin(0.6 * time + phase))

    legs = [
        part(blob(x, 0.62, 0.1, 0.33, seed=seed), 0.07, 0.45, (x, 0.35), swinging(stride, phase))
        for x, phase in ((-0.5, 0.0), (0.38, 2.1), (-0.3, 3.1), (0.55, 5.2))
    ]
    curve = np.linspace(0, 1, 24)
    spine = np.stack([-0.8 - 0.75 * curve, -0.1 - 0.5 * curve**2 + 0.15 * np.sin(4 * curve)], -1).astype(np.float32)
    half = np.stack([np.zeros(24), 0.065 - 0.045 * curve], -1)
    tail_outline = np.concatenate([spine + half, (spine - half)[::-1]]).astype(np.float32)
    return Subject(
        [
            part(tail_outline, 0.1, 0.6, (-0.75, -0.1), swinging(tail, 0.5)),
            *legs[:2],
            part(blob(0, 0, 0.85, 0.5, seed=seed), 0.42, 1.0, (0, 0), still),
            *legs[2:],
            part(blob(0.72, -0.62, 0.09, 0.26, turn=-0.3, seed=seed + 2), 0.03, 0.35, (0.75, -0.4), swinging(0.08, 1)),
            part(blob(1.0, -0.62, 0.09, 0.26, turn=0.35, seed=seed + 3), 0.03, 0.35, (0.97, -0.4), swinging(0.08, 2)),
            part(blob(0.87, -0.28, 0.36, 0.31, seed=seed + 1), 0.2, 0.6, (0.6, -0.1), swinging(0.06, 0)),
            Part(
                [
                    *shaded(blob(0.98, -0.34, 0.05, 0.06), (0.02, 0.02, 0.02)),
                    (blob(0.965, -0.36, 0.012, 0.014), (0.9, 0.9, 0.9), 1),
                ],
                pivot=(0.6, -0.1),
                angle=swinging(0.06, 0),
            ),
            Part(shaded(blob(1.2, -0.22, 0.05, 0.04), (0.05, 0.03, 0.03)), pivot=(0.6, -0.1), angle=swinging(0.06, 0)),
        ],
        path,
    )


def portrait(fur: Fur, path: Path, *, seed: int = 3) -> Subject:
    """Return head and shoulders with long hair."""
    scalp = blob(0, -0.62, 0.47, 0.5, seed=seed, lumps=0.02)
    behind = grow(blob(0, -0.45, 0.45, 0.5, lumps=0.02), replace(fur, count=int(fur.count * 0.6)), seed=seed)
    top = scalp[scalp[:, 1] < -0.72]
    front = grow(
        top[np.argsort(np.arctan2(top[:, 1] + 0.62, top[:, 0]))],
        replace(fur, count=int(fur.count * 0.4), length=fur.length * 0.55, hang=fur.hang * 1.2),
        seed=seed + 1,
    )
    skin = (0.5, 0.3, 0.2)
    cloth = blob(0, 1.05, 0.95, 0.72, seed=seed, lumps=0.03)
    face = blob(0, -0.42, 0.36, 0.47, lumps=0.01)
    features = [
        *((blob(x, -0.47, 0.05, 0.025), (0.6, 0.55, 0.5), 1.0) for x in (-0.14, 0.14)),
        *((blob(x, -0.47, 0.025, 0.025), (0.03, 0.02, 0.02), 1.0) for x in (-0.14, 0.14)),
        *((blob(x, -0.56, 0.085, 0.014), (0.05, 0.03, 0.02), 1.0) for x in (-0.14, 0.14)),
        (blob(0, -0.2, 0.1, 0.028), (0.3, 0.08, 0.07), 1.0),
        (blob(0.01, -0.33, 0.035, 0.03), (0.36, 0.2, 0.13), 1.0),
    ]
    return Subject(
        [
            Part(shaded(scalp, tuple(0.4 * channel for channel in fur.colour)), behind),  # type: ignore[arg-type]
            Part(shaded(blob(0, 0.1, 0.17, 0.4, lumps=0), skin)),
            Part(shaded(cloth, (0.09, 0.14, 0.3))),
            Part([*shaded(face, skin), *features]),
            Part((), front),
        ],
        path,
    )
