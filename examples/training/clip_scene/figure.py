"""Figures: shapes that may change over time, and their conversion to Blender objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from scene.geometry import Shape, to_object


@dataclass(frozen=True)
class Figure:
    """A shape of any size around its origin, facing +x, with +z up.

    Args:
        at: Returns the shape at a time in frames. Points move, faces are constant.
        slots: Number of materials.
        bevel: Width of rounded edges, at radius 1.
        stands: Whether it stands on the ground.
        moves: Whether its shape changes.
    """

    at: Callable[[float], Shape]
    slots: int = 1
    bevel: float = 0.0
    stands: bool = False
    moves: bool = False


def rigid(shape: Shape, *, slots: int = 1, bevel: float = 0.0, stands: bool = False) -> Figure:
    """Return a figure of constant shape."""
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
    """Add an object for a figure. Its origin is its centre, or the ground below if it stands.

    Args:
        name: Name of the object.
        figure: The figure.
        materials: One per slot.
        radius: Radius of its bounding sphere.
        frames: Number of frames; the first is 1.
        turn: Initial rotation.
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
    """Add a shape key per frame, and blend from one to the next."""
    thing.shape_key_add(name="rest")
    for frame, points in shapes.items():
        block = thing.shape_key_add(name=f"frame {frame}")
        block.data.foreach_set("co", points.astype(np.float32).ravel())
        for at, value in ((frame - 1, 0.0), (frame, 1.0), (frame + 1, 0.0)):
            block.value = value
            block.keyframe_insert("value", frame=at)
    straighten(thing.data.shape_keys)


def straighten(owner: bpy.types.ID) -> None:
    """Set all animation curves to linear interpolation."""
    for curve in _curves(owner.animation_data.action):
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"


def _curves(action: bpy.types.Action) -> Sequence[bpy.types.FCurve]:
    if hasattr(action, "fcurves"):
        return action.fcurves
    return action.layers[0].strips[0].channelbags[0].fcurves  # since Blender 5
