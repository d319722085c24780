"""Meshes out of numpy arrays: a few parametric surfaces, merging, fusing, and objects with shape keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import bpy
import numpy as np

Points = np.ndarray
"""``(N, 3)`` positions."""


@dataclass(frozen=True)
class Shape:
    """A mesh before it belongs to Blender.

    Args:
        points: ``(N, 3)`` positions.
        faces: ``(M, 4)`` or ``(M, 3)`` vertex indices.
        slot: Material slot of every face, ``(M,)``.
        st: ``(N, 2)`` surface coordinates in [0, 1].
        tint: ``(N, 3)`` linear colour.
    """

    points: Points
    faces: np.ndarray
    slot: np.ndarray
    st: np.ndarray
    tint: np.ndarray

    def moved(self, offset: Sequence[float], matrix: np.ndarray | None = None) -> Shape:
        """Return a copy transformed by a 3x3 matrix about the origin, then shifted."""
        points = self.points if matrix is None else self.points @ matrix.T
        return Shape(points + np.asarray(offset), self.faces, self.slot, self.st, self.tint)


def turn(axis: str, degrees: float) -> np.ndarray:
    """Return the 3x3 rotation about ``x``, ``y`` or ``z``."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    rows = {
        "x": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }
    return np.array(rows[axis])


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """Ease from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def surface(grid: np.ndarray, *, slot: int = 0, tint: Sequence[float] = (1, 1, 1)) -> Shape:
    """Span quads over a ``(U, V, 3)`` grid of points; closed surfaces repeat their first column."""
    u, v = grid.shape[:2]
    index = np.arange(u * v).reshape(u, v)
    faces = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1).reshape(-1, 4)
    st = np.stack(np.meshgrid(np.linspace(0, 1, u), np.linspace(0, 1, v), indexing="ij"), -1).reshape(-1, 2)
    colours = np.tile(np.asarray(tint, float), (u * v, 1))
    return Shape(grid.reshape(-1, 3), faces, np.full(len(faces), slot), st, colours)


def loft(
    centres: Points, radii: np.ndarray, *, sides: int = 24, slot: int = 0, tint: Sequence[float] = (1, 1, 1)
) -> Shape:
    """Sweep an ellipse along a spine that runs roughly along x; ``radii`` is ``(U, 2)``: across (y) and up (z)."""
    angle = np.linspace(0, 2 * np.pi, sides + 1) - np.pi / 2
    ring = np.stack([np.zeros_like(angle), np.cos(angle), np.sin(angle)], -1)
    scale = np.concatenate([np.zeros((len(radii), 1)), radii], 1)
    return surface(centres[:, None, :] + ring[None] * scale[:, None, :], slot=slot, tint=tint)


def ellipsoid(
    centre: Sequence[float],
    radii: Sequence[float],
    matrix: np.ndarray | None = None,
    *,
    detail: int = 24,
    slot: int = 0,
    tint: Sequence[float] = (1, 1, 1),
) -> Shape:
    """Return an ellipsoid, turned by ``matrix`` about its centre."""
    theta = np.linspace(0, np.pi, detail // 2 + 1)
    profile = np.stack([np.sin(theta), np.sin(theta)], -1)
    spine = np.stack([-np.cos(theta), 0 * theta, 0 * theta], -1)
    ball = loft(spine, profile, sides=detail, slot=slot, tint=tint)
    scaled = Shape(ball.points * np.asarray(radii), ball.faces, ball.slot, ball.st, ball.tint)
    return scaled.moved(centre, matrix)


def tube(
    path: Points, radius: float | np.ndarray, *, sides: int = 10, slot: int = 0, tint: Sequence[float] = (1, 1, 1)
) -> Shape:
    """Sweep a circle along any path of ``(U, 3)`` points."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    helper = np.where(np.abs(along[:, 2:3]) > 0.9, [[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
    side = np.cross(along, helper)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, along)
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    size = np.broadcast_to(radius, len(path))[:, None, None]
    ring = side[:, None] * np.cos(angle)[None, :, None] + up[:, None] * np.sin(angle)[None, :, None]
    return surface(path[:, None] + ring * size, slot=slot, tint=tint)


