"""What is behind: grass, foliage, bricks, lights out of focus, a wall, and the room of the example shot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import OpenImageIO as oiio
from benchmarks.edges.drawing import Floats, floats
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

Ground = Literal["grass", "foliage", "bricks", "lights", "wall", "room"]

_ROOM = Path(__file__).resolve().parents[3] / "examples/shot/plates"


def ground_of(kind: Ground, size: tuple[int, int], *, seed: int = 5) -> Callable[[int], Floats]:
    """Return a function from the index of a frame to a scene-linear picture ``(H, W, 3)``."""
    if kind == "room":
        return lambda index: _room(index, size)
    picture = _PAINTERS[kind](size, np.random.default_rng(seed))
    return lambda _index: picture


def panned(ground: Floats, shift: tuple[float, float], size: tuple[int, int], blur: tuple[float, float]) -> Floats:
    """Return the part of a larger ground that a moving camera sees, blurred along its movement.

    Args:
        ground: ``(H', W', 3)``.
        shift: ``(x, y)`` of the upper left corner.
        size: ``(H, W)`` of the part.
        blur: ``(x, y)``: how far the camera moves while the shutter is open.
    """
    steps = max(1, int(np.ceil(np.hypot(*blur) / 1.5)))
    found = np.zeros((*size, 3), np.float32)
    for step in range(steps):
        along = (step + 0.5) / steps - 0.5
        found += _at(ground, shift[0] + blur[0] * along, shift[1] + blur[1] * along, size)
    return found / floats(steps)


def _at(ground: Floats, x: float, y: float, size: tuple[int, int]) -> Floats:
    left, top = int(np.floor(x)), int(np.floor(y))
    across, down = floats(x - left), floats(y - top)
    height, width = size
    rows = ground[top : top + height + 1, left : left + width + 1]
    if rows.shape[:2] != (height + 1, width + 1):
        raise ValueError(f"the ground of {ground.shape[1]}x{ground.shape[0]} ends before {x:.0f}, {y:.0f}")
    rows = rows[:, :-1] * (1 - across) + rows[:, 1:] * across
    return np.asarray(rows[:-1] * (1 - down) + rows[1:] * down, np.float32)


def _noise(size: tuple[int, int], random: np.random.Generator, cells: int) -> Floats:
    coarse = random.normal(0, 1, (cells, max(2, cells * size[1] // size[0]))).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC))


def _octaves(size: tuple[int, int], random: np.random.Generator) -> Floats:
    return np.asarray(sum(_noise(size, random, 4 * 2**k) / 1.6**k for k in range(7)), np.float32)


def _paint(size: tuple[int, int], polygons: Floats, colours: Floats, under: tuple[float, float, float]) -> Floats:
    """Paint polygons ``(N, V, 2)`` one over the other, with two samples along each side of a pixel."""
    base = tuple(round(255 * channel**0.5) for channel in under)
    picture = Image.new("RGB", (2 * size[1], 2 * size[0]), base)
    draw = ImageDraw.Draw(picture)
    shades = np.rint(255 * np.sqrt(np.clip(colours, 0, 1))).astype(int).tolist()
    for corners, shade in zip((2 * polygons).reshape(len(polygons), -1).tolist(), shades, strict=True):
        draw.polygon(corners, fill=tuple(shade))
    return np.asarray((np.asarray(picture.reduce(2), np.float32) / 255) ** 2, np.float32)


def _grass(size: tuple[int, int], random: np.random.Generator) -> Floats:
    height, width = size
    unit = height / 1152
    count = 42_000
    root = np.stack(
        [random.uniform(-20, width + 20, count), np.sort(random.uniform(-30 * unit, height * 1.06, count))], -1
    )
    depth = root[:, 1] / height
    length = unit * (14 + 70 * depth) * random.uniform(0.6, 1.3, count)
    lean = random.normal(0.1, 0.4, count)
    tip = root + np.stack([np.sin(lean), -np.cos(lean)], -1) * length[:, None]
    middle = (root + tip) / 2 + np.stack([random.normal(0, 0.06, count) * length, np.zeros(count)], -1)
    half = unit * (1.0 + 2.6 * depth) * random.uniform(0.6, 1.2, count)
    side = np.stack([half, np.zeros(count)], -1)
    blades = np.stack([root - side, middle - 0.8 * side, tip, middle + 0.8 * side, root + side], 1)
    light = np.exp(random.normal(-0.1, 0.45, (count, 1))) * random.uniform(0.85, 1.15, (count, 3))
    return _paint(size, blades.astype(np.float32), floats(light * (0.13, 0.22, 0.045)), (0.03, 0.04, 0.015))


def _foliage(size: tuple[int, int], random: np.random.Generator) -> Floats:
    unit, count = size[0] / 1152, 7000
    centre = np.stack([random.uniform(0, size[1], count), random.uniform(0, size[0], count)], -1)
    angle = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    shape = np.stack([np.cos(angle), 0.45 * np.sin(angle)], -1)
    turn = random.uniform(0, np.pi, count)
    rotation = np.stack([np.stack([np.cos(turn), np.sin(turn)], -1), np.stack([-np.sin(turn), np.cos(turn)], -1)], 1)
    length = unit * random.uniform(12, 42, count)
    leaves = centre[:, None] + (shape @ rotation) * length[:, None, None]
    layer = np.linspace(0.15, 1, count)[:, None]
    light = layer * np.exp(random.normal(0, 0.4, (count, 1))) * random.uniform(0.8, 1.2, (count, 3))
    sky = _paint(size, leaves.astype(np.float32), floats(light * (0.12, 0.26, 0.05)), (0.02, 0.03, 0.02))
    spots = np.clip(_noise(size, random, 9) - 0.9, 0, 1)[..., None] * floats([0.9, 1.0, 0.8])
    bright = sky * (1 + 1.5 * spots) + 0.05 * spots
    return np.asarray(gaussian_filter(bright, (2.2 * unit, 2.2 * unit, 0)), np.float32)


def _bricks(size: tuple[int, int], random: np.random.Generator) -> Floats:
    unit = size[0] / 1152
    tall, wide, joint = 46 * unit, 120 * unit, 5 * unit
    polygons, colours = [], []
    for row in range(int(size[0] / tall) + 1):
        for column in range(-1, int(size[1] / wide) + 1):
            x, y = column * wide + (row % 2) * wide / 2, row * tall
            corners = np.array(
                [(x, y), (x + wide - joint, y), (x + wide - joint, y + tall - joint), (x, y + tall - joint)]
            )
            polygons.append(corners + random.normal(0, unit, (4, 2)))
            colours.append(np.array([0.3, 0.13, 0.08]) * np.exp(random.normal(0, 0.25)) * random.uniform(0.9, 1.1, 3))
    wall = _paint(size, floats(polygons), floats(colours), (0.36, 0.34, 0.31))
    rough = 0.18 * _octaves(size, random) + 0.12 * floats(random.normal(0, 1, size))
    return np.asarray(wall * np.exp(rough)[..., None], np.float32)


def _lights(size: tuple[int, int], random: np.random.Generator) -> Floats:
    y = np.linspace(0, 1, size[0], dtype=np.float32)[:, None, None]
    picture = np.broadcast_to(floats([0.03, 0.04, 0.08]) + y * floats([0.05, 0.035, 0.03]), (*size, 3)).copy()
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    for _ in range(45):
        radius = size[0] * random.uniform(0.02, 0.06)
        x, y0 = random.uniform(0, size[1]), random.uniform(0, size[0])
        near = np.s_[
            max(0, int(y0 - radius - 2)) : int(y0 + radius + 3), max(0, int(x - radius - 2)) : int(x + radius + 3)
        ]
        disc = np.clip(radius - np.hypot(columns[near] - x, rows[near] - y0), 0, 1)
        warm = floats([1.0, random.uniform(0.5, 0.9), random.uniform(0.2, 0.9)]) * random.uniform(0.05, 0.9)
        picture[near] += disc[..., None] * warm
    return floats(picture)


def _wall(size: tuple[int, int], random: np.random.Generator) -> Floats:
    base = np.exp(0.12 * _octaves(size, random))[..., None] * floats([0.32, 0.33, 0.3])
    scratches = gaussian_filter(random.normal(0, 1, size).astype(np.float32), (0.6, 5))
    x = np.linspace(-1, 1, size[1], dtype=np.float32)[None, :, None]
    return np.asarray(base * (1 + 0.12 * scratches[..., None]) * (1.1 - 0.5 * x), np.float32)


_PAINTERS: dict[str, Callable[[tuple[int, int], np.random.Generator], Floats]] = {
    "grass": _grass,
    "foliage": _foliage,
    "bricks": _bricks,
    "lights": _lights,
    "wall": _wall,
}


def _room(index: int, size: tuple[int, int]) -> Floats:
    """Return a frame of the example shot, enlarged; its camera moves."""
    source = oiio.ImageBuf(str(_ROOM / f"two_objects.{1001 + index}.exr"))
    larger = oiio.ImageBufAlgo.resize(source, filtername="cubic", roi=oiio.ROI(0, size[1], 0, size[0], 0, 1, 0, 3))
    pixels = larger.get_pixels(oiio.FLOAT)
    if pixels is None:
        raise OSError(larger.geterror())
    return np.maximum(floats(pixels)[..., :3], 0)
