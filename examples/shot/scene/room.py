"""The set: floor, papered wall, shelf with books, plants, blocks, rug, lantern and a string of lights."""

from __future__ import annotations

from random import Random

import numpy as np

from scene import materials
from scene.geometry import Shape, box, ellipsoid, merge, surface, to_object, tube, turn, turned

WALL = 1.75
"""Where the wall stands, on y."""

SPINES = [
    (0.32, 0.05, 0.04), (0.05, 0.14, 0.20), (0.42, 0.28, 0.08), (0.10, 0.20, 0.10), (0.50, 0.44, 0.34),
    (0.16, 0.06, 0.14), (0.04, 0.05, 0.09), (0.46, 0.14, 0.05), (0.20, 0.30, 0.30),
]  # fmt: skip


def build() -> None:
    """Build everything that stands still."""
    _shell()
    _shelf(Random(11))
    _clutter(Random(5))
    _plant(Random(23), (1.62, 1.05, 0.0), leaves=17, size=1.0)
    _plant(Random(31), (-2.05, 0.75, 0.0), leaves=13, size=0.8)
    _lights()


def _shell() -> None:
    floor = box((-5, -5, -0.1), (5, WALL, 0))
    to_object("floor", floor, [materials.floorboards("floorboards")])
    to_object("wall", box((-5, WALL, 0), (5, WALL + 0.1, 4)), [materials.plaster("plaster", (0.055, 0.16, 0.17))])
    wood = (0.26, 0.29, 0.22)
    boards = [
        box((-5, WALL - 0.03, 0), (5, WALL, 0.14), tint=wood),
        box((-5, WALL - 0.05, 0.60), (5, WALL, 0.66), tint=wood),
    ]
    boards += [box((x, WALL - 0.02, 0.10), (x + 0.188, WALL + 0.01, 0.62), tint=wood) for x in np.arange(-4, 4, 0.2)]
    to_object("wainscot", merge(boards), [materials.tinted("wainscot paint", roughness=0.45)], bevel=0.008)
    rings = np.linspace(0, 1.15, 100)
    angle = np.linspace(0, 2 * np.pi, 97)
    height = 0.012 * np.abs(np.sin(rings * 17 * np.pi)) * (rings < 1.149)
    grid = np.stack([np.outer(rings, np.cos(angle)), np.outer(rings, np.sin(angle)), np.outer(height, np.ones(97))], -1)
    to_object("rug", surface(grid), [materials.rug("rug")]).location = (-0.25, 0.05, 0.001)


def _shelf(random: Random) -> None:
    """Two boards on the wall with books, a vase and a clock."""
    timber = materials.tinted("timber", roughness=0.5)
    brown = (0.20, 0.10, 0.045)
    boards = [box((-1.75, WALL - 0.34, z), (0.05, WALL, z + 0.045), tint=brown) for z in (1.02, 1.62)]
    boards += [box((x, WALL - 0.30, 0.90), (x + 0.04, WALL, 1.02), tint=brown) for x in (-1.6, -0.15)]
    to_object("shelf", merge(boards), [timber], bevel=0.008)
    books = [*_books(random, -1.70, -0.62, 1.065), *_books(random, -1.15, -0.02, 1.665)]
    to_object("books", merge(books), [materials.tinted("book cloth", roughness=0.7, weave=90.0)], bevel=0.006)
    profile = [
        (0.001, 0),
        (0.07, 0),
        (0.10, 0.06),
        (0.105, 0.13),
        (0.05, 0.24),
        (0.035, 0.29),
        (0.055, 0.32),
        (0.045, 0.32),
        (0.03, 0.28),
    ]
    glaze = materials.plain("celadon", (0.16, 0.32, 0.24), roughness=0.15, coat=0.8)
    to_object("vase", turned(profile), [glaze], subdivide=1).location = (-0.36, WALL - 0.17, 1.065)
    brass = materials.plain("brass", (0.70, 0.42, 0.12), roughness=0.22, metallic=1.0)
    globe = [
        ellipsoid((0, 0, 0.2), (0.11, 0.11, 0.11)),
        turned([(0.001, 0), (0.08, 0), (0.075, 0.02), (0.015, 0.035), (0.012, 0.09)]),
    ]
    to_object("orb", merge(globe), [brass]).location = (-1.45, WALL - 0.17, 1.665)


