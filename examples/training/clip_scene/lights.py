"""Lights: sun and lamps, still or moving, and shadows of objects outside the image."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector
from scene.geometry import box, merge, to_object

from clip_scene.motion import animate
from clip_scene.paint import one_colour
from clip_scene.sampling import happens, log_uniform, pick


def build(rng: np.random.Generator, *, frames: int) -> None:
    """Light the scene from above and from the front. Exposure is set later."""
    sunny = happens(rng, 0.6)
    if sunny:
        _sun(rng, frames)
    for number in range(int(rng.integers(0 if sunny else 1, 3))):
        _lamp(rng, f"lamp {number}", frames)


def _sun(rng: np.random.Generator, frames: int) -> None:
    sun = _light(rng, "sun", "SUN", log_uniform(rng, 1.5, 8))
    sun.data.angle = log_uniform(rng, 0.005, 0.3)
    way = Vector((rng.uniform(-1, 1), rng.uniform(-0.4, 1), -rng.uniform(0.25, 1.2))).normalized()
    sun.rotation_euler = way.to_track_quat("-Z", "Y").to_euler()
    if happens(rng, 0.15):
        start, turn = np.array(sun.rotation_euler), rng.normal(0, 0.06, 3)
        animate(sun, "rotation_euler", [start + turn * frame for frame in range(-1, frames + 1)])
    if happens(rng, 0.25):
        _shade(rng, way, frames)


def _lamp(rng: np.random.Generator, name: str, frames: int) -> None:
    place = np.array([rng.uniform(-4, 4), rng.uniform(-5, 1), rng.uniform(1.0, 5)])
    lamp = _light(rng, name, pick(rng, ("AREA", "AREA", "SPOT")), 0.0)
    distance = np.linalg.norm(place)
    lamp.data.energy = log_uniform(rng, 10, 45) * distance**2
    if lamp.data.type == "AREA":
        lamp.data.size = log_uniform(rng, 0.2, 3)
    else:
        lamp.data.spot_size, lamp.data.shadow_soft_size = rng.uniform(0.5, 1.3), log_uniform(rng, 0.02, 0.4)
    lamp.location = place
    aim = Vector(np.array([rng.uniform(-1, 1), rng.uniform(-0.5, 1.5), 0.5]) - place)
    lamp.rotation_euler = aim.to_track_quat("-Z", "Y").to_euler()
    if happens(rng, 0.2):
        step = rng.normal(0, 0.15, 3)
        animate(lamp, "location", [place + step * frame for frame in range(-1, frames + 1)])


def _light(rng: np.random.Generator, name: str, kind: str, energy: float) -> bpy.types.Object:
    light = bpy.data.objects.new(name, bpy.data.lights.new(name, kind))
    light.data.energy = energy
    strength = pick(rng, (0.05, 0.2, 0.6), (3, 2, 1))
    light.data.color = 1.0 - strength * rng.random(3)
    light.visible_camera = False
    bpy.context.scene.collection.objects.link(light)
    return light


def _shade(rng: np.random.Generator, way: Vector, frames: int) -> None:
    """Add bars or plates that block the sun, invisible to the camera, still or moving."""
    parts = []
    for _ in range(int(rng.integers(2, 9))):
        x, y = rng.uniform(-3, 3, 2)
        wide, high = log_uniform(rng, 0.05, 0.6), log_uniform(rng, 0.1, 6)
        parts.append(box((x - wide, y - high, 0), (x + wide, y + high, 0.02)))
    shade = to_object("shade", merge(parts), [one_colour(rng, "shade")])
    shade.rotation_euler = way.to_track_quat("-Z", "Y").to_euler()
    shade.location = Vector((0, 0, 0.8)) - 9 * way
    shade.visible_camera = shade.visible_diffuse = shade.visible_glossy = False
    if happens(rng, 0.6):
        start, step = np.array(shade.location), rng.normal(0, 0.1, 3)
        animate(shade, "location", [start + step * frame for frame in range(-1, frames + 1)])
