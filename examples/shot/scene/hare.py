"""A felt hare in a knitted jumper: melted ellipsoids, long ears, a scarf that trails; it hops, watches and hops again."""

from __future__ import annotations

import bpy
import numpy as np

from scene import animation
from scene.geometry import Points, Shape, ellipsoid, fuse, merge, smoothstep, surface, to_object, tube, turn
from scene.materials import plain
from scene.wool import felt_and_jumper, ribs

NECK = 0.50
"""Height where the scarf lies; everything above nods with the head."""

FELT = np.array([0.20, 0.155, 0.125])
PINK = np.array([0.40, 0.16, 0.16])
CREAM = np.array([0.46, 0.40, 0.34])

KNIT, GLASS, NOSE, SCARF = range(4)


def build() -> bpy.types.Object:
    """Model, paint and animate the hare."""
    materials = [
        felt_and_jumper("hare wool"),
        plain("hare eye", (0.006, 0.004, 0.003), roughness=0.08, coat=1.0),
        plain("hare nose", (0.16, 0.03, 0.03), roughness=0.3),
        ribs("hare scarf"),
    ]
    keys = {
        "squash": _squash, "lean": _lean, "nod": _nod, "look": _look, "ears back": _ears_back,
        "ear flop": _ear_flop, "arms": _arms, "kick": _kick, "scarf sine": lambda p: _scarf_wave(p, 0.0),
        "scarf cosine": lambda p: _scarf_wave(p, np.pi / 2),
    }  # fmt: skip
    hare = to_object("hare", _model(), materials, subdivide=1, keys=keys)
    _animate(hare)
    return hare


def _model() -> Shape:
    """Return the hare at rest: it faces -y, stands on z = 0 and is 1.2 tall."""
    skin = [
        ellipsoid((0, 0.0, 0.32), (0.19, 0.17, 0.25)),
        ellipsoid((0, 0.04, 0.20), (0.225, 0.21, 0.19)),
        ellipsoid((0, -0.03, 0.67), (0.185, 0.165, 0.16)),
        ellipsoid((0, -0.155, 0.625), (0.085, 0.075, 0.06)),
        ellipsoid((0, 0.25, 0.17), (0.085, 0.085, 0.085)),
    ]
    for side in (-1, 1):
        skin += [
            ellipsoid((side * 0.10, -0.10, 0.62), (0.09, 0.08, 0.075)),
            ellipsoid((side * 0.125, 0.005, 0.98), (0.066, 0.036, 0.25), turn("y", side * 12) @ turn("x", -4)),
            ellipsoid((side * 0.21, -0.07, 0.37), (0.058, 0.062, 0.15), turn("y", side * -20) @ turn("x", -22)),
            ellipsoid((side * 0.115, -0.12, 0.05), (0.08, 0.165, 0.055), turn("z", side * 10)),
        ]
    body = _painted(fuse(skin, voxel=0.014, smooth=6))
    eyes = [ellipsoid((side * 0.083, -0.168, 0.705), (0.028, 0.02, 0.034), slot=GLASS) for side in (-1, 1)]
    nose = ellipsoid((0, -0.226, 0.650), (0.03, 0.018, 0.02), slot=NOSE)
    return merge([body, *eyes, nose, *_scarf()])


def _painted(skin: Shape) -> Shape:
    """Colour the skin; ``st`` x is 1 where the jumper is."""
    x, y, z = skin.points.T
    side = np.abs(x)
    colour = np.tile(FELT, (len(x), 1))

    def paint(where: np.ndarray, with_colour: np.ndarray) -> None:
        nonlocal colour
        colour = colour + where[:, None] * (with_colour - colour)

    ear_centre = 0.075 + (z - 0.76) * 0.21
    inner_ear = smoothstep(0.040, 0.026, np.abs(side - ear_centre)) * smoothstep(0.80, 0.86, z)
    paint(inner_ear * smoothstep(1.19, 1.12, z) * smoothstep(-0.004, -0.012, y - (z - 0.98) * 0.07), PINK)
    paint(smoothstep(1.13, 1.19, z), 0.45 * FELT)
    paint(smoothstep(0.68, 0.62, z) * smoothstep(-0.08, -0.15, y) * smoothstep(0.5, 0.54, z), CREAM)
    paint(smoothstep(0.19, 0.23, y) * smoothstep(0.3, 0.24, z), CREAM)
    paint(smoothstep(0.09, 0.05, z) * smoothstep(-0.16, -0.24, y), CREAM)
    hand = smoothstep(0.27, 0.25, z) * smoothstep(0.205, 0.215, side) * smoothstep(0.0, -0.04, y)
    jumper = smoothstep(0.150, 0.162, z) * smoothstep(0.545, 0.535, z) * (1 - hand)
    jumper *= 1 - smoothstep(0.175, 0.19, y) * smoothstep(0.27, 0.25, z)
    return Shape(skin.points, skin.faces, skin.slot, np.stack([jumper, 0 * jumper], 1), colour)


