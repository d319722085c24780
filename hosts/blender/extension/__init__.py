"""STCN inside Blender: panels and operators. The network runs in a worker process."""

from typing import Any

import bpy

from . import frame_markers, input_operators, job_operators, panels, preferences, settings
from .state import STATE

_CLASSES: tuple[Any, ...] = (
    *settings.CLASSES,
    *preferences.CLASSES,
    *job_operators.CLASSES,
    *input_operators.CLASSES,
    *frame_markers.CLASSES,
    *panels.CLASSES,
)


def register() -> None:
    """Add panels, operators and settings to Blender."""
    for each in _CLASSES:
        bpy.utils.register_class(each)
    settings.add_settings()


def unregister() -> None:
    """Remove them and stop the worker."""
    panels.cancel_timer()
    STATE.reset()
    settings.remove_settings()
    for each in reversed(_CLASSES):
        bpy.utils.unregister_class(each)
