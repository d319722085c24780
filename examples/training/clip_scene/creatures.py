"""Animated creatures: walkers, fliers, swimmers, crawlers."""

from __future__ import annotations

import numpy as np
from scene.geometry import Shape, ellipsoid, loft, merge, surface, turn, turned

from clip_scene.figure import Figure
from clip_scene.sampling import happens, log_uniform, pick

ORIGIN = (0.0, 0.0, 0.0)


def walker(rng: np.random.Generator) -> Figure:
    """An animal with two to eight legs, a nodding head, ears and a wagging tail."""
    pace, phase = _pace(rng), rng.uniform(0, 6.28)
    pairs = pick(rng, (1, 2, 2, 2, 3, 4))
    length, girth, tall = rng.uniform(0.5, 1.1), rng.uniform(0.2, 0.4), rng.uniform(0.25, 0.6)
    thick, stride, knee = rng.uniform(0.05, 0.11), rng.uniform(15, 50), rng.uniform(10, 50)
    neck, size, ears = rng.uniform(0.1, 0.6), rng.uniform(0.15, 0.32), rng.uniform(0.1, 0.5)
    snout, tail_length, tail_lift = rng.uniform(0.0, 0.25), rng.uniform(0.2, 0.9), rng.uniform(-60, 60)
    trunk = ellipsoid(ORIGIN, (length, girth, girth * rng.uniform(0.8, 1.4)), detail=28)

    def at(time: float) -> Shape:
        beat = pace * time + phase
        parts = [trunk.moved((0, 0, 0.04 * np.sin(2 * beat)))]
        for pair in range(pairs):
            x = length * 0.7 * (1 - 2 * pair / max(pairs - 1, 1)) if pairs > 1 else 0.0
            for side in (-1, 1):
                step = beat + np.pi * (side > 0) + 2.2 * pair
                hip = np.array([x, side * girth * 0.7, -0.4 * girth])
                swing, fold = stride * np.sin(step), knee * (1 + np.cos(step)) / 2
                parts.append(_leg(hip, swing, fold, tall, thick))
        nod = turn("y", 12 * np.sin(beat))
        shoulder = np.array([length * 0.85, 0, 0.1])
        parts.append(_capsule(neck, 0.5 * girth).moved(shoulder, turn("y", -150) @ nod))
        crown = shoulder + turn("y", -150) @ nod @ np.array([0, 0, -neck])
        parts.append(ellipsoid(crown, (size + snout, size, size), nod, slot=1))
        for side in (-1, 1):
            root = crown + nod @ np.array([-0.3 * size, side * 0.5 * size, 0.7 * size])
            parts.append(_capsule(ears, 0.3 * size, 0.1 * size, slot=1).moved(root, nod @ turn("x", 180 - 20 * side)))
        wag = turn("z", 30 * np.sin(1.7 * beat)) @ turn("y", 90 + tail_lift)
        parts.append(_capsule(tail_length, 0.5 * thick + 0.04, 0.03, slot=1).moved((-0.9 * length, 0, 0.1), wag))
        return merge(parts)

    return Figure(at, slots=3, stands=True, moves=True)


