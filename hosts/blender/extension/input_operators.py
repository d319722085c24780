"""Operators that set the plate and edit the list of keyframe files."""

from __future__ import annotations

from typing import Any

import bpy

from .plates import is_plate_node
from .settings import scene_settings


class STCN_OT_use_editor(bpy.types.Operator):  # noqa: N801 - Blender's own naming
    """Use the active node, the movie clip or the image of this editor as plate."""

    bl_idname = "stcn.use_editor"
    bl_label = "Use Footage of This Editor"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - declared like this by Blender

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set the plate."""
        settings = scene_settings(context.scene)
        space: Any = context.space_data  # its attributes depend on the type of the editor
        kind = space.type if space else ""
        if kind == "NODE_EDITOR" and space.edit_tree and (node := space.edit_tree.nodes.active) and is_plate_node(node):
            settings.plate_kind, settings.plate_node = "NODE", node.name
        elif kind == "CLIP_EDITOR" and space.clip:
            settings.plate_kind, settings.plate_clip = "CLIP", space.clip
        elif kind == "IMAGE_EDITOR" and space.image:
            settings.plate_kind, settings.plate_image = "IMAGE", space.image
            settings.plate_shift = 1 + space.image_user.frame_offset - space.image_user.frame_start
        else:
            self.report(
                {"ERROR"}, "This editor shows no plate. Select the plate's node, or open its image or movie clip here."
            )
            return {"CANCELLED"}
        mask = getattr(space, "mask", None)
        if mask and not settings.mask:
            settings.mask = mask
        return {"FINISHED"}


class STCN_OT_add_keyframe_file(bpy.types.Operator):  # noqa: N801
    """Add a matte file for the current frame."""

    bl_idname = "stcn.add_keyframe_file"
    bl_label = "Add Keyframe File"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - declared like this by Blender

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add the entry."""
        settings = scene_settings(context.scene)
        entry = settings.keyframe_files.add()
        entry.frame = context.scene.frame_current
        settings.keyframe_index = len(settings.keyframe_files) - 1
        return {"FINISHED"}


class STCN_OT_remove_keyframe_file(bpy.types.Operator):  # noqa: N801
    """Remove the selected matte file from the list; the file itself is kept."""

    bl_idname = "stcn.remove_keyframe_file"
    bl_label = "Remove Keyframe File"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - declared like this by Blender

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove the entry."""
        settings = scene_settings(context.scene)
        settings.keyframe_files.remove(settings.keyframe_index)
        settings.keyframe_index = max(0, min(settings.keyframe_index, len(settings.keyframe_files) - 1))
        return {"FINISHED"}


CLASSES = (STCN_OT_use_editor, STCN_OT_add_keyframe_file, STCN_OT_remove_keyframe_file)
"""For Blender to register."""
