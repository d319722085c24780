"""A figure: something with a shape that may change, and how it becomes an object of Blender."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from scene.geometry import Shape, to_object


@dataclass(frozen=True)
class Figure:
    """A thing of any size, about its own origin, facing +x, with +z up.

    Args:
        at: Its shape at a time in frames; points move, faces stay.
        slots: How many materials it takes.
        bevel: Width of rounded edges, for a figure of radius 1.
        stands: Whether it belongs on the ground rather than in the air.
        moves: Whether its shape changes.
    """

    at: Callable[[float], Shape]
    slots: int = 1
    bevel: float = 0.0
    stands: bool = False
    moves: bool = False


def rigid(shape: Shape, *, slots: int = 1, bevel: float = 0.0, stands: bool = False) -> Figure:
    """Return a figure that keeps its shape."""
    return Figure(lambda _: shape, slots, bevel, stands)


def make(
    name: str,
    figure: Figure,
    materials: Sequence[bpy.types.Material],
    *,
    radius: float,
    frames: int,
    turn: np.ndarray | None = None,
) -> bpy.types.Object:
    """Make an object of a figure: its origin is its centre, or the ground below it if it stands.

    Args:
        name: Name of the object.
        figure: What to make.
        materials: One per slot.
        radius: Of the sphere that it fills.
        frames: How long the clip is; frames count from 1.
        turn: Rotation to begin with.
    """
    first = figure.at(0.0)
    matrix = np.eye(3) if turn is None else turn
    low, high = (first.points @ matrix.T).min(0), (first.points @ matrix.T).max(0)
    scale = radius / (np.linalg.norm(high - low) / 2)
    middle = (low + high) / 2
    origin = [middle[0], middle[1], low[2] if figure.stands else middle[2]]

    def placed(shape: Shape) -> np.ndarray:
        return (shape.points @ matrix.T - origin) * scale

    shape = Shape(placed(first), first.faces, first.slot, first.st, first.tint)
    thing = to_object(name, shape, materials, bevel=figure.bevel * radius)
    if figure.moves:
        _animate(thing, {frame: placed(figure.at(frame - 1.0)) for frame in range(frames + 2)})
    return thing


def _animate(thing: bpy.types.Object, shapes: dict[int, np.ndarray]) -> None:
    """Give every frame a shape key of its own and blend from one to the next."""
    thing.shape_key_add(name="rest")
    for frame, points in shapes.items():
        block = thing.shape_key_add(name=f"frame {frame}")
        block.data.foreach_set("co", points.astype(np.float32).ravel())
        for at, value in ((frame - 1, 0.0), (frame, 1.0), (frame + 1, 0.0)):
            block.value = value
            block.keyframe_insert("value", frame=at)
    straighten(thing.data.shape_keys)


def straighten(owner: bpy.types.ID) -> None:
    """Let everything that is animated run straight from key to key."""
    for curve in _curves(owner.animation_data.action):
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"


def _curves(action: bpy.types.Action) -> Sequence[bpy.types.FCurve]:
    if hasattr(action, "fcurves"):
        return action.fcurves
    return action.layers[0].strips[0].channelbags[0].fcurves  # from Blender 5 on
