"""Doubtful frames and next keyframes as timeline markers.

A marker belongs to this extension as long as it is where it was added, under the name that it was given. A marker that
the artist moved, renamed or bound to a camera is the artist's own. The scene stores which markers were added, because
markers have no properties of their own since Blender 5.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Optional

import bpy
from bpy.props import IntProperty

from stcn_plugin.bridge.frame_notes import FrameNote, confidence_text

_PROPERTY = "stcn_markers"
_LONGEST_NAME = 63
"""Bytes that Blender stores of a name."""


@dataclass(frozen=True)
class MarkedFrame:
    """A frame that a marker of this extension names.

    Args:
        frame: Frame of the scene.
        name: Name of the marker: what to do there.
        is_next_keyframe: Whether to draw a keyframe there.
        confidence: Confidence of a doubtful frame, 0 to 1.
    """

    frame: int
    name: str
    is_next_keyframe: bool
    confidence: Optional[float] = None  # noqa: UP045 - Blender evaluates annotations

    @property
    def text(self) -> str:
        """What to do there, with the confidence of a doubtful frame."""
        return self.name if self.confidence is None else f"{self.name}, {confidence_text(self.confidence)}"


def mark_frames(scene: bpy.types.Scene, notes: Sequence[FrameNote]) -> None:
    """Replace the markers of the last job by those of this one.

    Args:
        scene: The scene.
        notes: The frames to mark; without any, the markers of the last job are removed.
    """
    for marker, _ in list(_own_markers(scene)):
        scene.timeline_markers.remove(marker)
    added = []
    for note in notes:
        marker = scene.timeline_markers.new(_shortened(note.label), frame=note.frame)
        marker.select = False  # new markers are selected, and would move with the artist's
        added.append(MarkedFrame(note.frame, marker.name, note.is_next_keyframe, note.confidence))
    scene[_PROPERTY] = json.dumps([asdict(each) for each in added])


def marked_frames(scene: bpy.types.Scene) -> tuple[MarkedFrame, ...]:
    """Return the frames that the last job marked, in its order."""
    return tuple(marked for _, marked in _own_markers(scene))


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


def _own_markers(scene: bpy.types.Scene) -> Iterator[tuple[Any, MarkedFrame]]:
    """Yield the markers that are still as they were added, each once."""
    there: dict[tuple[int, str], Any] = {}
    for marker in scene.timeline_markers:
        if marker.camera is None:
            there[marker.frame, marker.name] = marker  # the last of equal ones is the newest
    for fields in json.loads(scene.get(_PROPERTY, "[]")):
        marked = MarkedFrame(**fields)
        if (marker := there.pop((marked.frame, marked.name), None)) is not None:
            yield marker, marked


def _shortened(name: str) -> str:
    """Return a name that Blender stores whole, with an ellipsis if it was longer."""
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    ellipsis = "..."
    return name.encode()[: _LONGEST_NAME - len(ellipsis)].decode(errors="ignore") + ellipsis


CLASSES = (STCN_OT_go_to_frame,)
"""For Blender to register."""
