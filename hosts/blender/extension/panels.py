"""The panels in the sidebars of the Compositor, the Movie Clip Editor and the Image Editor."""

from __future__ import annotations

import textwrap
from typing import Any

import bpy

from stcn_plugin.bridge import JobStatus
from stcn_plugin.bridge.panel import PANEL_SETTINGS
from stcn_plugin.errors import CancelledError

from .frame_markers import marked_frames
from .settings import StcnSettings, scene_settings, switch_name
from .state import STATE, addon_preferences, worker_python

_TAB = "STCN"
_CHARACTERS_PER_LINE = 42
_MARGIN, _CHARACTER_WIDTH = 62.0, 6.6
"""Of a line of text in a sidebar, in points."""
_EDITORS = {"NODE_EDITOR": "compositor", "CLIP_EDITOR": "clip", "IMAGE_EDITOR": "image"}


class STCN_UL_keyframe_files(bpy.types.UIList):  # noqa: N801 - Blender's own naming
    """The list of keyframe files."""

    def draw_item(
        self, _context: Any, layout: Any, _data: Any, item: Any, _icon: int, _active: Any, _name: str
    ) -> None:
        """Draw a file and its frame."""
        row = layout.split(factor=0.42, align=True)
        row.prop(item, "frame", text="")
        row.prop(item, "file", text="")


class _SidebarPanel(bpy.types.Panel):
    bl_region_type = "UI"
    bl_category = _TAB

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Of the node editors, only the compositor."""
        space = context.space_data
        return space.type != "NODE_EDITOR" or space.tree_type == "CompositorNodeTree"


class _Main(_SidebarPanel):
    bl_label = "Propagate Roto"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw plate, keyframes and buttons."""
        _start_worker_once()
        layout, settings = self.layout, scene_settings(context.scene)
        layout.use_property_split, layout.use_property_decorate = True, False
        _draw_plate(layout, settings)
        _draw_keyframes(layout, settings)
        column = layout.column()
        column.prop(settings, "preset")
        if licence := licence_of(settings):
            _draw_text(column, licence, "COPY_ID")
        column.prop(settings, "frame_range")
        column.prop(settings, "out")
        _draw_job(layout, context.scene)


