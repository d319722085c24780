"""Doubtful frames and next keyframes as timeline markers.

A marker belongs to this extension as long as it is where it was added, under the name that it was given. A marker that
the artist moved, renamed, duplicated or bound to a camera is the artist's own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import bpy
from bpy.props import IntProperty

from stcn_plugin.bridge.frame_notes import FrameNote, confidence_text

_ADDED = "stcn_added"
_CONFIDENCE = "stcn_confidence"
_IS_KEYFRAME = "stcn_next_keyframe"
_LONGEST_NAME = 63
"""Bytes that Blender stores of a name."""


@dataclass(frozen=True)
class MarkedFrame:
    """A frame that a marker of this extension names.

    Args:
        frame: Frame of the scene.
        text: What to do there, with the confidence of a doubtful frame.
        is_next_keyframe: Whether to draw a keyframe there.
    """

    frame: int
    text: str
    is_next_keyframe: bool


def mark_frames(scene: bpy.types.Scene, notes: Sequence[FrameNote]) -> None:
    """Replace the markers of the last job by those of this one.

    Args:
        scene: The scene.
        notes: The frames to mark; without any, the markers of the last job are removed.
    """
    for marker in list(_own_markers(scene)):
        scene.timeline_markers.remove(marker)
    for note in notes:
        marker = scene.timeline_markers.new(_shortened(note.label), frame=note.frame)
        marker.select = False  # new markers are selected, and would move with the artist's
        marker[_ADDED] = _state(marker)
        marker[_IS_KEYFRAME] = note.is_next_keyframe
        if note.confidence is not None:
            marker[_CONFIDENCE] = note.confidence


def marked_frames(scene: bpy.types.Scene) -> tuple[MarkedFrame, ...]:
    """Return the frames that the last job marked, in its order."""
    return tuple(
        MarkedFrame(marker.frame, _text(marker), bool(marker.get(_IS_KEYFRAME))) for marker in _own_markers(scene)
    )


class STCN_OT_go_to_frame(bpy.types.Operator):  # noqa: N801 - Blender's naming convention
    """Go to this frame."""

    bl_idname = "stcn.go_to_frame"
    bl_label = "Go to Frame"
    bl_options = {"INTERNAL"}  # noqa: RUF012 - declared like this by Blender

    frame: IntProperty(name="Frame")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set the current frame of the scene."""
        context.scene.frame_set(self.frame)
        return {"FINISHED"}


def _own_markers(scene: bpy.types.Scene) -> Iterator[Any]:
    for marker in scene.timeline_markers:
        if marker.get(_ADDED) == _state(marker) and marker.camera is None:
            yield marker


def _state(marker: Any) -> str:
    return f"{marker.frame} {marker.name}"


def _text(marker: Any) -> str:
    confidence = marker.get(_CONFIDENCE)
    return marker.name if confidence is None else f"{marker.name}, {confidence_text(confidence)}"


def _shortened(name: str) -> str:
    """Return a name that Blender stores whole, with an ellipsis if it was longer."""
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    ellipsis = "..."
    return name.encode()[: _LONGEST_NAME - len(ellipsis)].decode(errors="ignore") + ellipsis


CLASSES = (STCN_OT_go_to_frame,)
"""For Blender to register."""
