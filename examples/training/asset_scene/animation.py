"""Animation of models: their own actions, or random bone rotations."""

from __future__ import annotations

import bpy
import numpy as np
from clip_scene.sampling import happens, log_uniform, pick
from mathutils import Euler

from asset_scene.models import Model

_LOOPS = 60
_ANIMATED_BONES = 0.6  # fraction of the bones of a rig


def animate_model(rng: np.random.Generator, model: Model, *, frames: int) -> None:
    """Animate a rigged model on frames 0 to ``frames`` + 1.

    Args:
        rng: Random generator.
        model: The model.
        frames: Number of frames.
    """
    pace = log_uniform(rng, 0.4, 3.5)
    for rig in model.rigs:
        actions = _actions(rig)
        if actions and happens(rng, 0.95):
            _play_action(rng, rig, pick(rng, actions), pace)
        elif happens(rng, 0.9):
            _swing(rng, rig, pace, frames)


def _actions(rig: bpy.types.Object) -> list[bpy.types.Action]:
    """Return the actions of a rig, sorted by name. Importers store all but the first in NLA tracks."""
    data = rig.animation_data
    if data is None:
        return []
    found = {strip.action for track in data.nla_tracks for strip in track.strips if strip.action}
    if data.action:
        found.add(data.action)
    long = [action for action in found if action.frame_range[1] - action.frame_range[0] > 2]
    return sorted(long, key=lambda action: action.name)


def _play_action(rng: np.random.Generator, rig: bpy.types.Object, action: bpy.types.Action, pace: float) -> None:
    """Loop an action at ``pace`` of its frames per frame, from a random phase."""
    data = rig.animation_data
    data.action = None
    for track in list(data.nla_tracks):
        data.nla_tracks.remove(track)
    strip = data.nla_tracks.new().strips.new("acting", 0, action)
    if action.slots:
        strip.action_slot = action.slots[0]
    strip.repeat, strip.scale = _LOOPS, 1 / pace
    length = action.frame_range[1] - action.frame_range[0]
    begun = float(rng.uniform(1, max(length / pace, 2)))
    strip.frame_start, strip.frame_end = -begun, -begun + _LOOPS * length / pace


def _swing(rng: np.random.Generator, rig: bpy.types.Object, pace: float, frames: int) -> None:
    """Rotate some bones around random poses; bones near the root less, because they move the whole model."""
    rig.animation_data_clear()
    time = np.arange(frames + 2)
    for bone in rig.pose.bones:
        depth = len(bone.parent_recursive)
        if depth == 0 or not happens(rng, _ANIMATED_BONES):
            continue
        widest = np.radians(rng.uniform(4, 12) if depth < 3 else rng.uniform(6, 35))
        rest, way = rng.normal(0, 0.5, 3) * widest, rng.normal(0, 1, 3)
        way *= widest / np.linalg.norm(way)
        swing = np.sin(rng.uniform(0.15, 0.5) * pace * time + rng.uniform(0, 2 * np.pi))
        bone.rotation_mode = "QUATERNION"
        for frame, amount in zip(time, swing, strict=True):
            bone.rotation_quaternion = Euler(rest + way * amount).to_quaternion()
            bone.keyframe_insert("rotation_quaternion", frame=int(frame))
