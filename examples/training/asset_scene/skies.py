"""HDRIs that light a scene."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from clip_scene.sampling import happens, log_uniform


def set_sky(rng: np.random.Generator, path: Path, *, is_seen: bool) -> None:
    """Light the scene with an HDRI, with a random rotation and brightness.

    Args:
        rng: Random generator.
        path: The HDRI.
        is_seen: Whether the camera sees it instead of a plain colour.
    """
    old = bpy.data.worlds.get("world")
    if old is not None:
        bpy.data.worlds.remove(old)
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    nodes.clear()
    direction, turned = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeMapping")
    turned.inputs["Rotation"].default_value = (0.0, 0.0, rng.uniform(0, 2 * np.pi))
    if happens(rng, 0.5):
        turned.inputs["Scale"].default_value = (-1.0, 1.0, 1.0)
    picture = nodes.new("ShaderNodeTexEnvironment")
    picture.image = bpy.data.images.load(str(path), check_existing=True)
    light, out = nodes.new("ShaderNodeBackground"), nodes.new("ShaderNodeOutputWorld")
    light.inputs["Strength"].default_value = log_uniform(rng, 0.5, 1.6)
    links.new(direction.outputs["Generated"], turned.inputs["Vector"])
    links.new(turned.outputs["Vector"], picture.inputs["Vector"])
    links.new(picture.outputs["Color"], light.inputs["Color"])
    if is_seen:
        links.new(light.outputs[0], out.inputs["Surface"])
        return
    plain, either, rays = (nodes.new(f"ShaderNode{kind}") for kind in ("Background", "MixShader", "LightPath"))
    plain.inputs["Color"].default_value = (*rng.uniform(0.02, 1, 3), 1.0)
    links.new(rays.outputs["Is Camera Ray"], either.inputs["Fac"])
    links.new(light.outputs[0], either.inputs[1])
    links.new(plain.outputs[0], either.inputs[2])
    links.new(either.outputs[0], out.inputs["Surface"])
