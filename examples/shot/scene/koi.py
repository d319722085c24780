"""A lacquered koi that swims through the air: a lofted body, thin fins and barbels, a travelling wave down its spine."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np

from scene import animation
from scene.geometry import Points, Shape, ellipsoid, loft, merge, smoothstep, surface, to_object, tube
from scene.materials import Nodes, plain

SKIN, FIN, EYE = range(3)
PATH = np.array([[0.98, -0.90, 0.86], [0.40, -0.98, 0.60], [-0.65, -1.24, 0.64], [-1.14, -0.80, 0.98]])
"""Control points of the Bézier curve that the fish swims along."""


def build() -> bpy.types.Object:
    """Model and animate the koi."""
    materials = [
        _scales("koi scales"),
        _membrane("koi fins"),
        plain("koi eye", (0.01, 0.008, 0.006), roughness=0.05, coat=1.0),
    ]
    keys: dict[str, Callable[[Points], Points]] = {
        "wave sine": lambda p: _wave(p, 0.0),
        "wave cosine": lambda p: _wave(p, np.pi / 2),
        "bend": _bend,
        "flap": _flap,
    }
    koi = to_object("koi", _model(), materials, subdivide=1, keys=keys)
    koi.scale = (0.86, 0.86, 0.86)
    _animate(koi)
    return koi


def _model() -> Shape:
    """Return the koi at rest: head towards +x, 1.25 long, centred on its middle."""
    x = np.concatenate([[0.498], np.linspace(0.49, -0.36, 44)])
    t = (0.5 - x) / 0.86
    girth = (
        np.sqrt(np.clip(t * 6.0, 0, 1)) * (1 - 0.80 * smoothstep(0.28, 1.0, t)) * (1 - 0.16 * smoothstep(0.3, 0.0, t))
    )
    radii = np.stack([0.105 * girth, 0.135 * girth], 1) + 0.001
    spine = np.stack([x, 0 * x, 0.012 * np.sin(np.pi * t)], 1)
    parts = [loft(spine, radii, sides=40, slot=SKIN)]
    parts.append(
        _fin(lambda u, v: (0.18 - 0.42 * u - 0.13 * v * u, 0 * u, 0.105 + 0.02 * np.sin(3 * u) + v * (0.16 - 0.12 * u)))
    )
    for side in (-1, 1):
        parts.append(_fin(lambda u, v, s=side: _tail_lobe(u, v, s)))
        parts.append(_fin(lambda u, v, s=side: _pectoral(u, v, s)))
        parts.append(
            _fin(
                lambda u, v, s=side: (-0.10 - 0.10 * u - 0.12 * v, s * (0.05 + 0.10 * v), -0.095 - 0.08 * v + 0.03 * u)
            )
        )
        parts.append(ellipsoid((0.405, side * 0.078, 0.035), (0.024, 0.014, 0.024), slot=EYE))
        bend = np.linspace(0, 1, 10)
        path = np.stack([0.47 + 0.05 * bend, side * (0.03 + 0.07 * bend), -0.05 - 0.10 * bend**2], 1)
        parts.append(tube(path, 0.008 * (1 - 0.7 * bend), slot=SKIN, tint=(0.3, 0.3, 0.3)))
    return merge(parts)


def _fin(place: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, ...]]) -> Shape:
    """Span a thin sheet: ``u`` along its root, ``v`` outwards to its edge."""
    u, v = np.meshgrid(np.linspace(0, 1, 20), np.linspace(0, 1, 14), indexing="ij")
    return surface(np.stack(np.broadcast_arrays(*place(u, v)), -1), slot=FIN)


def _tail_lobe(u: np.ndarray, v: np.ndarray, side: int) -> tuple[np.ndarray, ...]:
    """Half of the forked tail, long and ragged at its edge."""
    ragged = 0.018 * np.sin(19 * u) * v**3
    spread = np.radians(8 + 40 * u)
    length = v * (0.30 + 0.16 * np.sin(np.pi * (0.25 + 0.62 * u))) + ragged
    return (
        -0.345 - length * np.cos(spread),
        0.03 * np.sin(5 * v + 2 * u) * v,
        side * (0.018 * u + length * np.sin(spread) * 0.92),
    )


def _pectoral(u: np.ndarray, v: np.ndarray, side: int) -> tuple[np.ndarray, ...]:
    """A broad fin that stands out to the side."""
    reach = v * (0.21 + 0.05 * np.sin(np.pi * u))
    return (
        0.25 - 0.06 * u - reach * (0.35 + 0.65 * u),
        side * (0.085 + reach * (0.95 - 0.35 * u)),
        -0.07 - 0.35 * reach - 0.01 * u,
    )


def _wave(p: Points, phase: float) -> Points:
    """Swing sideways, more towards the tail; sine and cosine together make the wave travel."""
    back = np.clip(0.42 - p[:, 0], 0, None)
    swing = 0.19 * (back / 1.2) ** 1.6 * np.sin(5.2 * back - phase)
    return p + swing[:, None] * [0, 1, 0]


def _bend(p: Points) -> Points:
    """Curl the whole fish to its left."""
    angle = 0.85 * p[:, 0]
    radius = 1 / 0.85
    bent = p.copy()
    bent[:, 0] = (radius - p[:, 1]) * np.sin(angle)
    bent[:, 1] = radius - (radius - p[:, 1]) * np.cos(angle)
    return bent


def _flap(p: Points) -> Points:
    """Beat the side fins downwards."""
    out = np.clip(np.abs(p[:, 1]) - 0.09, 0, None) * smoothstep(0.34, 0.28, p[:, 0])
    return p + out[:, None] * np.stack([0 * out, -0.25 * np.sign(p[:, 1]), 0 * out - 0.9], 1)


def _animate(koi: bpy.types.Object) -> None:
    """Follow the path, head first, and bank into the turn."""
    frames = np.arange(999, 1043)
    t = np.clip((frames - 1001) / 39, -0.06, 1.06)
    t = 0.72 * t + 0.28 * t * t * (3 - 2 * t)
    weights = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3], 1)
    place = weights @ PATH
    ahead = np.gradient(place, axis=0)
    heading = np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0]))
    climb = np.arctan2(ahead[:, 2], np.hypot(ahead[:, 0], ahead[:, 1]))
    turning = np.gradient(heading)
    beat = 2 * np.pi * (frames - 1001) / 13
    for axis in range(3):
        bob = 0.02 * np.sin(beat / 2) if axis == 2 else 0.0
        animation.curve(koi, "location", axis, zip(frames, place[:, axis] + bob, strict=True))
    animation.curve(koi, "rotation_euler", 0, zip(frames, 2.2 * turning - 0.12, strict=True))
    animation.curve(koi, "rotation_euler", 1, zip(frames, -climb, strict=True))
    animation.curve(koi, "rotation_euler", 2, zip(frames, heading + 0.05 * np.sin(beat + 2.0), strict=True))
    blocks = koi.data.shape_keys.key_blocks
    animation.curve(blocks["wave sine"], "value", -1, zip(frames, np.cos(beat), strict=True))
    animation.curve(blocks["wave cosine"], "value", -1, zip(frames, np.sin(beat), strict=True))
    animation.curve(blocks["bend"], "value", -1, zip(frames, 9.0 * turning, strict=True))
    animation.curve(blocks["flap"], "value", -1, zip(frames, 0.1 + 0.45 * np.sin(beat * 0.8), strict=True))


def _scales(name: str) -> bpy.types.Material:
    """White lacquer with orange and black patches, overlapping scales and a clear coat."""
    n = Nodes(name)
    position = n.attribute("rest")
    x, y, z = n.split(position)
    orange = n.step(n.noise(n.join(x, n.math("MULTIPLY", y, 0.8), z), 3.4, 1.5), 0.475, 0.50)
    black = n.step(n.noise(n.join(n.math("ADD", x, 3.1), y, z), 5.2, 1.0), 0.60, 0.62)
    belly = n.step(z, -0.03, -0.09)
    base = n.mix(orange, (0.62, 0.58, 0.51), (0.80, 0.13, 0.012))
    base = n.mix(n.math("MULTIPLY", black, n.math("SUBTRACT", 1.0, belly)), base, (0.012, 0.012, 0.016))
    base = n.mix(n.math("MULTIPLY", belly, 0.85), base, (0.60, 0.53, 0.43))
    # Rows of half-offset discs, each over the next: scales.
    around = n.math("MULTIPLY", n.math("ARCTAN2", y, n.math("SUBTRACT", z, 0.01)), 4.6)
    along = n.math("MULTIPLY", x, 26.0)
    odd = n.math("MULTIPLY", n.math("MODULO", n.math("FLOOR", n.math("ADD", along, 100.0)), 2.0), 0.5)
    u = n.math("SUBTRACT", n.math("FRACT", n.math("ADD", around, odd)), 0.5)
    v = n.math("FRACT", along)
    edge = n.math("ADD", v, n.math("MULTIPLY", n.math("MULTIPLY", u, u), 2.2))
    groove = n.math("MULTIPLY", n.step(edge, 0.78, 1.0), n.step(x, 0.33, 0.27))
    shade = n.mix(n.math("MULTIPLY", groove, 0.55), base, (0.05, 0.02, 0.01))
    height = n.math("SUBTRACT", n.math("MULTIPLY", v, -0.5), groove)
    normal = n.bump(n.math("MULTIPLY", height, n.step(x, 0.33, 0.27)), 0.35, 0.012)
    return n.done(n.principled(Base_Color=shade, Roughness=0.32, Normal=normal, Coat_Weight=0.9, Coat_Roughness=0.06))


def _membrane(name: str) -> bpy.types.Material:
    """Fin rays that fan out, orange at the root and pale at the edge."""
    n = Nodes(name)
    root, out, _ = n.split(n.attribute("st"))
    rays = n.math("SINE", n.math("MULTIPLY", root, 95.0))
    fade = n.mix(n.step(out, 0.1, 0.95), (0.74, 0.11, 0.012), (0.78, 0.32, 0.10))
    colour = n.mix(n.step(rays, 0.2, 0.95), fade, n.mix(0.65, fade, (0.25, 0.04, 0.01)))
    return n.done(n.principled(Base_Color=colour, Roughness=0.35, Normal=n.bump(rays, 0.3, 0.008), Coat_Weight=0.4))
