"""Renders a scene as a plate and as masks, with the same camera and shutter."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses


def set_up(width: int, height: int, *, shutter: float, threads: int) -> None:
    """Set the options that plates and masks share, since they determine the edges."""
    scene = bpy.context.scene
    render, cycles = scene.render, scene.cycles
    render.engine, cycles.device = "CYCLES", "CPU"
    render.threads_mode, render.threads = "FIXED", threads
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    render.use_motion_blur, render.motion_blur_position = shutter > 0, "CENTER"
    render.motion_blur_shutter = shutter
    cycles.pixel_filter_type, cycles.filter_width = "BLACKMAN_HARRIS", 1.5
    render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.color_mode, render.image_settings.color_depth = "RGB", "32"
    render.use_persistent_data = True
    _add_matte_paint()
    night = bpy.data.worlds.new("night")
    night.use_nodes = True
    night.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.0


def as_plate(samples: int) -> None:
    """Render plates: few samples and a denoiser."""
    scene = bpy.context.scene
    scene.world, scene.view_layers[0].material_override = bpy.data.worlds["world"], None
    cycles = scene.cycles
    cycles.samples, cycles.use_denoising, cycles.denoiser = samples, True, "OPENIMAGEDENOISE"
    cycles.use_adaptive_sampling = False
    cycles.denoising_quality, cycles.denoising_prefilter = "FAST", "FAST"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 2, 1, 1
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_direct, cycles.sample_clamp_indirect = 20.0, 5.0


def as_mattes(samples: int) -> None:
    """Render masks: many samples without bounces, adaptive sampling, no denoiser."""
    scene = bpy.context.scene
    scene.world, scene.view_layers[0].material_override = bpy.data.worlds["night"], bpy.data.materials["matte"]
    cycles = scene.cycles
    cycles.samples, cycles.use_denoising, cycles.max_bounces = samples, False, 0
    cycles.use_adaptive_sampling, cycles.adaptive_threshold, cycles.adaptive_min_samples = True, 0.01, 8


def render(frame: int, folder: Path, *, per_cent: int = 100) -> np.ndarray:
    """Return ``(H, W, 3)`` scene-linear pixels of a frame, with the frame number as seed."""
    scene = bpy.context.scene
    scene.render.resolution_percentage = per_cent
    scene.frame_set(frame)
    scene.cycles.seed = frame
    path = folder / "raw.exr"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return np.maximum(np.nan_to_num(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT)[..., :3]), 0.0)


def _add_matte_paint() -> None:
    """Add the material that emits the object colour; objects without one are black."""
    material = bpy.data.materials.new("matte")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    colour, light = nodes.new("ShaderNodeObjectInfo"), nodes.new("ShaderNodeEmission")
    links.new(colour.outputs["Color"], light.inputs["Color"])
    links.new(light.outputs[0], nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    material.cycles.emission_sampling = "NONE"
