"""Who is in a scene: models drawn from the catalogue, posed, repainted, and brought into the picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np
from clip_scene import motion
from clip_scene.camera import View
from clip_scene.chance import any_turn, happens, pick

from asset_scene import models
from asset_scene.acting import act
from asset_scene.models import Model, UnfitModelError

TRIES = 20
"""Files to try until one is fit."""
HAIRY = 0.1
"""Share of models that hair grows on."""


def draw(rng: np.random.Generator, files: Sequence[Path], name: str, *, frames: int) -> tuple[Model, Path]:
    """Return a model, acting and at radius 1, and its file.

    Args:
        rng: Chance.
        files: To draw from.
        name: Of the model.
        frames: How long the clip is.

    Raises:
        UnfitModelError: None that was tried was fit.
    """
    for _ in range(TRIES):
        file = pick(rng, _packs(files)) if happens(rng, 0.5) else [pick(rng, files)]
        chosen = pick(rng, file)
        try:
            return bring(rng, chosen, name, frames=frames), chosen
        except (UnfitModelError, RuntimeError) as error:  # of the second kind are the importers' own
            print(f"{chosen}: left out ({error})")
    raise UnfitModelError(f"none of {TRIES} models drawn was fit")


def bring(rng: np.random.Generator, file: Path, name: str, *, frames: int) -> Model:
    """Read a model, let it act, bring it to radius 1 and repaint it."""
    before = set(bpy.data.objects)
    try:
        model = models.load(file, name)
        act(rng, model, frames=frames)
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


def colour(model: Model, value: tuple[float, float, float, float]) -> None:
    """Say what colour a model has in a render of mattes."""
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
    """Put a model into the picture and let it travel.

    Args:
        rng: Chance.
        view: The picture.
        model: At radius 1.
        way: How it travels.
        share: Of the picture that it should cover.
        depth: Distance from the camera.
        start: Where it is on the first frame, in widths from the picture's centre.

    Returns:
        ``(N, 3)`` places of its root, one more frame on either side.
    """
    wide = view.width(depth)
    across, high = max(model.size[0], model.size[1]), max(model.size[2], 0.05)
    # Two thirds of its box are taken to be the thing itself; nothing is much larger than the picture.
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
    axis = (0.0, 0.0, 1.0) if stands or happens(rng, 0.6) else tuple(any_turn(rng)[0])
    model.root.rotation_mode = "AXIS_ANGLE"
    motion.animate(model.root, "location", places)
    motion.animate(model.root, "rotation_axis_angle", [(np.radians(going + turn), *axis) for turn in turns])
    return places


def _packs(files: Sequence[Path]) -> list[list[Path]]:
    """Return files by their folder, so that a folder of few is drawn from as often as one of many."""
    packs: dict[Path, list[Path]] = {}
    for file in files:
        packs.setdefault(file.parent, []).append(file)
    return list(packs.values())
