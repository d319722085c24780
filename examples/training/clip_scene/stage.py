"""The complete scene of a clip: objects, materials and motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from scene.geometry import box, to_object, tube

from clip_scene import camera, lights, motion, surroundings
from clip_scene.camera import View
from clip_scene.creatures import CREATURES
from clip_scene.figure import Figure, make
from clip_scene.machines import MACHINES
from clip_scene.paint import one_colour, paint
from clip_scene.sampling import happens, log_uniform, pick, random_rotation, sign
from clip_scene.soft import SOFT, jelly
from clip_scene.solids import SOLIDS
from clip_scene.thin import THIN

MATTE_COLOURS = ((1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0))
"""Colours of tracked objects in a mask render."""
BLACK = (0.0, 0.0, 0.0, 1.0)
"""Colour of everything else."""


@dataclass(frozen=True)
class BuiltScene:
    """Properties of a built scene.

    Args:
        tracked: Number of tracked objects.
        shutter: Fraction of a frame for which the shutter is open; 0 for no motion blur.
    """

    tracked: int
    shutter: float


@dataclass(frozen=True)
class Role:
    """An object of the scene.

    Args:
        figure: Its shape.
        materials: One per slot.
        share: Desired coverage of the image.
        depth: Distance from the camera.
        start: Position on the first frame, in image widths from the centre.
        travel: Its motion.
    """

    figure: Figure
    materials: Sequence[bpy.types.Material]
    share: float
    depth: float
    start: tuple[float, float]
    travel: motion.Travel


def build(clip: np.random.Generator, attempt: np.random.Generator, *, frames: int) -> BuiltScene:
    """Build a scene in an empty file.

    Args:
        clip: Random generator for the number of objects and their speeds, the same in every attempt.
        attempt: Random generator for everything else.
        frames: Number of frames.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    tracked = pick(clip, (1, 2, 3), (4, 4, 2))
    paces = [motion.speeds(clip) for _ in range(tracked)]
    shutter = float(clip.uniform(0.25, 1.0)) if happens(clip, 0.5) else 0.0
    view = camera.draw(attempt)
    walls = surroundings.build(attempt, wall=view.distance * attempt.uniform(0.45, 1.2))
    roles = _tracked(attempt, view, paces, walls, frames)
    things = [_make_object(attempt, view, role, f"tracked {number}", frames) for number, role in enumerate(roles)]
    for number, role in enumerate(_others(attempt, view, roles, frames)):
        _make_object(attempt, view, role, f"other {number}", frames)
    if happens(attempt, 0.3):
        _bars(attempt, view, roles[0])
    lights.build(attempt, frames=frames)
    for thing in bpy.data.objects:
        thing.color = MATTE_COLOURS[things.index(thing)] if thing in things else BLACK
    follow = np.array([_position(view, roles[0], offset) for offset in roles[0].travel.offsets])
    camera.place(attempt, view, frames=frames, follow=follow if happens(attempt, 0.3) else None)
    return BuiltScene(tracked, shutter)


def _tracked(
    rng: np.random.Generator,
    view: View,
    paces: Sequence[tuple[float, float]],
    walls: Sequence[bpy.types.Material],
    frames: int,
) -> list[Role]:
    """Return the tracked objects, at different depths, often on crossing paths."""
    roles: list[Role] = []
    depths = rng.permutation(np.linspace(0.85, 1.25, len(paces))) * view.distance
    crossing, alike = happens(rng, 0.6), happens(rng, 0.2)
    for number, (speed, spin) in enumerate(paces):
        heading = -roles[0].travel.offsets[-1, 0] if roles and crossing else rng.normal()
        way = motion.travel(rng, frames, speed=speed, spin=spin, heading=1 if heading >= 0 else -1)
        if roles and alike:
            figure, materials = roles[0].figure, roles[0].materials
        else:
            figure = _figure(rng)
            materials = _materials(rng, f"tracked {number}", figure.slots, walls)
        share = log_uniform(rng, 0.03, 0.33 / len(paces) ** 0.5)
        roles.append(Role(figure, materials, share, depths[number], _start(rng, way), way))
    return roles


def _others(rng: np.random.Generator, view: View, roles: Sequence[Role], frames: int) -> list[Role]:
    """Return untracked objects: copies of tracked objects and others, some in the foreground."""
    others = []
    for number in range(int(rng.integers(0, 4)) if happens(rng, 0.6) else 0):
        speed, spin = motion.speeds(rng)
        way = motion.travel(rng, frames, speed=speed, spin=spin, heading=sign(rng))
        if happens(rng, 0.4):
            double = pick(rng, roles)
            figure, materials = double.figure, double.materials
        else:
            figure = _figure(rng)
            materials = _materials(rng, f"other {number}", figure.slots, pick(rng, roles).materials)
        near = happens(rng, 0.25)
        depth = view.distance * (rng.uniform(0.4, 0.75) if near else rng.uniform(0.9, 1.4))
        start = (rng.uniform(-0.6, 0.6), rng.uniform(-0.4, 0.4))
        others.append(Role(figure, materials, log_uniform(rng, 0.005, 0.1), depth, start, way))
    return others


