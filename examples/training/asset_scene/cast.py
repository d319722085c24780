"""Objects of a scene: models from the catalogue, animated, with new materials, placed in the image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np
from clip_scene import motion
from clip_scene.camera import View
from clip_scene.sampling import happens, pick, random_rotation

from asset_scene import models
from asset_scene.animation import animate_model
from asset_scene.models import Model, UnfitModelError

MAX_ATTEMPTS = 20
"""Files to try until one is usable."""
HAIRY = 0.1
"""Fraction of models with hair."""


def draw(rng: np.random.Generator, files: Sequence[Path], name: str, *, frames: int) -> tuple[Model, Path]:
    """Return a random model, animated and scaled to radius 1, and its file.

    Args:
        rng: Random generator.
        files: Files to choose from.
        name: Name of the model.
        frames: Number of frames.

    Raises:
        UnfitModelError: No usable model was found.
    """
    for _ in range(MAX_ATTEMPTS):
        file = pick(rng, _by_folder(files)) if happens(rng, 0.5) else [pick(rng, files)]
        chosen = pick(rng, file)
        try:
            return load(rng, chosen, name, frames=frames), chosen
        except (UnfitModelError, RuntimeError) as error:  # importers raise RuntimeError
            print(f"{chosen}: skipped ({error})")
    raise UnfitModelError(f"no usable model in {MAX_ATTEMPTS} attempts")


def load(rng: np.random.Generator, file: Path, name: str, *, frames: int) -> Model:
    """Load a model, animate it, scale it to radius 1, and change its materials."""
    before = set(bpy.data.objects)
    try:
        model = models.load(file, name)
        animate_model(rng, model, frames=frames)
        bpy.context.scene.frame_set(1)
        model = models.fitted(model)
    except UnfitModelError:
        for thing in set(bpy.data.objects) - before:
            bpy.data.objects.remove(thing)
        raise
    models.repaint(rng, model)
    if happens(rng, HAIRY):
        models.add_hair(rng, model)
    return model


def set_matte_colour(model: Model, value: tuple[float, float, float, float]) -> None:
    """Set the colour of a model in mask renders."""
    for mesh in model.meshes:
        mesh.color = value


def place(
    rng: np.random.Generator,
    view: View,
    model: Model,
    way: motion.Travel,
    *,
    share: float,
    depth: float,
    start: tuple[float, float],
) -> np.ndarray:
    """Place and animate a model in the image.

    Args:
        rng: Random generator.
        view: The image.
        model: The model, at radius 1.
        way: Its motion.
        share: Desired coverage of the image.
        depth: Distance from the camera.
        start: Position on the first frame, in image widths from the centre.

    Returns:
        ``(N, 3)`` positions of its root, including one frame on either side.
    """
    wide = view.width(depth)
    across, high = max(model.size[0], model.size[1]), max(model.size[2], 0.05)
    # A model is assumed to fill two thirds of its bounding box, and is limited to the size of the image.
    scale = min(np.sqrt(share * 0.75 * wide**2 / (0.5 * across * high)), 0.9 * wide / max(across, high))
    model.root.scale = (scale,) * 3
    stands = happens(rng, 0.75)
    if stands:
        origin = view.on_ground(start[0], depth)
        places = origin + wide * way.offsets[:, [0, 2, 1]] * [1, 1, 1]
        places[:, 2] = np.maximum(places[:, 2], 0) if happens(rng, 0.5) else 0
    else:
        middle = np.array([0, 0, scale * model.size[2] / 2])
        places = view.at(start[0], start[1], depth) + wide * way.offsets @ view.axes - middle
    steps = places[-1] - places[0]
    going = np.degrees(np.arctan2(steps[1], steps[0])) + 90 if happens(rng, 0.7) else rng.uniform(0, 360)
    turns = way.turns if happens(rng, 0.5) else 0.2 * way.turns
    axis = (0.0, 0.0, 1.0) if stands or happens(rng, 0.6) else tuple(random_rotation(rng)[0])
    model.root.rotation_mode = "AXIS_ANGLE"
    motion.animate(model.root, "location", places)
    motion.animate(model.root, "rotation_axis_angle", [(np.radians(going + turn), *axis) for turn in turns])
    return places


def _by_folder(files: Sequence[Path]) -> list[list[Path]]:
    """Group files by folder, to sample small and large folders with equal probability."""
    packs: dict[Path, list[Path]] = {}
    for file in files:
        packs.setdefault(file.parent, []).append(file)
    return list(packs.values())
