"""The extension's preferences: which Python runs the worker."""

import textwrap

import bpy
from bpy.props import BoolProperty, StringProperty

from stcn_plugin.bridge.warm_worker import recorded_python

from .state import INSTALL_RECORD, STATE

_CHARACTERS_PER_LINE = 90


class StcnPreferences(bpy.types.AddonPreferences):
    """Preferences of the extension."""

    bl_idname = __package__

    python: StringProperty(
        name="Worker's Python",
        description="The Python that stcn_plugin is installed in; empty uses the one that installed this extension",
        subtype="FILE_PATH",
    )
    starts_with_panel: BoolProperty(
        name="Start the worker when the panel is opened",
        description="Fills the menus and lets the first job start immediately; takes a few hundred megabytes of memory",
        default=True,
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw the Python, the button that tests it, and the result of the test."""
        layout = self.layout
        layout.prop(self, "python")
        if not self.python:
            layout.label(text=f"From the installation: {recorded_python(INSTALL_RECORD) or 'none'}", icon="INFO")
        layout.prop(self, "starts_with_panel")
        row = layout.row()
        row.enabled = not STATE.worker.is_describing
        row.operator("stcn.test_worker", icon="CONSOLE")
        for number, line in enumerate(worker_lines()):
            layout.label(text=line, icon="NONE" if number else "ERROR" if STATE.worker.error else "CHECKMARK")


def worker_lines() -> list[str]:
    """Return version, devices and weights of the worker, or its error, as short lines."""
    worker = STATE.worker
    if worker.is_describing:
        return ["Starting the worker ..."]
    if worker.error:
        paragraphs = str(worker.error).splitlines()
        return [line for text in paragraphs for line in textwrap.wrap(text, _CHARACTERS_PER_LINE) or [""]]
    if worker.description is None:
        return []
    devices = ", ".join(f"{each.name} ({each.label})" for each in worker.description.devices if each.name != "auto")
    weights = ", ".join(each.name for each in worker.description.weights)
    return [f"stcn_plugin {worker.version}", f"Devices: {devices}", f"Weights: {weights}"]


CLASSES = (StcnPreferences,)
"""For Blender to register."""
