"""The shot file: its model, loading and checking it, and saving a shot as one."""

from stcn_plugin.shot.file import is_shot_file, load_shot, make_shot
from stcn_plugin.shot.layers import KeyframeForm
from stcn_plugin.shot.model import Keyframe, ObjectSpan, Shot
from stcn_plugin.shot.schema import json_schema
from stcn_plugin.shot.selector import split_selector

__all__ = [
    "Keyframe",
    "KeyframeForm",
    "ObjectSpan",
    "Shot",
    "is_shot_file",
    "json_schema",
    "load_shot",
    "make_shot",
    "split_selector",
]
