"""STCN video object segmentation for compositors: a keyframe matte in, soft mattes for the whole shot out.

::

    from stcn_plugin import make_shot, propagate

    shot = make_shot(plate="plates/sh010.####.exr", keyframes={1001: "roto/sh010.1001.exr"}, out="mattes/sh010.####.exr")
    report = propagate(shot)

The names below are the whole public surface. Importing the package loads none of them, so that hosts and the command
line start without waiting for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stcn_plugin.bridge.job import Progress, Report
    from stcn_plugin.errors import CancelledError, STCNError
    from stcn_plugin.presets.model import Preset
    from stcn_plugin.presets.resolve import load_preset
    from stcn_plugin.presets.shot_file import load_shot, make_shot
    from stcn_plugin.presets.shot_model import Shot
    from stcn_plugin.shot.propagate import propagate

__version__ = "0.1.0"

__all__ = [
    "CancelledError",
    "Preset",
    "Progress",
    "Report",
    "STCNError",
    "Shot",
    "load_preset",
    "load_shot",
    "make_shot",
    "propagate",
]

_HOMES = {
    "CancelledError": "errors",
    "Preset": "presets.model",
    "Progress": "bridge.job",
    "Report": "bridge.job",
    "STCNError": "errors",
    "Shot": "presets.shot_model",
    "load_preset": "presets.resolve",
    "load_shot": "presets.shot_file",
    "make_shot": "presets.shot_file",
    "propagate": "shot.propagate",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'stcn_plugin' has no attribute '{name}'")
    return getattr(import_module(f"stcn_plugin.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
