"""The whole scene of a clip: models that are followed, others that are not, what stands around, and the light."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np
from clip_scene import camera, lights, motion, surroundings
from clip_scene.camera import View
from clip_scene.chance import happens, log_uniform, pick, sign
from clip_scene.stage import BLACK, MATTE_COLOURS, Set

from asset_scene import cast, skies
from asset_scene.catalogue import Catalogue


def build(catalogue: Catalogue, clip: np.random.Generator, take: np.random.Generator, *, frames: int) -> Set:
    """Empty the file and build a scene.

    Args:
        catalogue: Models and skies.
        clip: Chance that decides how many objects there are, which, and how fast they move.
        take: Chance that decides everything else; another take has the same things, as fast.
        frames: How long the clip is.

    Raises:
        UnfitModelError: No model that was drawn could be used.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    tracked = pick(clip, (1, 2, 3), (5, 4, 2))
    paces = [motion.speeds(clip) for _ in range(tracked)]
    alike = happens(clip, 0.25)
    shutter = float(clip.uniform(0.25, 1.0)) if happens(clip, 0.6) else 0.0
    view = camera.draw(take)
    _surround(take, view, catalogue.skies)
    followed: list[tuple[cast.Model, Path]] = []
    ways = []
    depths = take.permutation(np.linspace(0.85, 1.25, tracked)) * view.distance
    for number, (speed, spin) in enumerate(paces):
        files = [followed[0][1]] if followed and alike else catalogue.models
        followed.append(cast.draw(clip, files, f"tracked {number}", frames=frames))
        way = _way(take, frames, speed, spin)
        model = followed[-1][0]
        cast.colour(model, MATTE_COLOURS[number])
        share = log_uniform(take, 0.03, 0.33 / tracked**0.5)
        start = (float(take.uniform(-0.3, 0.3)), float(take.uniform(-0.15, 0.15)))
        ways.append(cast.place(take, view, model, way, share=share, depth=depths[number], start=start))
    for thing in bpy.data.objects:
        if not any(thing in model.meshes for model, _ in followed):
            thing.color = BLACK
    _others(take, view, [file for _, file in followed], catalogue.models, frames)
    if not catalogue.skies or happens(take, 0.4):
        lights.build(take, frames=frames)
    camera.place(take, view, frames=frames, follow=ways[0] if happens(take, 0.3) else None)
    return Set(tracked, shutter)


def _surround(rng: np.random.Generator, view: View, files: Sequence[Path]) -> None:
    """Build ground and walls of chance, or leave them out; hang a sky where there are any."""
    if not files or happens(rng, 0.7):
        surroundings.build(rng, wall=view.distance * rng.uniform(0.45, 1.2))
    if files:
        skies.hang(rng, pick(rng, files), is_seen=happens(rng, 0.9))


def _way(rng: np.random.Generator, frames: int, speed: float, spin: float) -> motion.Travel:
    """Draw a way; one in eight leads out of the picture and back."""
    way = motion.travel(rng, frames, speed=speed, spin=spin, heading=sign(rng))
    if not happens(rng, 0.12):
        return way
    time = np.clip((np.arange(-1.0, frames + 1)) / max(frames - 1, 1), 0, 1)
    aside = sign(rng) * rng.uniform(0.8, 1.2) * np.sin(np.pi * time)
    offsets = np.stack([aside, rng.normal(0, 0.2) * aside, 0 * aside], 1)
    return motion.Travel(offsets, way.turns)


def _others(rng: np.random.Generator, view: View, followed: Sequence[Path], files: Sequence[Path], frames: int) -> None:
    """Cast what is not followed: a crowd of doubles, strangers beside them, and some that pass in front."""
    crowd = int(rng.integers(3, 9)) if happens(rng, 0.15) else 0
    strangers = int(rng.integers(0, 4)) if happens(rng, 0.6) else 0
    for number in range(crowd + strangers):
        from_files = [pick(rng, followed)] if number < crowd or happens(rng, 0.3) else files
        model, _ = cast.draw(rng, from_files, f"other {number}", frames=frames)
        cast.colour(model, BLACK)
        near = number >= crowd and happens(rng, 0.3)
        depth = view.distance * (rng.uniform(0.4, 0.75) if near else rng.uniform(0.9, 1.8))
        speed, spin = motion.speeds(rng)
        start = (float(rng.uniform(-0.6, 0.6)), float(rng.uniform(-0.4, 0.4)))
        share = log_uniform(rng, 0.005, 0.12)
        way = motion.travel(rng, frames, speed=speed, spin=spin, heading=sign(rng))
        cast.place(rng, view, model, way, share=share, depth=depth, start=start)
