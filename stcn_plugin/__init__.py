"""STCN video object segmentation for compositors: a keyframe matte in, soft mattes for the whole shot out.

::

    from stcn_plugin import make_shot, propagate

    shot = make_shot(plate="plates/sh010.####.exr", keyframes={1001: "roto/sh010.1001.exr"}, out="mattes/sh010.####.exr")
    report = propagate(shot)

The names below are the public API. They are imported on first use, so that hosts and the command line start without
waiting for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stcn_plugin.bridge.job import Progress
    from stcn_plugin.bridge.report import Report
    from stcn_plugin.errors import CancelledError, STCNError
    from stcn_plugin.job.propagate import propagate
    from stcn_plugin.presets.model import Preset
    from stcn_plugin.presets.resolve import load_preset
    from stcn_plugin.propagation.prediction import Prediction
    from stcn_plugin.propagation.propagator import PropagationSettings, Propagator
    from stcn_plugin.shot.file import load_shot, make_shot
    from stcn_plugin.shot.model import Shot
    from stcn_plugin.weights.loading import load_engine

__version__ = "0.1.0"

__all__ = [
    "CancelledError",
    "Prediction",
    "Preset",
    "Progress",
    "PropagationSettings",
    "Propagator",
    "Report",
    "STCNError",
    "Shot",
    "load_engine",
    "load_preset",
    "load_shot",
    "make_shot",
    "propagate",
]

_HOMES = {
    "CancelledError": "errors",
    "Prediction": "propagation.prediction",
    "Preset": "presets.model",
    "Progress": "bridge.job",
    "PropagationSettings": "propagation.propagator",
    "Propagator": "propagation.propagator",
    "Report": "bridge.report",
    "STCNError": "errors",
    "Shot": "shot.model",
    "load_engine": "weights.loading",
    "load_preset": "presets.resolve",
    "load_shot": "shot.file",
    "make_shot": "shot.file",
    "propagate": "job.propagate",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'stcn_plugin' has no attribute '{name}'")
    return getattr(import_module(f"stcn_plugin.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
