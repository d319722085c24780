"""The camera: lens, motion, and conversion from image to scene coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix, Vector

from clip_scene.motion import animate, hand
from clip_scene.sampling import happens, log_uniform, pick, sign

SENSOR = 36.0
WIDTH = 4.0
"""Width of the image in scene units at the action, around y = 0."""


@dataclass(frozen=True)
class View:
    """The image of the first frame.

    Args:
        place: Position of the camera.
        axes: ``(3, 3)`` rows: right, up and forward.
        lens: Focal length in mm.
        distance: Distance to the action.
    """

    place: np.ndarray
    axes: np.ndarray
    lens: float
    distance: float

    def width(self, depth: float) -> float:
        """Return the width of the image at a depth."""
        return depth * SENSOR / self.lens

    def at(self, across: float, up: float, depth: float) -> np.ndarray:
        """Return the point at a position in the image, in image widths from its centre."""
        wide = self.width(depth)
        return self.place + np.array([across * wide, up * wide, depth]) @ self.axes

    def on_ground(self, across: float, depth: float) -> np.ndarray:
        """Return the point on the ground at a depth."""
        wide = self.width(depth)
        return np.array([self.place[0] + across * wide, self.place[1] + depth, 0.0])


def draw(rng: np.random.Generator) -> View:
    """Return a random lens and height; the camera looks along y."""
    lens = log_uniform(rng, 30, 90)
    distance = WIDTH * lens / SENSOR
    place = np.array([0.0, -distance, rng.uniform(0.5, 3.0)])
    away = np.array([0.0, 0.0, rng.uniform(0.75, 1.25)]) - place
    away /= np.linalg.norm(away)
    right = np.array([1.0, 0.0, 0.0])
    return View(place, np.stack([right, np.cross(right, away), away]), lens, distance)


def place(rng: np.random.Generator, view: View, *, frames: int, follow: np.ndarray | None) -> None:
    """Add the camera, with a random motion.

    Args:
        rng: Random generator.
        view: The image of the first frame.
        frames: Number of frames.
        follow: ``(frames + 2, 3)`` positions of an object to follow.
    """
    scene = bpy.context.scene
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.data.lens, camera.data.sensor_width = view.lens, SENSOR
    camera.data.clip_start = 0.02
    time = np.arange(-1.0, frames + 1)[:, None]
    places = np.tile(view.place, (frames + 2, 1))
    targets = np.tile(view.place + view.axes[2] * view.distance, (frames + 2, 1))
    roll = np.zeros(frames + 2)
    move = pick(rng, ("still", "pan", "truck", "dolly", "orbit", "roll"), (4, 2, 2, 2, 2, 1))
    step = sign(rng) * log_uniform(rng, 0.003, 0.1) * WIDTH * time
    if move == "pan":
        targets += step * np.array([1, 0, rng.normal(0, 0.3)])
    elif move == "truck":
        shift = step * np.array([1, 0, rng.normal(0, 0.1)])
        places, targets = places + shift, targets + shift
    elif move == "dolly":
        places += np.clip(0.6 * step, -0.4 * view.distance, None) * view.axes[2]
    elif move == "orbit":
        angle = step[:, 0] / view.distance
        aside = np.stack([np.sin(angle), 1 - np.cos(angle), 0 * angle], 1) * view.distance
        places += aside
    elif move == "roll":
        roll = step[:, 0] / WIDTH
    if follow is not None:
        shift = rng.uniform(0.5, 1.0) * (follow - follow[1]) * [1, 0, 0.5]
        places, targets = (places + shift, targets + shift) if happens(rng, 0.5) else (places, targets + shift)
    if happens(rng, 0.5):
        strength = log_uniform(rng, 0.003, 0.04) * WIDTH
        shake = strength * hand(rng, frames + 2)
        places, targets = places + 0.3 * (shake - shake[1]), targets - (shake - shake[1])
        roll = roll + 0.1 * strength * hand(rng, frames + 2)[:, 0]
    roll = roll + rng.normal(0, 0.04)
    looks = [Vector(b - a).to_track_quat("-Z", "Y") for a, b in zip(places, targets, strict=True)]
    animate(camera, "location", places)
    tilted = [
        look.to_matrix().to_4x4() @ Matrix.Rotation(angle, 4, "Z") for look, angle in zip(looks, roll, strict=True)
    ]
    animate(camera, "rotation_euler", [matrix.to_euler() for matrix in tilted])
    if happens(rng, 0.25):
        _shallow(rng, camera, view)


def _shallow(rng: np.random.Generator, camera: bpy.types.Object, view: View) -> None:
    """Add depth of field: the far background is blurred by up to about 3 % of the image."""
    blur = log_uniform(rng, 0.01, 0.06) * WIDTH
    camera.data.dof.use_dof = True
    camera.data.dof.focus_distance = view.distance * rng.uniform(0.9, 1.15)
    camera.data.dof.aperture_fstop = view.lens / 1000 / blur
