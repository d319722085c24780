"""The whole scene of a clip: who is in it, what each is made and painted of, and how all move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from scene.geometry import box, to_object, tube

from clip_scene import camera, lights, motion, surroundings
from clip_scene.camera import View
from clip_scene.chance import any_turn, happens, log_uniform, pick, sign
from clip_scene.creatures import CREATURES
from clip_scene.figure import Figure, make
from clip_scene.machines import MACHINES
from clip_scene.paint import one_colour, paint
from clip_scene.soft import SOFT, jelly
from clip_scene.solids import SOLIDS
from clip_scene.thin import THIN

MATTE_COLOURS = ((1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0))
"""What tracked objects are in a render of mattes."""
BLACK = (0.0, 0.0, 0.0, 1.0)
"""What all else is."""


@dataclass(frozen=True)
class Set:
    """What is built.

    Args:
        tracked: How many objects have mattes.
        shutter: Part of a frame that the shutter is open; 0 for no motion blur.
    """

    tracked: int
    shutter: float


@dataclass(frozen=True)
class Role:
    """One thing in the picture.

    Args:
        figure: What it is.
        materials: One per slot.
        share: Of the picture that it should cover.
        depth: Distance from the camera.
        start: Where it is on the first frame, in widths from the picture's centre.
        travel: How it moves.
    """

    figure: Figure
    materials: Sequence[bpy.types.Material]
    share: float
    depth: float
    start: tuple[float, float]
    travel: motion.Travel


def build(clip: np.random.Generator, take: np.random.Generator, *, frames: int) -> Set:
    """Empty the file and build a scene.

    Args:
        clip: Chance that decides how many objects there are and how fast they move.
        take: Chance that decides everything else; another take has as many objects, as fast.
        frames: How long the clip is.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    tracked = pick(clip, (1, 2, 3), (4, 4, 2))
    paces = [motion.speeds(clip) for _ in range(tracked)]
    shutter = float(clip.uniform(0.25, 1.0)) if happens(clip, 0.5) else 0.0
    view = camera.draw(take)
    walls = surroundings.build(take, wall=view.distance * take.uniform(0.45, 1.2))
    roles = _tracked(take, view, paces, walls, frames)
    things = [_play(take, view, role, f"tracked {number}", frames) for number, role in enumerate(roles)]
    for number, role in enumerate(_others(take, view, roles, frames)):
        _play(take, view, role, f"other {number}", frames)
    if happens(take, 0.3):
        _bars(take, view, roles[0])
    lights.build(take, frames=frames)
    for thing in bpy.data.objects:
        thing.color = MATTE_COLOURS[things.index(thing)] if thing in things else BLACK
    follow = np.array([_where(view, roles[0], offset) for offset in roles[0].travel.offsets])
    camera.place(take, view, frames=frames, follow=follow if happens(take, 0.3) else None)
    return Set(tracked, shutter)


def _tracked(
    rng: np.random.Generator,
    view: View,
    paces: Sequence[tuple[float, float]],
    walls: Sequence[bpy.types.Material],
    frames: int,
) -> list[Role]:
    """Cast the objects to follow, each at a depth of its own; often they cross one another."""
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
    """Cast what is not followed: doubles of the tracked, strangers, and some that pass in front."""
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
    """Draw materials for the parts of a figure; one time in eight it is painted like what is around."""
    if happens(rng, 0.12):
        return [pick(rng, around) for _ in range(slots)]
    drawn = [
        paint(rng, f"{name} {slot}", unit=1.0) if happens(rng, 0.75) else one_colour(rng, f"{name} {slot}")
        for slot in range(slots)
    ]
    return [drawn[0]] * slots if happens(rng, 0.3) else drawn


def _start(rng: np.random.Generator, way: motion.Travel) -> tuple[float, float]:
    """Place a thing so that the middle of its way is near the middle of the picture, if it can start in the picture."""
    middle = way.offsets[1:-1].mean(0)
    across = np.clip(rng.uniform(-0.28, 0.28) - middle[0], -0.38, 0.38)
    up = np.clip(rng.uniform(-0.18, 0.18) - middle[1], -0.24, 0.24)
    return float(across), float(up)


def _play(rng: np.random.Generator, view: View, role: Role, name: str, frames: int) -> bpy.types.Object:
    """Make an object and let it move; what stands faces where it goes and turns on the spot."""
    figure = role.figure
    high, wide = 0.75, view.width(role.depth)
    first = figure.at(0.0).points
    extent = np.sort(np.ptp(first, axis=0))[1:] / np.linalg.norm(np.ptp(first, axis=0))
    radius = min(wide * np.sqrt(role.share * high / extent.prod()) / 2 * 1.25, 0.45 * wide)
    turn = None if figure.stands or happens(rng, 0.4) else any_turn(rng)
    thing = make(name, figure, role.materials, radius=radius, frames=frames, turn=turn)
    places = np.array([_where(view, role, offset) for offset in role.travel.offsets])
    if figure.stands:
        places[:, 2] -= places[:, 2].min() if happens(rng, 0.3) else places[:, 2]
    steps = places[-1] - places[0]
    going = np.degrees(np.arctan2(steps[1], steps[0])) if happens(rng, 0.6) else rng.uniform(0, 360)
    axis = (0.0, 0.0, 1.0) if figure.stands or happens(rng, 0.3) else tuple(any_turn(rng)[0])
    thing.rotation_mode = "AXIS_ANGLE"
    motion.animate(thing, "location", places)
    motion.animate(thing, "rotation_axis_angle", [(np.radians(going + angle), *axis) for angle in role.travel.turns])
    return thing


def _where(view: View, role: Role, offset: np.ndarray) -> np.ndarray:
    """Return the place of a thing in the scene."""
    wide = view.width(role.depth)
    if role.figure.stands:
        return view.on_ground(role.start[0], role.depth) + wide * np.array([offset[0], offset[2], max(offset[1], 0)])
    return view.at(role.start[0], role.start[1], role.depth) + wide * offset @ view.axes


def _bars(rng: np.random.Generator, view: View, role: Role) -> None:
    """Put posts, wires or a frame between us and the action."""
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