def _figure(rng: np.random.Generator) -> Figure:
    family = pick(rng, (SOLIDS, THIN, CREATURES, MACHINES, SOFT), (3, 1.5, 3, 1.5, 1.5))
    figure = pick(rng, family)(rng)
    if family in (SOLIDS, THIN) and happens(rng, 0.25):
        figure = jelly(rng, figure)
    return figure


def _materials(
    rng: np.random.Generator, name: str, slots: int, around: Sequence[bpy.types.Material]
) -> list[bpy.types.Material]:
    """Return random materials for a figure; one figure in eight has those of the surroundings."""
    if happens(rng, 0.12):
        return [pick(rng, around) for _ in range(slots)]
    drawn = [
        paint(rng, f"{name} {slot}", unit=1.0) if happens(rng, 0.75) else one_colour(rng, f"{name} {slot}")
        for slot in range(slots)
    ]
    return [drawn[0]] * slots if happens(rng, 0.3) else drawn


def _start(rng: np.random.Generator, way: motion.Travel) -> tuple[float, float]:
    """Return a start inside the image, with the middle of the path near the centre if possible."""
    middle = way.offsets[1:-1].mean(0)
    across = np.clip(rng.uniform(-0.28, 0.28) - middle[0], -0.38, 0.38)
    up = np.clip(rng.uniform(-0.18, 0.18) - middle[1], -0.24, 0.24)
    return float(across), float(up)


def _make_object(rng: np.random.Generator, view: View, role: Role, name: str, frames: int) -> bpy.types.Object:
    """Add an object and its animation. A standing object faces its direction of motion and rotates about z."""
    figure = role.figure
    high, wide = 0.75, view.width(role.depth)
    first = figure.at(0.0).points
    extent = np.sort(np.ptp(first, axis=0))[1:] / np.linalg.norm(np.ptp(first, axis=0))
    radius = min(wide * np.sqrt(role.share * high / extent.prod()) / 2 * 1.25, 0.45 * wide)
    turn = None if figure.stands or happens(rng, 0.4) else random_rotation(rng)
    thing = make(name, figure, role.materials, radius=radius, frames=frames, turn=turn)
    places = np.array([_position(view, role, offset) for offset in role.travel.offsets])
    if figure.stands:
        places[:, 2] -= places[:, 2].min() if happens(rng, 0.3) else places[:, 2]
    steps = places[-1] - places[0]
    going = np.degrees(np.arctan2(steps[1], steps[0])) if happens(rng, 0.6) else rng.uniform(0, 360)
    axis = (0.0, 0.0, 1.0) if figure.stands or happens(rng, 0.3) else tuple(random_rotation(rng)[0])
    thing.rotation_mode = "AXIS_ANGLE"
    motion.animate(thing, "location", places)
    motion.animate(thing, "rotation_axis_angle", [(np.radians(going + angle), *axis) for angle in role.travel.turns])
    return thing


def _position(view: View, role: Role, offset: np.ndarray) -> np.ndarray:
    """Return the position of an object in the scene."""
    wide = view.width(role.depth)
    if role.figure.stands:
        return view.on_ground(role.start[0], role.depth) + wide * np.array([offset[0], offset[2], max(offset[1], 0)])
    return view.at(role.start[0], role.start[1], role.depth) + wide * offset @ view.axes


def _bars(rng: np.random.Generator, view: View, role: Role) -> None:
    """Add posts or wires in the foreground."""
    material = paint(rng, "bars", unit=1.0)
    depth = role.depth * rng.uniform(0.45, 0.8)
    wide = view.width(depth)
    for number in range(int(rng.integers(1, 5))):
        across = role.start[0] + rng.normal(0, 0.25)
        foot, top = (view.at(across + shift, up, depth) for shift, up in ((0, -0.7), (rng.normal(0, 0.2), 0.7)))
        thick = log_uniform(rng, 0.006, 0.05) * wide
        if happens(rng, 0.5):
            bar = tube(np.stack([foot, top]), thick, sides=12)
        else:
            bar = box(foot - [thick, thick, 0], [foot[0] + thick, foot[1] + thick, top[2]])
        to_object(f"bar {number}", bar, [material])
