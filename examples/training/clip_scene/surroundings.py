"""Surroundings: ground, walls or a backdrop, clutter and sky."""

from __future__ import annotations

import bpy
import numpy as np
from scene.geometry import Shape, box, ellipsoid, merge, surface, to_object, tube, turn, turned
from scene.materials import Nodes

from clip_scene.paint import one_colour, paint, palette
from clip_scene.sampling import happens, log_uniform, pick, random_rotation, ripples

WIDE = 60.0
"""Extent of the ground in scene units; the image is about 4 units wide at the action."""


class _SkyNodes(Nodes):
    """`Nodes` for the shader of a world."""

    def __init__(self, tree: bpy.types.NodeTree) -> None:
        self.tree = tree


def build(rng: np.random.Generator, *, wall: float) -> list[bpy.types.Material]:
    """Build random surroundings, and return their main materials.

    Args:
        rng: Random generator.
        wall: Distance from the action to the wall.
    """
    materials = [paint(rng, f"surroundings {number}", unit=3.0, plain=0.1) for number in range(2)]
    pick(rng, (_room, _corner, _backdrop, _open, _hills))(rng, wall, materials)
    _clutter(rng, wall)
    _sky(rng)
    return materials


def _room(rng: np.random.Generator, wall: float, materials: list[bpy.types.Material]) -> None:
    _ground(materials[0])
    parts = [box((-WIDE, wall, -0.1), (WIDE, wall + 0.2, WIDE))]
    if happens(rng, 0.5):
        parts.append(box((-WIDE, wall - 0.06, 0), (WIDE, wall, rng.uniform(0.1, 0.5))))
    _solid("wall", merge(parts), materials[1])


def _corner(rng: np.random.Generator, wall: float, materials: list[bpy.types.Material]) -> None:
    _ground(materials[0])
    corner = merge([box((-WIDE, 0, -0.1), (0, 0.2, WIDE)), box((0, 0, -0.1), (0.2, -WIDE, WIDE))])
    place = (rng.uniform(-1, 1), wall + 0.5, 0)
    _solid("corner", corner.moved(place, turn("z", rng.uniform(-60, -10))), materials[1])


def _backdrop(rng: np.random.Generator, wall: float, materials: list[bpy.types.Material]) -> None:
    bend = rng.uniform(0.3, 2.5)
    angle = np.linspace(0, np.pi / 2, 16)
    y = np.concatenate([[-WIDE / 2], wall - bend + bend * np.sin(angle), [wall]])
    z = np.concatenate([[0], bend - bend * np.cos(angle), [WIDE]])
    sweep = np.stack([np.stack([np.full_like(y, x), y, z], 1) for x in (-WIDE, WIDE)], 1)
    _solid("backdrop", surface(sweep), pick(rng, materials))


def _open(rng: np.random.Generator, wall: float, materials: list[bpy.types.Material]) -> None:
    _ground(materials[0])
    posts = []
    for _ in range(int(rng.integers(3, 20))):
        x, y = rng.uniform(-8, 8), wall + rng.uniform(0, 8)
        high, thick = rng.uniform(0.5, 6), rng.uniform(0.1, 0.8)
        round_one = turned([(thick, 0), (0.8 * thick, high), (0.001, high)], sides=12)
        posts.append(pick(rng, (box((-thick, -thick, 0), (thick, thick, high)), round_one)).moved((x, y, 0)))
    _solid("posts", merge(posts), materials[1], bevel=0.01)


def _hills(rng: np.random.Generator, wall: float, materials: list[bpy.types.Material]) -> None:
    x, y = np.meshgrid(np.linspace(-15, 15, 90), np.linspace(-8, 22, 90), indexing="ij")
    points = np.stack([x, y, 0 * x], -1)
    rise = np.clip((y - 0.5 * wall) / wall, 0, 3) * rng.uniform(0.2, 1.2)
    bumps = ripples(rng, rng.uniform(0.4, 2))(points.reshape(-1, 3)).reshape(x.shape)
    points[..., 2] = rise * (1 + 0.6 * bumps) + 0.03 * bumps
    _solid("hills", surface(points), materials[0])
    _open(rng, 1.5 * wall, materials)


