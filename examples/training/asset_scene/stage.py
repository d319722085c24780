"""The complete scene of a clip: tracked and other models, surroundings and light."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np
from clip_scene import camera, lights, motion, surroundings
from clip_scene.camera import View
from clip_scene.sampling import happens, log_uniform, pick, sign
from clip_scene.stage import BLACK, MATTE_COLOURS, BuiltScene

from asset_scene import cast, skies
from asset_scene.catalogue import Catalogue


def build(catalogue: Catalogue, clip: np.random.Generator, attempt: np.random.Generator, *, frames: int) -> BuiltScene:
    """Build a scene in an empty file.

    Args:
        catalogue: Models and HDRIs.
        clip: Random generator for the tracked models and their speeds, the same in every attempt.
        attempt: Random generator for everything else.
        frames: Number of frames.

    Raises:
        UnfitModelError: No usable model was found.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    tracked = pick(clip, (1, 2, 3), (5, 4, 2))
    paces = [motion.speeds(clip) for _ in range(tracked)]
    alike = happens(clip, 0.25)
    shutter = float(clip.uniform(0.25, 1.0)) if happens(clip, 0.6) else 0.0
    view = camera.draw(attempt)
    _surround(attempt, view, catalogue.skies)
    tracked_models: list[tuple[cast.Model, Path]] = []
    ways = []
    depths = attempt.permutation(np.linspace(0.85, 1.25, tracked)) * view.distance
    for number, (speed, spin) in enumerate(paces):
        files = [tracked_models[0][1]] if tracked_models and alike else catalogue.models
        tracked_models.append(cast.draw(clip, files, f"tracked {number}", frames=frames))
        way = _way(attempt, frames, speed, spin)
        model = tracked_models[-1][0]
        cast.set_matte_colour(model, MATTE_COLOURS[number])
        share = log_uniform(attempt, 0.03, 0.33 / tracked**0.5)
        start = (float(attempt.uniform(-0.3, 0.3)), float(attempt.uniform(-0.15, 0.15)))
        ways.append(cast.place(attempt, view, model, way, share=share, depth=depths[number], start=start))
    for thing in bpy.data.objects:
        if not any(thing in model.meshes for model, _ in tracked_models):
            thing.color = BLACK
    _others(attempt, view, [file for _, file in tracked_models], catalogue.models, frames)
    if not catalogue.skies or happens(attempt, 0.4):
        lights.build(attempt, frames=frames)
    camera.place(attempt, view, frames=frames, follow=ways[0] if happens(attempt, 0.3) else None)
    return BuiltScene(tracked, shutter)


def _surround(rng: np.random.Generator, view: View, files: Sequence[Path]) -> None:
    """Build random surroundings, an HDRI, or both."""
    if not files or happens(rng, 0.7):
        surroundings.build(rng, wall=view.distance * rng.uniform(0.45, 1.2))
    if files:
        skies.set_sky(rng, pick(rng, files), is_seen=happens(rng, 0.9))


def _way(rng: np.random.Generator, frames: int, speed: float, spin: float) -> motion.Travel:
    """Return a random motion; one in eight leaves the image and returns."""
    way = motion.travel(rng, frames, speed=speed, spin=spin, heading=sign(rng))
    if not happens(rng, 0.12):
        return way
    time = np.clip((np.arange(-1.0, frames + 1)) / max(frames - 1, 1), 0, 1)
    aside = sign(rng) * rng.uniform(0.8, 1.2) * np.sin(np.pi * time)
    offsets = np.stack([aside, rng.normal(0, 0.2) * aside, 0 * aside], 1)
    return motion.Travel(offsets, way.turns)


def _others(
    rng: np.random.Generator, view: View, tracked_models: Sequence[Path], files: Sequence[Path], frames: int
) -> None:
    """Add untracked models: groups of copies, and others, some in the foreground."""
    crowd = int(rng.integers(3, 9)) if happens(rng, 0.15) else 0
    strangers = int(rng.integers(0, 4)) if happens(rng, 0.6) else 0
    for number in range(crowd + strangers):
        from_files = [pick(rng, tracked_models)] if number < crowd or happens(rng, 0.3) else files
        model, _ = cast.draw(rng, from_files, f"other {number}", frames=frames)
        cast.set_matte_colour(model, BLACK)
        near = number >= crowd and happens(rng, 0.3)
        depth = view.distance * (rng.uniform(0.4, 0.75) if near else rng.uniform(0.9, 1.8))
        speed, spin = motion.speeds(rng)
        start = (float(rng.uniform(-0.6, 0.6)), float(rng.uniform(-0.4, 0.4)))
        share = log_uniform(rng, 0.005, 0.12)
        way = motion.travel(rng, frames, speed=speed, spin=spin, heading=sign(rng))
        cast.place(rng, view, model, way, share=share, depth=depth, start=start)