def _scarf() -> list[Shape]:
    angle = np.linspace(0, 2 * np.pi, 49)
    wobble = 0.012 * np.sin(3 * angle)
    ring = np.stack([0.145 * np.cos(angle), -0.01 + 0.135 * np.sin(angle), NECK + 0.012 + wobble], -1)
    along, across = np.linspace(0, 1, 40)[:, None], np.linspace(-1, 1, 9)[None]
    width = 0.052 + 0.012 * along
    x = 0.115 + 0.10 * along + 0.02 * across * along
    y = 0.07 + 0.50 * along + 0 * across
    z = NECK + 0.015 - 0.10 * along + width * across
    tail = surface(np.stack(np.broadcast_arrays(x, y, z), -1), slot=SCARF)
    inside = surface(np.stack(np.broadcast_arrays(x - 0.012, y, z), -1), slot=SCARF)
    return [tube(ring, 0.05, sides=14, slot=SCARF), tail, inside]


def _about(points: Points, pivot: tuple[float, float, float], matrix: np.ndarray, weight: np.ndarray) -> Points:
    """Rotate about a pivot, by a weight per vertex."""
    turned = (points - pivot) @ matrix.T + pivot
    return points + weight[:, None] * (turned - points)


def _head(points: Points) -> np.ndarray:
    return smoothstep(NECK - 0.02, NECK + 0.08, points[:, 2]) * smoothstep(0.20, 0.16, points[:, 1])


def _ears(points: Points) -> np.ndarray:
    return smoothstep(0.78, 0.86, points[:, 2])


def _squash(p: Points) -> Points:
    return p * [1.12, 1.12, 0.78]


def _lean(p: Points) -> Points:
    return _about(p, (0, 0, 0.1), turn("x", 22), smoothstep(0.05, 0.6, p[:, 2]))


def _nod(p: Points) -> Points:
    return _about(p, (0, 0.0, NECK), turn("x", 20), _head(p))


def _look(p: Points) -> Points:
    return _about(p, (0, -0.02, NECK), turn("z", 35), _head(p))


def _ears_back(p: Points) -> Points:
    """Bend each ear along its length, more towards its tip."""
    reach = np.clip((p[:, 2] - 0.80) / 0.42, 0, 1.1)
    angle = np.radians(62) * reach**1.3
    bent = p.copy()
    bent[:, 1] += _ears(p) * 0.42 * reach * np.sin(angle)
    bent[:, 2] -= _ears(p) * 0.42 * reach * (1 - np.cos(angle))
    return bent


def _ear_flop(p: Points) -> Points:
    """Fold one ear sideways."""
    reach = np.clip((p[:, 2] - 0.86) / 0.36, 0, 1.1) ** 1.5 * (p[:, 0] < 0)
    return p + reach[:, None] * [-0.16, -0.05, -0.09]


def _arms(p: Points) -> Points:
    weight = (
        smoothstep(0.165, 0.215, np.abs(p[:, 0])) * smoothstep(0.20, 0.26, p[:, 2]) * smoothstep(0.52, 0.45, p[:, 2])
    )
    return _about(p, (0, 0, 0.46), turn("x", -48), weight)


def _kick(p: Points) -> Points:
    """Stretch the feet down and back."""
    feet = smoothstep(0.13, 0.06, p[:, 2]) * smoothstep(0.10, -0.02, p[:, 1])
    return _about(p, (0, 0.02, 0.08), turn("x", 38), feet) + feet[:, None] * [0, 0.05, -0.03]


