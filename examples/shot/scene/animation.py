"""Keyframing with frame numbers as in the shot."""

from __future__ import annotations

from collections.abc import Iterable

import bpy


def curve(owner: bpy.types.bpy_struct, path: str, index: int, keys: Iterable[tuple[float, float]]) -> None:
    """Animate one number of a property.

    Args:
        owner: The object or shape key that has the property.
        path: Name of the property.
        index: Component of a vector, or -1 for a single number.
        keys: ``(frame, value)``; eased in between, without overshoot.
    """
    data = owner.id_data
    if data.animation_data is None:
        data.animation_data_create()
    if data.animation_data.action is None:
        data.animation_data.action = bpy.data.actions.new(f"{data.name} action")
    full_path = owner.path_from_id(path) if owner != data else path
    channel = data.animation_data.action.fcurve_ensure_for_datablock(data, full_path, index=max(index, 0))
    for frame, value in keys:
        point = channel.keyframe_points.insert(frame, float(value), options={"FAST"})
        point.interpolation = "BEZIER"
        point.handle_left_type = point.handle_right_type = "AUTO_CLAMPED"
    channel.update()
