"""STCN inside Blender: panels and operators; the network itself runs in a worker process of its own."""

import atexit

from . import choosing, operators, panels, preferences, settings
from .kept import KEPT

_ROOMS = (settings, preferences, operators, choosing, panels)


def register() -> None:
    """Add panels, operators and settings to Blender."""
    for room in _ROOMS:
        room.register()
    atexit.register(KEPT.close)  # not every Blender disables its extensions when it ends


def unregister() -> None:
    """Take them away again and end the worker."""
    atexit.unregister(KEPT.close)
    KEPT.close()
    for room in reversed(_ROOMS):
        room.unregister()
