"""STCN inside Blender: panels and operators. The network runs in a worker process."""

from . import input_operators, job_operators, panels, preferences, settings
from .state import STATE

_MODULES = (settings, preferences, job_operators, input_operators, panels)


def register() -> None:
    """Add panels, operators and settings to Blender."""
    for module in _MODULES:
        module.register()


def unregister() -> None:
    """Remove them and stop the worker."""
    STATE.reset()
    for module in reversed(_MODULES):
        module.unregister()
