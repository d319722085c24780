"""Animated cut-outs: frames of a single model with alpha."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses
from clip_scene import lights, motion
from clip_scene.output import Look, to_display
from clip_scene.sampling import happens, log_uniform, pick
from mathutils import Vector
from packing import write_picture

from asset_scene import cast, skies
from asset_scene.catalogue import Catalogue

_DISTANCE = 6.0
_MARGIN = 1.15


def build(catalogue: Catalogue, rng: np.random.Generator, *, frames: int) -> float:
    """Build a rotating model with light and camera in an empty file; return the shutter.

    Args:
        catalogue: Models and HDRIs.
        rng: Random generator.
        frames: Number of frames.

    Raises:
        UnfitModelError: No usable model was found.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    model, _ = cast.draw(rng, catalogue.models, "thing", frames=frames)
    if catalogue.skies:
        skies.set_sky(rng, pick(rng, catalogue.skies), is_seen=True)
    else:
        scene.world = bpy.data.worlds.new("world")
    if not catalogue.skies or happens(rng, 0.5):
        lights.build(rng, frames=frames)
    spin = log_uniform(rng, 0.5, 12) if happens(rng, 0.7) else 0.0
    first, direction = rng.uniform(0, 360), rng.choice((-1, 1))
    model.root.rotation_mode = "XYZ"
    turns = np.radians(first + direction * spin * np.arange(-1.0, frames + 1))
    motion.animate(model.root, "rotation_euler", [(0.0, 0.0, turn) for turn in turns])
    seen = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(seen)
    scene.camera = seen
    middle = Vector((0, 0, model.size[2] / 2))
    height = np.radians(rng.uniform(-5, 40))
    seen.location = middle + _DISTANCE * Vector((0, -np.cos(height), np.sin(height)))
    seen.rotation_euler = (middle - seen.location).to_track_quat("-Z", "Y").to_euler()
    widest = float(np.hypot(model.size[0], model.size[1]))
    seen.data.sensor_width = 36.0
    seen.data.lens = 36.0 * _DISTANCE / (_MARGIN * max(widest, model.size[2], 0.2) + 0.2)
    return float(rng.uniform(0.2, 0.8)) if happens(rng, 0.4) else 0.0


def render(frame: int, folder: Path) -> np.ndarray:
    """Return ``(H, W, 4)`` scene-linear premultiplied RGBA of a frame."""
    scene = bpy.context.scene
    scene.render.film_transparent = True
    scene.render.image_settings.color_mode = "RGBA"
    scene.frame_set(frame)
    scene.cycles.seed = frame
    path = folder / "raw.exr"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return np.maximum(np.nan_to_num(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT)), 0.0)


def exposed(rng: np.random.Generator, first: np.ndarray) -> Look:
    """Return a random exposure for the model, without its background.

    Args:
        rng: Random generator.
        first: ``(H, W, 4)`` scene-linear premultiplied RGBA.
    """
    there = first[..., 3] > 0.5
    grey = first[there][:, :3].mean(-1) if there.any() else np.ones(1)
    gain = min(rng.uniform(0.12, 0.35) / (np.median(grey) + 1e-3), 1.0 / (np.quantile(grey, 0.97) + 1e-3))
    return Look(gain * np.exp(rng.normal(0, 0.06, 3)), happens(rng, 0.5))


def write(path: Path, rgba: np.ndarray, look: Look) -> None:
    """Write premultiplied RGBA ``(H, W, 4)`` as a PNG with straight alpha."""
    alpha = np.clip(rgba[..., 3:], 0, 1)
    straight = rgba[..., :3] / np.maximum(alpha, 1e-4)
    pixels = np.round(np.concatenate([to_display(straight, look), alpha], -1) * 255).astype(np.uint8)
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 4, oiio.UINT8)
    spec.attribute("oiio:UnassociatedAlpha", 1)
    write_picture(path, spec, pixels)