def _scarf_wave(p: Points, phase: float) -> Points:
    reach = np.clip((p[:, 1] - 0.10) / 0.47, 0, 1) * smoothstep(0.33, 0.36, p[:, 2]) * smoothstep(0.09, 0.11, p[:, 0])
    wave = np.sin(7.5 * reach - phase) * reach
    return p + wave[:, None] * [0.085, 0, 0.045]


def _animate(hare: bpy.types.Object) -> None:
    """Hop to the middle, watch the fish go by, hop again and look after it."""
    pi = np.pi
    animation.curve(
        hare, "location", 0, [(1001, -0.98), (1004, -0.96), (1014, -0.36), (1030, -0.34), (1038, 0.18), (1040, 0.19)]
    )
    animation.curve(
        hare, "location", 1, [(1001, 0.22), (1004, 0.22), (1014, 0.10), (1030, 0.10), (1038, 0.0), (1040, 0.0)]
    )
    height = [(1001, 0), (1004, 0), (1006.5, 0.21), (1009, 0.28), (1011.5, 0.21), (1014, 0), (1030, 0)]
    height += [(1032, 0.14), (1034, 0.19), (1036, 0.14), (1038, 0), (1040, 0)]
    animation.curve(hare, "location", 2, [(frame, 0.012 + z) for frame, z in height])
    yaw = [(1001, 0.14 * pi), (1005, 0.20 * pi), (1014, 0.26 * pi), (1020, 0.16 * pi), (1030, 0.02 * pi), (1040, 0.0)]
    animation.curve(hare, "rotation_euler", 2, yaw)
    pitch = [
        (1001, 0),
        (1004, 0.02),
        (1007, -0.10),
        (1012, 0.10),
        (1015, 0),
        (1030, 0),
        (1032, -0.06),
        (1037, 0.08),
        (1040, 0),
    ]
    animation.curve(hare, "rotation_euler", 0, pitch)
    shapes = {
        "squash": [(1001, 0.1), (1003.5, 0.7), (1005, -0.5), (1009, 0), (1013, -0.3), (1015.5, 0.7), (1019, -0.1), (1024, 0.05), (1027, 0), (1029.5, 0.5), (1031, -0.35), (1034, 0), (1037, -0.2), (1039.5, 0.5), (1040, 0.45)],
        "lean": [(1001, 0.2), (1003.5, 0.8), (1006, 0.5), (1011, -0.3), (1015, 0.5), (1020, -0.1), (1026, 0), (1029.5, 0.5), (1032, 0.3), (1036, -0.2), (1039.5, 0.4), (1040, 0.35)],
        "nod": [(1001, 0), (1004, -0.6), (1009, 0.1), (1015, 0.4), (1020, -0.3), (1026, -0.2), (1030, -0.4), (1034, 0.1), (1040, 0.2)],
        "look": [(1001, 0), (1008, 0.1), (1014, 0.3), (1020, -0.1), (1028, -0.8), (1034, -0.7), (1040, -1.0)],
        "ears back": [(1001, 0), (1004, 0.2), (1007, 1.0), (1011, 0.1), (1014, -0.35), (1017, 0.3), (1021, 0), (1026, 0.1), (1030, 0.15), (1032, 0.8), (1036, 0), (1038, -0.3), (1040, 0.1)],
        "ear flop": [(1001, 0.3), (1009, 0.6), (1014, -0.2), (1018, 0.4), (1024, 0.8), (1030, 0.6), (1034, 0.2), (1040, 0.9)],
        "arms": [(1001, 0), (1003.5, -0.4), (1007, 1.1), (1012, 0.5), (1015, -0.1), (1020, 0.1), (1026, 0.4), (1030, -0.2), (1032, 0.9), (1036, 0.5), (1040, 0.1)],
        "kick": [(1001, 0), (1004, 0), (1005.5, 1.2), (1008, 0.7), (1012, -0.4), (1014, 0), (1030, 0), (1031.5, 0.9), (1033, 0.5), (1036, -0.3), (1038, 0), (1040, 0)],
    }  # fmt: skip
    for name, values in shapes.items():
        animation.curve(hare.data.shape_keys.key_blocks[name], "value", -1, values)
    for name, phase in (("scarf sine", pi / 2), ("scarf cosine", 0.0)):
        block = hare.data.shape_keys.key_blocks[name]
        animation.curve(block, "value", -1, [(f, np.sin(2 * pi * (f - 1001) / 11 + phase)) for f in range(1000, 1042)])
