"""The plate: which files it is, and which of them stands at which frame of the scene."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import bpy

from stcn_plugin.errors import HostError

from .sequences import Numbered
from .trees import compositor_tree

MATTES_MARK = "stcn_mattes"
"""Custom property of nodes and images that hold mattes: the frame pattern they come from."""


@dataclass(frozen=True)
class Plate:
    """The footage, as the artist chose it.

    Args:
        node: Name of the compositor's node that shows it; ``None`` where an image or a clip was chosen.
        block: Name of the image or the movie clip.
        is_clip: Whether that is a movie clip.
        files: One of its files.
        shift: Number of a file minus the scene's frame it stands at.
        colour_space: What Blender reads it in.
    """

    node: str | None
    block: str
    is_clip: bool
    files: Numbered
    shift: int
    colour_space: str


def collect_plate(scene: bpy.types.Scene) -> Plate:
    """Return the plate that a scene's settings name.

    Raises:
        HostError: There is none, or it is no image sequence.
    """
    settings = scene.stcn
    if settings.plate_kind == "NODE":
        return _of_node(_plate_node(scene))
    if settings.plate_kind == "CLIP":
        return _of_clip(_chosen(settings.plate_clip, "movie clip"))
    image = _chosen(settings.plate_image, "image")
    return Plate(None, image.name, False, _files(image), settings.plate_shift, image.colorspace_settings.name)


def shows_plate(node: Any, plate: Plate) -> bool:
    """Whether a node of the compositor shows the plate."""
    shown = getattr(node, "clip" if plate.is_clip else "image", None) if is_plate_node(node) else None
    return shown is not None and shown.name == plate.block and plate.node in (None, node.name)


def is_plate_node(node: Any) -> bool:
    """Whether a node shows footage that could be a plate."""
    shown = {"CompositorNodeImage": "image", "CompositorNodeMovieClip": "clip"}.get(node.bl_idname)
    return bool(shown and getattr(node, shown) and MATTES_MARK not in node)


def _plate_node(scene: bpy.types.Scene) -> Any:
    """Return the node that the settings name, else the active one, else the only one there is."""
    tree, name = compositor_tree(scene), scene.stcn.plate_node
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
    what = "several nodes could be the plate" if nodes else "no Image or Movie Clip node is in the compositor"
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


def _files(block: Any) -> Numbered:
    """Return the files of an image or a clip.

    Raises:
        HostError: It is no sequence of files.
    """
    if block.source != "SEQUENCE":
        kind = block.bl_rna.properties["source"].enum_items[block.source].name
        fix = (
            "Write it out as an image sequence first" if block.source == "MOVIE" else "Set its source to Image Sequence"
        )
        raise HostError(f"the plate is no image sequence but '{kind}'", where=block.name, fix=fix)
    return Numbered.parse(os.path.normpath(bpy.path.abspath(block.filepath, library=block.library)))


def _chosen(block: Any | None, what: str) -> Any:
    if block is None:
        raise HostError(f"no {what} is chosen as the plate", where="STCN panel", fix=f"Choose the plate's {what}")
    return block


def _where(scene: bpy.types.Scene) -> str:
    return f"scene {scene.name}"