def biped(rng: np.random.Generator) -> Figure:
    """A person who walks, runs or waves."""
    pace, phase = _pace(rng), rng.uniform(0, 6.28)
    stride, reach, fold = rng.uniform(10, 50), rng.uniform(10, 90), rng.uniform(0, 90)
    thigh, arm, thick = rng.uniform(0.35, 0.55), rng.uniform(0.3, 0.5), rng.uniform(0.07, 0.14)
    broad, head = rng.uniform(0.16, 0.32), rng.uniform(0.14, 0.28)
    spread, lean = rng.uniform(0, 70), rng.uniform(-5, 20)
    hat = happens(rng, 0.5)

    def at(time: float) -> Shape:
        beat = pace * time + phase
        sway = turn("y", lean) @ turn("z", 12 * np.sin(beat))
        parts = [ellipsoid(sway @ [0, 0, 0.35], (0.75 * broad, broad, 0.45), sway)]
        for side in (-1, 1):
            step = beat + np.pi * (side > 0)
            parts.append(
                _leg(
                    np.array([0, side * 0.5 * broad, 0]),
                    stride * np.sin(step),
                    stride * (1 + np.cos(step)) / 2,
                    thigh,
                    thick,
                    slot=1,
                )
            )
            shoulder = sway @ np.array([0, side * broad, 0.62])
            out = turn("x", -side * -spread)
            upper = sway @ out @ turn("y", -reach * np.sin(step))
            elbow = shoulder + upper @ np.array([0, 0, -arm])
            parts.append(_capsule(arm, 0.75 * thick).moved(shoulder, upper))
            parts.append(_capsule(arm, 0.65 * thick, 0.5 * thick, slot=2).moved(elbow, upper @ turn("y", -fold)))
        crown = sway @ np.array([0.05, 0, 0.8 + head])
        parts.append(ellipsoid(crown, (head, 0.85 * head, head), sway, slot=2))
        if hat:
            brim = turned([(0.001, 0), (1.3, 0), (1.3, 0.08), (0.75, 0.1), (0.7, 0.8), (0.001, 0.8)], slot=1)
            parts.append(brim.moved(crown + sway @ [0, 0, 0.4 * head], sway * head))
        return merge(parts)

    return Figure(at, slots=3, stands=True, moves=True)


def flier(rng: np.random.Generator) -> Figure:
    """A bird, a moth or a ray: two beating wings and a tail."""
    pace, phase = _pace(rng), rng.uniform(0, 6.28)
    span, chord, beat_angle = rng.uniform(0.7, 1.6), rng.uniform(0.2, 0.7), rng.uniform(15, 60)
    point, sweep = rng.uniform(0.3, 1.2), rng.uniform(-0.3, 0.6)
    body = ellipsoid(ORIGIN, (rng.uniform(0.4, 0.9), 0.17, 0.17))
    head = ellipsoid((body.points[:, 0].max(), 0, 0.08), (0.2, 0.13, 0.14), slot=1)
    u, v = np.meshgrid(np.linspace(0, 1, 14), np.linspace(-0.5, 0.5, 7), indexing="ij")
    along = v * chord * (1 - u**2 * 0.95) ** point - sweep * u**2

    def at(time: float) -> Shape:
        beat = pace * time + phase
        lift = np.radians(beat_angle) * np.sin(beat - 1.2 * u)
        x, out = along, np.cumsum(np.cos(lift), 0) * span / 14
        up = np.cumsum(np.sin(lift), 0) * span / 14 + 0.05 * np.cos(4 * v)
        wings = [surface(np.stack([x, side * (out + 0.05), up], -1), slot=1) for side in (-1, 1)]
        fan = turn("y", 15 * np.sin(beat + 1))
        tail = surface(
            np.stack([-0.35 - 0.5 * u, 0.5 * v * (0.3 + u), 0.02 * np.cos(9 * v)], -1) @ fan.T,
            slot=2,
        )
        return merge([body, head, *wings, tail])

    return Figure(at, slots=3, moves=True)


def swimmer(rng: np.random.Generator) -> Figure:
    """A fish, an eel or a worm: a wave travels along its body."""
    pace, phase = _pace(rng), rng.uniform(0, 6.28)
    x = np.linspace(-1, 1, 40)
    slim, waves = log_uniform(rng, 0.08, 0.35), rng.uniform(1.5, 6)
    amount, flat = rng.uniform(0.06, 0.25), rng.uniform(0.4, 1.0)
    profile = slim * np.sqrt(np.clip(1 - np.abs(x) ** rng.uniform(1.5, 6), 1e-4, 1))
    finned, upright = happens(rng, 0.7), happens(rng, 0.5)
    fin = np.meshgrid(np.linspace(0, 1, 10), np.linspace(-1, 1, 9), indexing="ij")

    def at(time: float) -> Shape:
        beat = pace * time + phase

        def bent(points: np.ndarray) -> np.ndarray:
            wave = amount * (1.2 - points[..., 0]) * np.sin(waves * points[..., 0] + beat)
            return points + np.stack([0 * wave, 0 * wave if upright else wave, wave if upright else 0 * wave], -1)

        spine = np.stack([x, 0 * x, 0 * x], 1)
        parts = [loft(bent(spine), np.stack([flat * profile, profile], 1))]
        if finned:
            u, v = fin
            tail = np.stack([-0.9 - 0.5 * u, 0.01 * v, (0.05 + 0.4 * u) * v], -1)
            back = np.stack([0.4 - 0.8 * (v + 1) / 2 - 0.2 * u, 0.01 * v, 0.8 * slim + 0.3 * u * (1 - v**2)], -1)
            parts += [surface(bent(each), slot=1) for each in (tail, back)]
        return merge(parts)

    return Figure(at, slots=2, moves=True)