class _Mattes(_SidebarPanel):
    bl_label = "Edges and Cleaning"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - as Blender documents it

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the settings that artists change; each is that of the preset unless it is turned on."""
        layout, settings = self.layout, scene_settings(context.scene)
        layout.use_property_split, layout.use_property_decorate = True, False
        group = PANEL_SETTINGS[0].group
        for setting in PANEL_SETTINGS:
            if setting.group != group:
                layout.separator()
                group = setting.group
            if not setting.is_number:
                layout.prop(settings, setting.name)
                continue
            row = layout.row(heading=setting.label)
            row.prop(settings, switch_name(setting), text="")
            number = row.row()
            number.active = getattr(settings, switch_name(setting))
            number.prop(settings, setting.name, text="")


class _Details(_SidebarPanel):
    bl_label = "Settings"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - as Blender documents it

    def draw(self, context: bpy.types.Context) -> None:
        """Draw settings that most shots do not change."""
        layout, settings = self.layout, scene_settings(context.scene)
        layout.use_property_split, layout.use_property_decorate = True, False
        for name in ("weights", "device", "colour", "overrides", "wiring", "shot_file"):
            layout.prop(settings, name)
        layout.operator("stcn.test_worker", icon="FILE_REFRESH")


def _draw_plate(layout: Any, settings: StcnSettings) -> None:
    box = layout.box().column()
    row = box.row()
    row.label(text="Plate", icon="SEQUENCE")
    row.operator("stcn.use_editor", text="", icon="EYEDROPPER")
    _draw_choice(box, settings, "plate_kind")
    if settings.plate_kind == "NODE":
        box.prop(settings, "plate_node")
    elif settings.plate_kind == "CLIP":
        box.prop(settings, "plate_clip")
    else:
        box.prop(settings, "plate_image")
        box.prop(settings, "plate_shift")


def _draw_keyframes(layout: Any, settings: StcnSettings) -> None:
    box = layout.box().column()
    box.label(text="Keyframes", icon="KEYFRAME")
    _draw_choice(box, settings, "keyframe_kind")
    if settings.keyframe_kind == "MASK":
        box.prop(settings, "mask")
        box.prop(settings, "keyframes_at")
        return
    row = box.row()
    row.template_list("STCN_UL_keyframe_files", "", settings, "keyframe_files", settings, "keyframe_index", rows=3)
    side = row.column(align=True)
    side.operator("stcn.add_keyframe_file", text="", icon="ADD")
    side.operator("stcn.remove_keyframe_file", text="", icon="REMOVE")


def _draw_choice(layout: Any, settings: StcnSettings, name: str) -> None:
    """Draw a choice as a row of buttons over the full width."""
    row = layout.row(align=True)
    row.use_property_split = False
    row.prop(settings, name, expand=True)


def _draw_job(layout: Any, scene: bpy.types.Scene | None) -> None:
    worker, status = STATE.worker, STATE.status
    column = layout.column()
    column.scale_y = 1.4
    column.operator("stcn.propagate", icon="PLAY")
    for number, running in enumerate(STATE.running):
        _draw_running(layout, running, number)
    if status.is_running:
        return
    if isinstance(status.error, CancelledError):
        _draw_text(layout, f"{status.text}. Propagate goes on from there.", "CANCEL")
    elif status.error:
        _draw_text(layout, str(status.error), "ERROR")
    elif status.text:
        _draw_text(layout, status.text, "CHECKMARK")
        for text in status.reasons:
            _draw_text(layout, text, "BLANK1")
    weights = status.report.weights if status.report else None
    if weights:
        _draw_text(layout, f"Weights: {weights.text}", "COPY_ID")
    for text in (*status.warnings, *(problem.text for problem in status.problems)):
        _draw_text(layout, text, "INFO")
    if scene is not None:
        _draw_marked_frames(layout, scene)
    if worker.error:
        _draw_text(layout, str(worker.error), "ERROR")
    elif not worker_python():
        _draw_text(layout, "Set the worker's Python in the preferences of this extension.", "ERROR")


def _draw_running(layout: Any, status: JobStatus, number: int) -> None:
    """Draw the progress of a job, with a button that cancels it."""
    row = layout.row(align=True)
    text = f"{status.text} · {status.fraction:.0%}" if status.progress else status.text
    if hasattr(row, "progress"):
        row.progress(factor=status.fraction, text=text)
    else:  # before Blender 4
        row.label(text=text)
    row.operator("stcn.cancel", text="Cancel", icon="CANCEL").number = number


def _draw_marked_frames(layout: Any, scene: bpy.types.Scene) -> None:
    """Draw a button for each frame to go to: those that the timeline of the scene marks."""
    column = layout.column(align=True)
    for marked in marked_frames(scene):
        icon = "KEY_HLT" if marked.is_next_keyframe else "MARKER_HLT"
        button = column.operator("stcn.go_to_frame", text=f"{marked.frame} · {marked.text}", icon=icon, translate=False)
        button.frame = marked.frame


def licence_of(settings: StcnSettings) -> str:
    """Return the chosen weights, or those of the preset, with their licence; empty until the worker has answered."""
    description = STATE.worker.description
    if description is None:
        return ""
    return description.licence(settings.weights.strip(), preset=settings.preset.strip() or "default")


def _draw_text(layout: Any, text: str, icon: str) -> None:
    """Draw a text, wrapped to the width of the sidebar."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in textwrap.wrap(text, _characters_per_line(), break_on_hyphens=False):
        column.label(text=line, icon=icon)
        icon = "BLANK1"


def _characters_per_line() -> int:
    """Return how much text fits beside an icon in the region that is drawn."""
    region = bpy.context.region
    if region is None or region.width <= _MARGIN:
        return _CHARACTERS_PER_LINE
    points = region.width / bpy.context.preferences.system.ui_scale
    return max(12, int((points - _MARGIN) / _CHARACTER_WIDTH))


def _start_worker_once() -> None:
    """Start the worker from a timer when the panel is first shown; drawing must not change anything."""
    worker, preferences = STATE.worker, addon_preferences()
    is_wanted = preferences is not None and preferences.starts_with_panel and worker_python()
    is_unknown = worker.description is None and worker.error is None and not worker.is_describing
    if is_wanted and is_unknown and not bpy.app.timers.is_registered(_describe_worker):
        bpy.app.timers.register(_describe_worker, first_interval=0.2)


def cancel_timer() -> None:
    """Do not start the worker after all, since the extension is being disabled."""
    if bpy.app.timers.is_registered(_describe_worker):
        bpy.app.timers.unregister(_describe_worker)


def _describe_worker() -> None:
    if not STATE.running and not STATE.worker.is_describing:
        STATE.worker.describe_in_background()


def _panels_of_all_editors() -> list[type[bpy.types.Panel]]:
    """Return the panels: Blender needs one class per editor."""
    panels = []
    for space, name in _EDITORS.items():
        main = f"STCN_PT_{name}"
        body = {"bl_space_type": space, "bl_idname": main}
        panels.append(type(main, (_Main,), body))
        for part, base in (("mattes", _Mattes), ("settings", _Details)):
            body = {"bl_space_type": space, "bl_idname": f"{main}_{part}", "bl_parent_id": main}
            panels.append(type(f"{main}_{part}", (base,), body))
    return panels


CLASSES = (STCN_UL_keyframe_files, *_panels_of_all_editors())
"""For Blender to register."""
