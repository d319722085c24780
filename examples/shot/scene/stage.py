"""Camera, light and the two ways to look at the set: as a plate and as a matte."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector

from scene import animation, hare, koi, room
from scene.geometry import box, merge, to_object
from scene.materials import glow, plain

SUN_DIRECTION = Vector((0.60, 0.62, -0.52))
FIRST, LAST = 1001, 1040


def build() -> None:
    """Empty the file and build the whole shot in it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    room.build()
    hare.build()
    koi.build()
    _light()
    _camera()


def show_as_matte() -> None:
    """Replace all materials: the hare emits red, the koi green, everything else is black, and lights are off.

    One render then holds the exact coverage of each object, with every occlusion, in its own channel.
    """
    colours = {"hare": (1.0, 0.0, 0.0), "koi": (0.0, 1.0, 0.0)}
    black = glow("black", (0.0, 0.0, 0.0), 0.0)
    for thing in list(bpy.context.scene.objects):
        if thing.type == "LIGHT":
            bpy.data.objects.remove(thing)
            continue
        if thing.type == "MESH":
            paint = glow(f"matte {thing.name}", colours[thing.name], 1.0) if thing.name in colours else black
            for slot in thing.material_slots:
                slot.material = paint
    bpy.context.scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.0


def _light() -> None:
    """Low sun through a window, sky through the same, and a warm practical."""
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.42, 0.55, 0.78, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.32
    aim = SUN_DIRECTION.to_track_quat("-Z", "Y").to_euler()
    sun = _lamp("sun", "SUN", 7.5, (1.0, 0.78, 0.52))
    sun.rotation_euler, sun.data.angle = aim, 0.012
    sky = _lamp("sky", "AREA", 60.0, (0.72, 0.85, 1.0))
    sky.location, sky.data.size = (-3.2, -2.4, 2.6), 2.2
    sky.rotation_euler = Vector((3.0, 2.6, -2.0)).to_track_quat("-Z", "Y").to_euler()
    warm = _lamp("lantern light", "POINT", 22.0, (1.0, 0.6, 0.28))
    warm.location, warm.data.shadow_soft_size = (1.42, 0.95, 1.55), 0.2
    _window(aim)


def _lamp(name: str, kind: str, energy: float, colour: tuple[float, float, float]) -> bpy.types.Object:
    lamp = bpy.data.objects.new(name, bpy.data.lights.new(name, kind))
    lamp.data.energy, lamp.data.color = energy, colour
    bpy.context.scene.collection.objects.link(lamp)
    return lamp


def _window(aim: object) -> None:
    """Hang a window frame in the sun, out of sight, for its pattern of shadows."""
    bars = [box((-6, -6, 0), (-1.75, 6, 0.05)), box((1.75, -6, 0), (6, 6, 0.05))]
    bars += [box((-6, 1.45, 0), (6, 6, 0.05)), box((-6, -6, 0), (6, -1.15, 0.05))]
    bars += [box((x - 0.05, -2, 0), (x + 0.05, 2, 0.05)) for x in (-0.58, 0.58)]
    bars.append(box((-2, 0.07, 0), (2, 0.17, 0.05)))
    frame = to_object("window", merge(bars), [plain("window frame", (0.1, 0.1, 0.1))])
    frame.rotation_euler = aim
    frame.location = Vector((0.10, 0.22, 0.66)) - 6.0 * SUN_DIRECTION
    frame.visible_camera = frame.visible_diffuse = frame.visible_glossy = False


def _camera() -> None:
    """Dolly to the right and pan after the hare, with the sway of a hand."""
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene = bpy.context.scene
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.data.lens, camera.data.sensor_width = 36.0, 36.0
    camera.data.dof.use_dof, camera.data.dof.aperture_fstop = True, 0.8
    camera.data.dof.focus_distance = 3.85
    frames = np.arange(FIRST - 2, LAST + 3)
    t = (frames - FIRST) / (LAST - FIRST)
    place = np.stack([-0.55 + 0.75 * t, -4.25 + 0.22 * t, 0.98 + 0.05 * t], 1) + 0.012 * _sway(frames, 0.0)
    target = np.stack([-0.10 + 0.16 * t, 0 * t, 0.80 + 0.04 * t], 1) + 0.020 * _sway(frames, 9.0)
    look = [Vector(b - a).to_track_quat("-Z", "Y").to_euler() for a, b in zip(place, target, strict=True)]
    roll = 0.006 * _sway(frames, 4.0)[:, 0]
    for axis in range(3):
        animation.curve(camera, "location", axis, zip(frames, place[:, axis], strict=True))
        turns = [angles[axis] + (tilt if axis == 1 else 0.0) for angles, tilt in zip(look, roll, strict=True)]
        animation.curve(camera, "rotation_euler", axis, zip(frames, turns, strict=True))


def _sway(frames: np.ndarray, seed: float) -> np.ndarray:
    """Return ``(N, 3)`` slow wobble of about one unit, from sines that share no period."""
    phase = 2 * np.pi * (frames[:, None] - FIRST) / 24 + seed
    speeds = np.array([[0.45, 0.57, 0.39], [1.13, 0.97, 1.31], [2.3, 2.7, 2.1]])
    return sum(
        weight * np.sin(speed * phase + 5 * speed) for weight, speed in zip((0.7, 0.35, 0.12), speeds, strict=True)
    )