def crawler(rng: np.random.Generator) -> Figure:
    """An octopus, a starfish or a spider: arms that wave around a body."""
    pace, count = _pace(rng), int(rng.integers(3, 10))
    phases = rng.uniform(0, 6.28, count)
    length, thick, curl = rng.uniform(0.6, 1.4), rng.uniform(0.05, 0.14), rng.uniform(0.2, 1.0)
    droop = rng.uniform(-0.5, 1.2)
    way = np.linspace(0, 1, 24)
    body = ellipsoid((0, 0, 0.1), rng.uniform(0.2, 0.5, 3), slot=1)

    def at(time: float) -> Shape:
        arms = []
        for number, phase in enumerate(phases):
            dip = droop + curl * np.sin(pace * time + phase - 3 * way)
            aside = 0.4 * curl * np.sin(0.7 * pace * time + 2 * phase - 2 * way)
            path = np.stack([np.cos(dip) * np.cos(aside), np.sin(aside), -np.sin(dip)], 1)
            path = 0.15 * np.array([1, 0, 0]) + np.cumsum(path, 0) * length / 24
            arms.append(_round(path, thick * (1.05 - way)).moved(ORIGIN, turn("z", 360 * number / count)))
        return merge([*arms, body])

    return Figure(at, slots=2, stands=happens(rng, 0.4), moves=True)


def _pace(rng: np.random.Generator) -> float:
    """Return the phase of the gait in radians per frame: one cycle takes 5 to 100 frames."""
    return log_uniform(rng, 0.06, 1.2)


def _leg(hip: np.ndarray, swing: float, fold: float, length: float, thick: float, *, slot: int = 2) -> Shape:
    upper = turn("y", -swing)
    knee = hip + upper @ np.array([0, 0, -length])
    shin = upper @ turn("y", fold)
    foot = knee + shin @ np.array([0.4 * thick, 0, -length])
    return merge(
        [
            _capsule(length, thick, slot=slot).moved(hip, upper),
            _capsule(length, 0.8 * thick, 0.6 * thick, slot=slot).moved(knee, shin),
            ellipsoid(foot, (1.5 * thick, 0.8 * thick, 0.6 * thick), shin, detail=12, slot=slot),
        ]
    )


def _capsule(length: float, thick: float, thin: float | None = None, *, slot: int = 0) -> Shape:
    """Return a rounded limb that extends down from the origin."""
    end = thick if thin is None else thin
    angle = np.linspace(0, np.pi / 2, 5)
    top = [(thick * np.sin(a), thick * np.cos(a)) for a in angle]
    bottom = [(end * np.cos(a), -length - end * np.sin(a)) for a in angle]
    return turned([(max(radius, 1e-4), height) for radius, height in (*top, *bottom)], sides=12, slot=slot)


def _round(path: np.ndarray, radius: np.ndarray) -> Shape:
    """Sweep a circle along a path that deviates from the x axis by less than 90 degrees; its frame does not flip."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.cross(along, [0, 0.05, 1.0])
    side = np.where(np.linalg.norm(side, axis=1, keepdims=True) < 0.2, [[0, 1.0, 0]], side)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, along)
    angle = np.linspace(0, 2 * np.pi, 11)
    ring = side[:, None] * np.cos(angle)[None, :, None] + up[:, None] * np.sin(angle)[None, :, None]
    return surface(path[:, None] + ring * radius[:, None, None])


CREATURES = (walker, walker, biped, biped, flier, swimmer, crawler)