def _books(random: Random, left: float, right: float, base: float) -> list[Shape]:
    """Stand books in a row; some lean, each has bands across its spine."""
    books: list[Shape] = []
    x = left
    while x < right - 0.1:
        thick, tall, deep = random.uniform(0.03, 0.075), random.uniform(0.24, 0.38), random.uniform(0.19, 0.26)
        front = WALL - 0.05 - deep
        colour = random.choice(SPINES)
        parts = [box((0, front, 0), (thick, WALL - 0.05, tall), tint=colour)]
        for level in (0.12, 0.2, random.uniform(0.6, 0.85)):
            band = (0.62, 0.46, 0.16) if random.random() < 0.7 else tuple(0.3 * c for c in colour)
            parts.append(
                box(
                    (-0.001, front - 0.003, level * tall),
                    (thick + 0.001, front + 0.02, level * tall + 0.014),
                    tint=band,
                )
            )
        lean = random.choice([0, 0, 0, 0, 5])
        books.append(merge(parts).moved((x, 0, base), turn("y", -lean)))
        x += thick + 0.004 + (0.03 if lean else 0)
    return books


def _clutter(random: Random) -> None:
    """Blocks, a ball, a stool, a basket and an image."""
    paint = materials.tinted("block paint", roughness=0.35)
    blocks = []
    for place, angle, size in [
        ((0.98, 1.15, 0), 18, 0.2),
        ((1.22, 0.95, 0), -12, 0.2),
        ((1.10, 1.06, 0.2), 35, 0.19),
        ((-1.42, 1.2, 0), 25, 0.2),
        ((0.72, 1.38, 0), 40, 0.2),
    ]:
        cube = box((-size / 2, -size / 2, 0), (size / 2, size / 2, size), tint=random.choice(SPINES[:5]))
        face = box((-size / 3, -size / 2 - 0.004, size / 5), (size / 3, -size / 2, size * 0.8), tint=(0.62, 0.55, 0.42))
        blocks.append(merge([cube, face]).moved(place, turn("z", angle)))
    to_object("blocks", merge(blocks), [paint], bevel=0.012)
    beach = ellipsoid((0, 0, 0), (0.19, 0.19, 0.19), detail=48)
    sector = np.floor(beach.st[:, 1] * 6.0 + 1e-6).astype(int) % 3
    beach.tint[:] = np.array([(0.04, 0.12, 0.30), (0.10, 0.30, 0.34), (0.42, 0.36, 0.08)])[sector]
    ball = to_object("ball", beach, [materials.tinted("rubber", roughness=0.25)])
    ball.location, ball.rotation_euler = (-0.62, 1.36, 0.19), (0.5, 0.9, 0.3)
    wood = (0.36, 0.19, 0.08)
    stool = [turned([(0.001, 0.50), (0.22, 0.50), (0.23, 0.52), (0.22, 0.545), (0.001, 0.55)], tint=wood)]
    stool += [
        tube(np.array([[0.1 * x, 0.1 * y, 0.5], [0.19 * x, 0.19 * y, 0.0]]), 0.022, tint=wood)
        for x in (-1, 1)
        for y in (-1, 1)
    ]
    to_object("stool", merge(stool), [materials.tinted("stool wood", roughness=0.4)]).location = (0.42, 1.38, 0)
    profile = [(0.001, 0), (0.09, 0), (0.12, 0.09), (0.12, 0.13), (0.11, 0.13), (0.10, 0.08)]
    enamel = materials.plain("enamel", (0.62, 0.60, 0.52), roughness=0.15, coat=0.6)
    handle = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 12)
    loop = tube(np.stack([0.115 + 0.05 * np.cos(handle), 0 * handle, 0.075 + 0.04 * np.sin(handle)], 1), 0.011)
    to_object("cup", merge([turned(profile), loop]), [enamel], subdivide=1).location = (0.45, 1.33, 0.55)
    frame = [box((0.36, WALL - 0.04, 1.18), (1.16, WALL, 1.24)), box((0.36, WALL - 0.04, 1.82), (1.16, WALL, 1.88))]
    frame += [box((0.36, WALL - 0.04, 1.18), (0.42, WALL, 1.88)), box((1.10, WALL - 0.04, 1.18), (1.16, WALL, 1.88))]
    gilt = materials.plain("gilt", (0.58, 0.36, 0.12), roughness=0.35, metallic=1.0)
    to_object("frame", merge(frame), [gilt], bevel=0.012)
    to_object("canvas", box((0.40, WALL - 0.015, 1.22), (1.12, WALL - 0.01, 1.84)), [materials.painting("canvas")])


