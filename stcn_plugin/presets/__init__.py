"""Presets and shot files: YAML in layers, validated, every value traceable to its file and line."""

from stcn_plugin.presets.layers import Origin
from stcn_plugin.presets.library import PresetInfo, list_presets
from stcn_plugin.presets.model import Preset
from stcn_plugin.presets.resolve import TracedPreset, load_preset, trace_preset
from stcn_plugin.presets.schema import json_schema
from stcn_plugin.presets.selector import split_selector
from stcn_plugin.presets.shot_file import KeyframeForm, is_shot_file, load_shot, make_shot
from stcn_plugin.presets.shot_model import Keyframe, ObjectSpan, Shot
from stcn_plugin.presets.show import preset_yaml, traced_yaml

__all__ = [
    "Keyframe",
    "KeyframeForm",
    "ObjectSpan",
    "Origin",
    "Preset",
    "PresetInfo",
    "Shot",
    "TracedPreset",
    "is_shot_file",
    "json_schema",
    "list_presets",
    "load_preset",
    "load_shot",
    "make_shot",
    "preset_yaml",
    "split_selector",
    "trace_preset",
    "traced_yaml",
]
