"""The extension's preferences: which Python runs the worker."""

import json
import textwrap
from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from .kept import KEPT

_INSTALLED = "worker.json"
"""What the installer leaves beside this file: the interpreter that it ran under."""

_PER_LINE = 90


class StcnPreferences(bpy.types.AddonPreferences):
    """Preferences of the extension."""

    bl_idname = __package__

    python: StringProperty(
        name="Worker's Python",
        description="The Python that stcn_plugin is installed in; empty takes the one that installed this extension",
        subtype="FILE_PATH",
    )
    starts_with_panel: BoolProperty(
        name="Start the worker when the panel is opened",
        description="So that the menus fill and the first job starts at once; it takes some hundred megabytes",
        default=True,
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw the interpreter, the button that tests it, and what came out."""
        layout = self.layout
        layout.prop(self, "python")
        if not self.python:
            layout.label(text=f"Taken from the installation: {installed_python() or 'none'}", icon="INFO")
        layout.prop(self, "starts_with_panel")
        row = layout.row()
        row.enabled = not KEPT.is_asking
        row.operator("stcn.test_worker", icon="CONSOLE")
        for number, line in enumerate(worker_lines()):
            layout.label(text=line, icon="NONE" if number else "ERROR" if KEPT.failure else "CHECKMARK")


def installed_python() -> str:
    """Return the interpreter that the installer named, empty where it named none."""
    try:
        found = json.loads((Path(__file__).parent / _INSTALLED).read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    return str(found.get("python", "")) if isinstance(found, dict) else ""


def preferences() -> "StcnPreferences | None":
    """Return the preferences; none where the extension runs without being installed."""
    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon else None


def worker_python() -> str:
    """Return the interpreter to start the worker with: the preferences', else the installer's."""
    chosen = preferences()
    return bpy.path.abspath(chosen.python) if chosen and chosen.python else installed_python()


def worker_lines() -> list[str]:
    """Return what is known of the worker, in short lines."""
    if KEPT.is_asking:
        return ["The worker is starting …"]
    if KEPT.failure:
        paragraphs = str(KEPT.failure).splitlines()
        return [line for text in paragraphs for line in textwrap.wrap(text, _PER_LINE) or [""]]
    if KEPT.description is None:
        return []
    devices = ", ".join(f"{each.name} ({each.label})" for each in KEPT.description.devices if each.name != "auto")
    weights = ", ".join(each.name for each in KEPT.description.weights)
    return [f"stcn_plugin {KEPT.version}", f"Devices: {devices}", f"Weights: {weights}"]


def register() -> None:
    """Make the preferences known to Blender."""
    bpy.utils.register_class(StcnPreferences)


def unregister() -> None:
    """Take them away again."""
    bpy.utils.unregister_class(StcnPreferences)