def _plant(random: Random, place: tuple[float, float, float], *, leaves: int, size: float) -> None:
    """A pot with long arching leaves."""
    clay = materials.plain(f"clay {leaves}", (0.10, 0.12, 0.125), roughness=0.6)
    soil = materials.plain(f"soil {leaves}", (0.02, 0.014, 0.01), roughness=1.0)
    pot = turned([(0.001, 0), (0.15, 0), (0.20, 0.27), (0.225, 0.27), (0.225, 0.33), (0.19, 0.33), (0.18, 0.28)])
    earth = turned([(0.001, 0.285), (0.185, 0.28)], slot=1)
    to_object(f"pot {leaves}", merge([pot, earth]), [clay, soil]).location = place
    blades = []
    for index in range(leaves):
        length, lift = size * random.uniform(0.6, 1.0), random.uniform(50, 84)
        u, v = np.meshgrid(np.linspace(0, 1, 18), np.linspace(-1, 1, 7), indexing="ij")
        droop = np.radians(lift) - u * np.radians(random.uniform(50, 95))
        along = np.cumsum(np.cos(droop), 0) * length / 18
        up = np.cumsum(np.sin(droop), 0) * length / 18
        width = v * 0.062 * size * np.sin(np.pi * np.clip(0.06 + 0.94 * u, 0, 1)) ** 0.7
        blade = surface(np.stack([0.03 + along, width, 0.27 + up + 0.25 * np.abs(width)], -1))
        blades.append(blade.moved(place, turn("z", index * 137.5 + random.uniform(-15, 15))))
    to_object(f"leaves {leaves}", merge(blades), [materials.leaf(f"leaf {leaves}")])


def _lights() -> None:
    """A paper lantern and small bulbs on a wire."""
    paper = ellipsoid((0, 0, 0), (0.24, 0.24, 0.20), turn("y", 90), detail=40)
    lamp = to_object("lantern", paper, [materials.lantern("lantern paper")])
    lamp.location = (1.42, 1.25, 1.62)
    cord = tube(np.array([[1.42, 1.25, 1.8], [1.42, 1.25, 4.0]]), 0.008)
    x = np.linspace(-2.6, 2.6, 120)
    sag = 2.02 + 0.20 * (((x + 2.6) % 1.3) / 0.65 - 1) ** 2
    wire = tube(np.stack([x, 0 * x + WALL - 0.06, sag], 1), 0.006)
    to_object("wires", merge([cord, wire]), [materials.plain("cord", (0.02, 0.02, 0.018), roughness=0.7)])
    bulbs = [ellipsoid((x[i], WALL - 0.07, sag[i] - 0.035), (0.019, 0.019, 0.027), detail=10) for i in range(4, 120, 7)]
    to_object("bulbs", merge(bulbs), [materials.glow("bulb", (1.0, 0.52, 0.18), 9.24)])
