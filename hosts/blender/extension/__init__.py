"""STCN inside Blender: panels and operators; the network itself runs in a worker process of its own."""

from . import operators, panels, preferences, settings
from .kept import KEPT

_ROOMS = (settings, preferences, operators, panels)


def register() -> None:
    """Add panels, operators and settings to Blender."""
    for room in _ROOMS:
        room.register()
    KEPT.open()


def unregister() -> None:
    """Take them away again and end the worker."""
    KEPT.close()
    for room in reversed(_ROOMS):
        room.unregister()