def turned(
    profile: Sequence[tuple[float, float]], *, sides: int = 32, slot: int = 0, tint: Sequence[float] = (1, 1, 1)
) -> Shape:
    """Spin ``(radius, height)`` pairs about z, as on a lathe."""
    radius, height = np.array(profile, float).T
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    grid = np.stack(
        [radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle), np.repeat(height[:, None], sides + 1, 1)], -1
    )
    return surface(grid, slot=slot, tint=tint)


def box(low: Sequence[float], high: Sequence[float], *, slot: int = 0, tint: Sequence[float] = (1, 1, 1)) -> Shape:
    """Return a box between two corners."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    points = np.asarray(low) + corners * (np.asarray(high, float) - np.asarray(low))
    faces = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    return Shape(points, faces, np.full(6, slot), corners[:, [0, 2]], np.tile(np.asarray(tint, float), (8, 1)))


def merge(shapes: Sequence[Shape]) -> Shape:
    """Put shapes into one, untouched."""
    starts = np.cumsum([0, *(len(shape.points) for shape in shapes)])
    return Shape(
        np.concatenate([shape.points for shape in shapes]),
        np.concatenate([shape.faces + start for shape, start in zip(shapes, starts, strict=False)]),
        np.concatenate([shape.slot for shape in shapes]),
        np.concatenate([shape.st for shape in shapes]),
        np.concatenate([shape.tint for shape in shapes]),
    )


def fuse(shapes: Sequence[Shape], *, voxel: float, smooth: int) -> Shape:
    """Melt overlapping closed shapes into one skin of even quads with rounded joints."""
    lump = to_object("fuse", merge(shapes), [])
    remesh = lump.modifiers.new("remesh", "REMESH")
    remesh.mode, remesh.voxel_size = "VOXEL", voxel
    soften = lump.modifiers.new("soften", "SMOOTH")
    soften.factor, soften.iterations = 0.5, smooth
    skin = lump.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    points = np.array([vertex.co for vertex in skin.vertices])
    faces = np.array([polygon.vertices for polygon in skin.polygons])
    bpy.data.objects.remove(lump)
    count = len(points)
    return Shape(points, faces, np.zeros(len(faces), int), np.zeros((count, 2)), np.ones((count, 3)))


def to_object(
    name: str,
    shape: Shape,
    materials: Sequence[bpy.types.Material],
    *,
    bevel: float = 0.0,
    subdivide: int = 0,
    keys: Mapping[str, Callable[[Points], Points]] | None = None,
) -> bpy.types.Object:
    """Make an object of a shape and link it to the scene.

    Vertex attributes ``rest`` (position), ``st`` and ``tint`` let materials stick to a surface that deforms.

    Args:
        name: Name of the object.
        shape: The mesh.
        materials: One per slot.
        bevel: Width of rounded edges; 0 keeps them sharp and turns smooth shading on.
        subdivide: Levels of Catmull-Clark subdivision.
        keys: Shape keys: name to a function from rest positions to deformed ones.

    Returns:
        The object.
    """
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(shape.points.tolist(), [], shape.faces.tolist())
    mesh.polygons.foreach_set("material_index", shape.slot.astype(np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(shape.faces), bool))
    flat = np.concatenate([shape.st, np.zeros((len(shape.st), 1))], 1)
    for attribute, values in (("rest", shape.points), ("st", flat), ("tint", shape.tint)):
        mesh.attributes.new(attribute, "FLOAT_VECTOR", "POINT").data.foreach_set(
            "vector", values.astype(np.float32).ravel()
        )
    for material in materials:
        mesh.materials.append(material)
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    if keys:
        thing.shape_key_add(name="rest")
        for key, deform in keys.items():
            block = thing.shape_key_add(name=key)
            block.slider_min, block.slider_max = -2.0, 2.0
            block.data.foreach_set("co", deform(shape.points).astype(np.float32).ravel())
    if bevel:
        rounding = thing.modifiers.new("bevel", "BEVEL")
        rounding.width, rounding.segments, rounding.harden_normals = bevel, 2, True
    if subdivide:
        levels = thing.modifiers.new("subdivide", "SUBSURF")
        levels.levels = levels.render_levels = subdivide
    return thing
