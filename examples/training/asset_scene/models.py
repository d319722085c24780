"""Models: import, normalisation of size, and changes of their materials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from clip_scene.paint import paint
from clip_scene.sampling import happens, log_uniform

_HIDDEN = "glTF_not_exported"  # collection in which the glTF importer stores bone shapes
_MAX_POINTS = 200_000


class UnfitModelError(Exception):
    """A file has no visible surfaces, or too many points."""


@dataclass(frozen=True)
class Model:
    """A model in the scene, facing -y.

    Args:
        root: Parent of all its objects; its origin is the centre of the model's base.
        meshes: Visible meshes.
        rigs: Armatures.
        size: ``(3,)`` extent of its first pose along x, y and z; the diagonal is 2.
    """

    root: bpy.types.Object
    meshes: Sequence[bpy.types.Object]
    rigs: Sequence[bpy.types.Object]
    size: np.ndarray


def load(path: Path, name: str) -> Model:
    """Import a model.

    Args:
        path: File of the model.
        name: Name of its root.

    Raises:
        UnfitModelError: It has no surfaces, or too many points.
    """
    before = set(bpy.data.objects)
    actions = set(bpy.data.actions)
    _import(path)
    new = [thing for thing in bpy.data.objects if thing not in before]
    for thing in [thing for thing in new if thing.type in ("LIGHT", "CAMERA")]:
        new.remove(thing)
        bpy.data.objects.remove(thing)
    stand_ins = {bone.custom_shape for thing in new if thing.type == "ARMATURE" for bone in thing.pose.bones}
    hidden = set(bpy.data.collections[_HIDDEN].objects) if _HIDDEN in bpy.data.collections else set()
    meshes = [
        thing for thing in new if thing.type == "MESH" and thing not in stand_ins | hidden and thing.data.polygons
    ]
    if not meshes:
        raise UnfitModelError(f"{path}: no surfaces")
    if sum(len(mesh.data.vertices) for mesh in meshes) > _MAX_POINTS:
        raise UnfitModelError(f"{path}: more than {_MAX_POINTS} points")
    for action in bpy.data.actions:
        if action not in actions:
            action.use_fake_user = True  # unused actions would be removed
    root = bpy.data.objects.new(name, None)
    bpy.context.scene.collection.objects.link(root)
    for thing in new:
        if thing.parent is None:
            thing.parent = root
    rigs = [thing for thing in new if thing.type == "ARMATURE"]
    return Model(root, meshes, rigs, np.zeros(3))


def fitted(model: Model) -> Model:
    """Return the model, in its current pose, scaled to radius 1 around the centre of its base."""
    low, high = extent(model)
    scale = 2 / max(float(np.linalg.norm(high - low)), 1e-6)
    foot = np.array([*(low + high)[:2] / 2, low[2]])
    inner = bpy.data.objects.new(f"{model.root.name} inner", None)
    bpy.context.scene.collection.objects.link(inner)
    for child in list(model.root.children):
        child.parent = inner
    inner.parent = model.root
    inner.scale = (scale,) * 3
    inner.location = -scale * foot
    bpy.context.view_layer.update()
    return Model(model.root, model.meshes, model.rigs, scale * (high - low))


def extent(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners ``(3,)`` of the bounding box of a model in its current pose.

    Raises:
        UnfitModelError: It has no extent.
    """
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    points = []
    for mesh in model.meshes:
        seen = mesh.evaluated_get(graph)
        corners = np.empty(3 * len(seen.data.vertices), np.float32)
        seen.data.vertices.foreach_get("co", corners)
        place = np.array(seen.matrix_world)
        points.append(corners.reshape(-1, 3) @ place[:3, :3].T + place[:3, 3])
    every = np.concatenate(points)
    if not np.isfinite(every).all() or float(np.ptp(every, axis=0).max(initial=0)) < 1e-6:
        raise UnfitModelError(f"{model.root.name}: no extent")
    return every.min(0), every.max(0)


def repaint(rng: np.random.Generator, model: Model) -> None:
    """Change hues or replace materials at random, so that a model cannot be recognised by its colours."""
    keeps_materials = happens(rng, 0.4)
    replaced: dict[bpy.types.Material | None, bpy.types.Material | None] = {}
    turn, strength = rng.normal(0, 0.08), log_uniform(rng, 0.6, 1.4)
    for mesh in model.meshes:
        if not mesh.material_slots:
            mesh.data.materials.append(None)
        for slot in mesh.material_slots:
            old = slot.material
            if old not in replaced:
                is_new = old is None or (not keeps_materials and happens(rng, 0.5))
                replaced[old] = paint(rng, f"paint {len(bpy.data.materials)}", unit=0.7) if is_new else old
                if not is_new:
                    _turn_hue(old, turn, strength)
            slot.material = replaced[old]


def add_hair(rng: np.random.Generator, model: Model) -> None:
    """Add random hair to the mesh with the most faces."""
    mesh = max(model.meshes, key=lambda each: len(each.data.polygons))
    system = mesh.modifiers.new("hair", "PARTICLE_SYSTEM").particle_system
    hair = system.settings
    hair.type, hair.count, hair.hair_step = "HAIR", int(log_uniform(rng, 300, 1500)), 2
    longest = max(mesh.dimensions) or 1.0
    hair.hair_length = longest * log_uniform(rng, 0.015, 0.09)
    hair.brownian_factor = hair.hair_length * rng.uniform(0.0, 0.6)
    hair.root_radius, hair.tip_radius = rng.uniform(0.6, 1.5), rng.uniform(0.0, 0.4)
    hair.radius_scale = longest * log_uniform(rng, 0.0008, 0.003)
    hair.material = int(rng.integers(1, len(mesh.material_slots) + 1)) if mesh.material_slots else 1


def _turn_hue(material: bpy.types.Material, turn: float, strength: float) -> None:
    """Change hue and saturation between the colour of a material and its shader."""
    if not material.use_nodes:
        return
    tree = material.node_tree
    for node in [node for node in tree.nodes if node.type == "BSDF_PRINCIPLED"]:
        colour = node.inputs["Base Color"]
        change = tree.nodes.new("ShaderNodeHueSaturation")
        change.inputs["Hue"].default_value = 0.5 + turn
        change.inputs["Saturation"].default_value = strength
        if colour.is_linked:
            tree.links.new(colour.links[0].from_socket, change.inputs["Color"])
        else:
            change.inputs["Color"].default_value = colour.default_value
        tree.links.new(change.outputs["Color"], colour)


def _import(path: Path) -> None:
    kind = path.suffix.lower()
    if kind in (".glb", ".gltf"):
        bpy.ops.import_scene.gltf(filepath=str(path))
    elif kind == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(path))
    elif kind == ".obj":
        bpy.ops.wm.obj_import(filepath=str(path))
    else:
        with bpy.data.libraries.load(str(path)) as (there, wanted):
            wanted.objects = there.objects
        for thing in wanted.objects:
            if thing is not None:
                bpy.context.scene.collection.objects.link(thing)
