"""The plate: its files, and which of them is shown at which frame of the scene."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import bpy

from stcn_plugin.bridge.numbered_file import NumberedFile
from stcn_plugin.errors import HostError

from .node_trees import compositor_tree
from .settings import scene_settings

MATTES_PROPERTY = "stcn_mattes"
"""Custom property of nodes and images with mattes: the frame pattern of the mattes."""


@dataclass(frozen=True)
class Plate:
    """The footage.

    Args:
        node: Name of the compositor node that shows it; ``None`` if an image or a clip was chosen.
        block: Name of the image or movie clip.
        is_clip: Whether it is a movie clip.
        files: One of its files.
        shift: Number of a file minus the frame of the scene that shows it.
        colour_space: Blender's colour space for it.
    """

    node: str | None
    block: str
    is_clip: bool
    files: NumberedFile
    shift: int
    colour_space: str


def collect_plate(scene: bpy.types.Scene) -> Plate:
    """Return the plate that the settings of a scene name.

    Raises:
        HostError: There is none, or it is not an image sequence.
    """
    settings = scene_settings(scene)
    if settings.plate_kind == "NODE":
        return _of_node(_plate_node(scene))
    if settings.plate_kind == "CLIP":
        return _of_clip(_chosen(settings.plate_clip, "movie clip"))
    image = _chosen(settings.plate_image, "image")
    return Plate(None, image.name, False, _files(image), settings.plate_shift, image.colorspace_settings.name)


def shows_plate(node: Any, plate: Plate) -> bool:
    """Return whether a compositor node shows the plate."""
    shown = getattr(node, "clip" if plate.is_clip else "image", None) if is_plate_node(node) else None
    return shown is not None and shown.name == plate.block and plate.node in (None, node.name)


def is_plate_node(node: Any) -> bool:
    """Return whether a compositor node shows footage other than mattes."""
    shown = {"CompositorNodeImage": "image", "CompositorNodeMovieClip": "clip"}.get(node.bl_idname)
    return bool(shown and getattr(node, shown) and MATTES_PROPERTY not in node)


def _plate_node(scene: bpy.types.Scene) -> Any:
    """Return the node that the settings name, otherwise the active node, otherwise the only one."""
    tree, name = compositor_tree(scene), scene_settings(scene).plate_node
    nodes = [node for node in tree.nodes if is_plate_node(node)] if tree else []
    if name:
        named = next((node for node in nodes if node.name == name), None)
        if named is None:
            raise HostError(
                f"the compositor has no plate node '{name}'", where=_where(scene), fix="Choose the plate again"
            )
        return named
    if tree and tree.nodes.active in nodes:
        return tree.nodes.active
    if len(nodes) == 1:
        return nodes[0]
    what = "several nodes could be the plate" if nodes else "the compositor has no Image or Movie Clip node"
    raise HostError(what, where=_where(scene), fix="Select the plate's node, or choose an image or a movie clip")


def _of_node(node: Any) -> Plate:
    if node.bl_idname == "CompositorNodeMovieClip":
        return replace(_of_clip(node.clip), node=node.name)
    shift = 1 + node.frame_offset - node.frame_start
    return Plate(node.name, node.image.name, False, _files(node.image), shift, node.image.colorspace_settings.name)


def _of_clip(clip: Any) -> Plate:
    files = _files(clip)
    shift = int(files.number) - clip.frame_start + clip.frame_offset
    return Plate(None, clip.name, True, files, shift, clip.colorspace_settings.name)


def _files(block: Any) -> NumberedFile:
    """Return the files of an image or a movie clip.

    Raises:
        HostError: It is not an image sequence.
    """
    if block.source != "SEQUENCE":
        kind = block.bl_rna.properties["source"].enum_items[block.source].name
        fix = "Convert it to an image sequence first" if block.source == "MOVIE" else "Set its source to Image Sequence"
        raise HostError(f"the plate is not an image sequence but '{kind}'", where=block.name, fix=fix)
    return NumberedFile.parse(os.path.normpath(bpy.path.abspath(block.filepath, library=block.library)))


def _chosen(block: Any | None, what: str) -> Any:
    if block is None:
        raise HostError(f"no {what} is chosen as plate", where="STCN panel", fix=f"Choose the plate's {what}")
    return block


def _where(scene: bpy.types.Scene) -> str:
    return f"scene {scene.name}"