def _ground(material: bpy.types.Material) -> None:
    _solid("ground", box((-WIDE, -WIDE, -0.2), (WIDE, WIDE, 0)), material)


def _clutter(rng: np.random.Generator, wall: float) -> None:
    """Place small objects on the ground and on the wall."""
    count = int(rng.integers(0, 40))
    if not count:
        return
    kinds = int(rng.integers(1, 5))
    parts: list[list[Shape]] = [[] for _ in range(kinds)]
    for _ in range(count):
        size = log_uniform(rng, 0.04, 0.4)
        height = size * rng.uniform(0.2, 0.9) if happens(rng, 0.7) else rng.uniform(0, 3)
        depth = rng.uniform(-0.3, 0.95) * wall if height < size else wall
        number = int(rng.integers(kinds))
        shape = _small_thing(rng, size)
        parts[number].append(shape.moved((rng.uniform(-4, 4), depth, height)))
    for number, shapes in enumerate(parts):
        if shapes:
            material = pick(rng, (paint(rng, f"clutter {number}", unit=0.6), one_colour(rng, f"plain {number}")))
            _solid(f"clutter {number}", merge(shapes), material)


def _small_thing(rng: np.random.Generator, size: float) -> Shape:
    kind = int(rng.integers(5))
    if kind == 0:
        x, y, z = size * rng.uniform(0.3, 1, 3)
        return box((-x, -y, -z), (x, y, z)).moved((0, 0, 0), turn("z", rng.uniform(0, 90)))
    if kind == 1:
        return ellipsoid((0, 0, 0), size * rng.uniform(0.3, 1, 3), random_rotation(rng), detail=16)
    if kind == 2:
        return turned([(size, -size), (0.001, size)], sides=16)
    if kind == 3:
        return tube(np.array([[0, 0, -size], [0, 0, 2 * size]]), 0.2 * size, sides=8).moved(
            (0, 0, 0), random_rotation(rng)
        )
    blade = np.linspace(0, 1, 6)
    curve = np.stack([0.6 * blade**2, 0 * blade, 3 * blade - 1], 1) * size
    return tube(curve, 0.12 * size * (1.02 - blade), sides=4).moved((0, 0, 0), turn("z", rng.uniform(0, 360)))


def _solid(name: str, shape: Shape, material: bpy.types.Material, *, bevel: float = 0.0) -> None:
    thing = to_object(name, shape, [material], bevel=bevel)
    if len(shape.faces) < 200:  # boxes are shaded flat
        thing.data.polygons.foreach_set("use_smooth", np.zeros(len(shape.faces), bool))


def _sky(rng: np.random.Generator) -> None:
    """Set a sky with a colour gradient, with or without clouds."""
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    world.cycles.sampling_method = "NONE"  # a smooth sky needs no importance map
    sky = _SkyNodes(world.node_tree)
    direction = sky.add("TexCoord", {}, "Generated")
    height = sky.math("MULTIPLY_ADD", sky.split(direction)[2], 0.5, 0.5)
    if happens(rng, 0.5):
        cloud = sky.noise(direction, rng.uniform(2, 8), 4.0)
        height = sky.math("MULTIPLY_ADD", cloud, rng.uniform(0.1, 0.5), height)
    ramp = sky.add("ValToRGB", {"Fac": height})
    for element, colour in zip(ramp.node.color_ramp.elements, palette(rng, 2), strict=True):
        element.color = (*(0.3 + 0.7 * c for c in colour), 1.0)
    background = sky.tree.nodes["Background"]
    sky.tree.links.new(ramp, background.inputs["Color"])
    background.inputs["Strength"].default_value = log_uniform(rng, 0.2, 1.0)
