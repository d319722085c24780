"""Presets: the settings of a job, in layers, each value traceable to its file and line."""

from stcn_plugin.config.layers import Origin
from stcn_plugin.presets.library import PresetInfo, list_presets
from stcn_plugin.presets.model import Preset
from stcn_plugin.presets.resolve import TracedPreset, load_preset, trace_preset
from stcn_plugin.presets.show import preset_yaml, traced_yaml

__all__ = [
    "Origin",
    "Preset",
    "PresetInfo",
    "TracedPreset",
    "list_presets",
    "load_preset",
    "preset_yaml",
    "trace_preset",
    "traced_yaml",
]
