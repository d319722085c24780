"""Sprites: objects with exact alpha, from cut-outs or drawn, with hair, holes, thin parts and translucent edges."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from stcn_plugin.training.edges.strands import Pixels, Strands, curves, draw_strands, fur, over

_SUPERSAMPLING = 3


def make_sprite(
    rng: Generator,
    size: int,
    *,
    cut_out: Callable[[Generator], Pixels | None],
    texture: Callable[[Generator, int], Pixels],
) -> Pixels:
    """Make a random object.

    Args:
        rng: Random generator.
        size: Side of the sprite in pixels of the plate.
        cut_out: Returns a cut-out, ``(h, w, 4)`` premultiplied, or ``None`` without one.
        texture: Returns ``(S, S, 3)`` to paint with, for a size.

    Returns:
        ``(S, S, 4)`` premultiplied, display-referred, in [0, 1].
    """
    kind = rng.choice(
        ["cut_out", "blob", "wheel", "foliage", "feather", "lattice", "grass", "limbs"],
        p=[0.36, 0.14, 0.09, 0.12, 0.07, 0.05, 0.07, 0.10],
    )
    own = cut_out(rng) if kind == "cut_out" else None
    if own is not None:
        body = _enlarged(rng, own, size)
        if rng.random() < 0.5:
            body = _painted(body, texture(rng, size), amount=rng.uniform(0.4, 1))
    else:
        drawing = _DRAWINGS.get(str(kind), _blob)
        body = drawing(rng, size, texture(rng, size))
    if kind in ("cut_out", "blob", "limbs") and rng.random() < 0.65:
        length = size * float(np.exp(rng.uniform(math.log(0.01), math.log(0.13))))
        body = over(fur(rng, body, length=length), body)
        if rng.random() < 0.3:
            body = over(fur(rng, body, length=length * rng.uniform(0.3, 0.8)), body)
    if rng.random() < 0.15:
        body = _translucent(rng, body)
    return np.asarray(np.clip(body, 0, 1), np.float32)


def _enlarged(rng: Generator, rgba: Pixels, size: int) -> Pixels:
    """Enlarge a cut-out to a sprite, turned at random, with an edge as sharp as that of a drawing of this size."""
    from scipy.ndimage import affine_transform

    longest = max(rgba.shape[:2])
    factor = longest / (size * rng.uniform(0.6, 0.9))
    angle = rng.normal(0, 0.4)
    cosine, sine = math.cos(angle) * factor, math.sin(angle) * factor
    matrix = np.array([[cosine, -sine], [sine, cosine]]) * [[1], [rng.choice([-1, 1])]]
    offset = np.array(rgba.shape[:2]) / 2 - matrix @ np.array([size / 2, size / 2])
    planes = [affine_transform(rgba[..., k], matrix, offset, (size, size), order=1) for k in range(4)]
    body = np.stack(planes, -1).astype(np.float32)
    sharpening = max(rng.uniform(0.5, 1.0) / factor, 1.0)
    sharp = np.clip((body[..., 3] - 0.5) * np.float32(sharpening) + 0.5, 0, 1)
    return np.dstack([body[..., :3] / np.maximum(body[..., 3:], 1e-3) * sharp[..., None], sharp]).clip(0, 1)


def _painted(body: Pixels, texture: Pixels, *, amount: float) -> Pixels:
    painted = body[..., :3] * np.float32(1 - amount) + texture * body[..., 3:] * np.float32(amount)
    return np.dstack([painted, body[..., 3]])


def _filled(draw: Callable[[ImageDraw.ImageDraw, float], None], size: int, texture: Pixels) -> Pixels:
    """Return a drawn shape, filled with a texture. Coordinates are in pixels times the factor given to ``draw``."""
    factor = _SUPERSAMPLING
    image = Image.new("L", (size * factor, size * factor))
    draw(ImageDraw.Draw(image), factor)
    coverage = np.asarray(image).reshape(size, factor, size, factor).astype(np.float32).mean((1, 3)) / np.float32(255)
    return np.dstack([texture * coverage[..., None], coverage])


def _outline(rng: Generator, size: int, *, roughness: float) -> NDArray[np.float64]:
    """Return a random closed outline around the middle, ``(K, 2)``."""
    angles = np.linspace(0, 2 * math.pi, 240, endpoint=False)
    waves = sum(rng.normal(0, roughness / k) * np.cos(k * angles + rng.uniform(0, 2 * math.pi)) for k in range(1, 14))
    radii = size * rng.uniform(0.2, 0.33) * np.exp(np.clip(waves, -1.2, 0.6))
    stretch = rng.uniform(0.6, 1.0)
    return size / 2 + np.stack([np.cos(angles) * radii, np.sin(angles) * radii * stretch], -1)


def _blob(rng: Generator, size: int, texture: Pixels) -> Pixels:
    outline = _outline(rng, size, roughness=rng.uniform(0.05, 0.5))
    holes = [
        (*rng.uniform(0.35, 0.65, 2) * size, size * rng.uniform(0.01, 0.08)) for _ in range(rng.choice([0, 0, 0, 2, 6]))
    ]

    def draw(on: ImageDraw.ImageDraw, factor: float) -> None:
        on.polygon((outline * factor).ravel().tolist(), fill=255)
        for x, y, radius in holes:
            on.ellipse(
                [(x - radius) * factor, (y - radius) * factor, (x + radius) * factor, (y + radius) * factor], fill=0
            )

    return _filled(draw, size, texture)


def _wheel(rng: Generator, size: int, texture: Pixels) -> Pixels:
    spokes, radius = int(rng.integers(5, 36)), size * rng.uniform(0.28, 0.45)
    rim, hub, width = (
        size * rng.uniform(0.008, 0.05),
        size * rng.uniform(0.02, 0.08),
        max(size * rng.uniform(0.001, 0.012), 0.7),
    )
    start, skew, squash = rng.uniform(0, 6.28), rng.choice([0, 0, 0.3, 0.6]), rng.uniform(0.6, 1)

    def at(angle: float, distance: float, factor: float) -> tuple[float, float]:
        return (size / 2 + math.cos(angle) * distance) * factor, (
            size / 2 + math.sin(angle) * distance * squash
        ) * factor

    def draw(on: ImageDraw.ImageDraw, factor: float) -> None:
        box = [*at(math.pi, radius, factor), *at(0, radius, factor)]
        box[1], box[3] = (size / 2 - radius * squash) * factor, (size / 2 + radius * squash) * factor
        on.ellipse(box, outline=255, width=max(round(rim * factor), 1))
        for k in range(spokes):
            angle = start + k * 2 * math.pi / spokes
            on.line(
                [at(angle, 0, factor), at(angle + skew, radius, factor)], fill=255, width=max(round(width * factor), 1)
            )
        middle = [(size / 2 + sign * hub * each) * factor for sign in (-1, 1) for each in (1, squash)]
        on.ellipse(middle, fill=255)

    return _filled(draw, size, texture)


def _foliage(rng: Generator, size: int, texture: Pixels) -> Pixels:
    leaves, length = int(rng.integers(20, 220)), size * rng.uniform(0.03, 0.14)
    slimness, colour = rng.uniform(0.15, 0.5), rng.uniform(0.1, 0.8, 3) * [0.8, 1, 0.6]
    stems = [
        curves(
            rng,
            np.array([[size / 2, size * 0.9]]),
            _units(np.array([rng.normal(-1.57, 0.5)])),
            np.array([size * rng.uniform(0.4, 0.8)]),
            bend=0.3,
        )[0]
        for _ in range(rng.integers(1, 7))
    ]
    body = draw_strands(
        Strands(
            np.stack(stems),
            np.full(len(stems), size * rng.uniform(0.003, 0.012)),
            np.tile(colour * 0.6, (len(stems), 1)),
        ),
        size,
    )
    factor = _SUPERSAMPLING
    image, coverage = (Image.new(mode, (size * factor, size * factor)) for mode in ("RGB", "L"))
    on, on_coverage = ImageDraw.Draw(image), ImageDraw.Draw(coverage)
    across = np.concatenate([np.linspace(0, 1, 9), np.linspace(1, 0, 9)])
    bulge = np.sin(math.pi * across) * np.repeat([1, -1], 9)
    for _ in range(leaves):
        stem = stems[rng.integers(len(stems))]
        root = stem[rng.integers(2, len(stem))] + rng.normal(0, 0.01 * size, 2)
        angle, own = rng.uniform(0, 6.28), length * rng.uniform(0.5, 1.3)
        along, normal = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
        leaf = root + own * (across[:, None] * along + slimness * rng.uniform(0.4, 1) / 2 * bulge[:, None] * normal)
        fill = tuple((np.clip(colour * rng.uniform(0.6, 1.4), 0, 1) * 255).astype(int).tolist())
        line = (leaf * factor).ravel().tolist()
        on.polygon(line, fill=fill)
        on_coverage.polygon(line, fill=255)
    drawn = np.dstack([np.asarray(image), np.asarray(coverage)]).reshape(size, factor, size, factor, 4)
    leaves_drawn = drawn.astype(np.float32).mean((1, 3)) / np.float32(255)
    body = over(leaves_drawn, body)
    return _painted(body, texture, amount=rng.choice([0, 0.3, 0.7]))


def _feather(rng: Generator, size: int, texture: Pixels) -> Pixels:
    count = int(rng.integers(120, 900))
    shaft = curves(
        rng,
        np.array([[size / 2, size * 0.92]]),
        _units(np.array([rng.normal(-1.57, 0.2)])),
        np.array([size * 0.8]),
        bend=0.15,
    )
    where = rng.uniform(0.15, 1, count)
    at = np.stack([np.interp(where, np.linspace(0, 1, shaft.shape[1]), shaft[0, :, k]) for k in range(2)], -1)
    side = rng.choice([-1, 1], count)
    angles = -1.57 + side * rng.uniform(0.5, 1.1) + rng.normal(0, rng.uniform(0.02, 0.3), count)
    lengths = size * rng.uniform(0.12, 0.3) * np.sin(math.pi * where**0.7) * rng.uniform(0.8, 1.1, count) + 2
    colour = texture[size // 2, size // 2].astype(np.float64)
    colours = colour * rng.uniform(0.7, 1.3, (count, 1))
    widths = np.full(count, rng.uniform(0.5, 3))
    body = draw_strands(Strands(curves(rng, at, _units(angles), lengths, bend=0.2), widths, colours), size)
    middle = draw_strands(Strands(shaft, np.array([size * 0.008 + 1]), np.array([colour * 0.8 + 0.15])), size)
    return over(middle, body)


def _lattice(rng: Generator, size: int, texture: Pixels) -> Pixels:
    spacing, width = size * rng.uniform(0.03, 0.14), max(size * rng.uniform(0.002, 0.016), 0.7)
    first, second = rng.uniform(0, 3.14), rng.uniform(0.8, 2.3)
    outline = _outline(rng, size, roughness=0.2)

    def draw(on: ImageDraw.ImageDraw, factor: float) -> None:
        thick = max(round(width * factor), 1)
        for angle in (first, first + second):
            along, normal = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
            for k in range(-int(size / spacing), int(size / spacing)):
                middle = size / 2 + normal * k * spacing
                on.line(
                    [tuple(((middle + sign * along * size) * factor).tolist()) for sign in (-1, 1)],
                    fill=255,
                    width=thick,
                )

    grid = _filled(draw, size, texture)
    inside = _filled(lambda on, factor: on.polygon((outline * factor).ravel().tolist(), fill=255), size, texture)
    frame = _filled(
        lambda on, factor: on.line(
            [*(outline * factor).ravel().tolist(), *(outline[0] * factor).tolist()],
            fill=255,
            width=round(3 * width * factor),
        ),
        size,
        texture,
    )
    return over(frame, grid * inside[..., 3:])


def _grass(rng: Generator, size: int, texture: Pixels) -> Pixels:
    count = int(rng.integers(60, 900))
    roots = np.stack([rng.normal(0.5, rng.uniform(0.08, 0.2), count), rng.uniform(0.75, 0.95, count)], -1) * size
    lengths = size * rng.uniform(0.2, 0.6) * rng.uniform(0.5, 1.2, count)
    points = curves(
        rng, roots, _units(rng.normal(-1.57, rng.uniform(0.1, 0.4), count)), lengths, bend=rng.uniform(0, 0.5)
    )
    at = roots.round().astype(int).clip(0, size - 1)
    colours = texture[at[:, 1], at[:, 0]] * rng.uniform(0.6, 1.4, (count, 1))
    return draw_strands(Strands(points, rng.uniform(0.5, 4) * rng.uniform(0.5, 1.5, count), colours), size)


def _limbs(rng: Generator, size: int, texture: Pixels) -> Pixels:
    """A body with tails, legs or ropes of all widths."""
    body = _blob(rng, size, texture) if rng.random() < 0.8 else np.zeros((size, size, 4), np.float32)
    count = int(rng.integers(2, 9))
    roots = size / 2 + rng.normal(0, 0.1 * size, (count, 2))
    points = curves(
        rng,
        roots,
        _units(rng.uniform(0, 6.28, count)),
        size * rng.uniform(0.25, 0.5, count),
        bend=rng.uniform(0.1, 0.6),
    )
    widths = size * np.exp(rng.uniform(math.log(0.002), math.log(0.05), count))
    limbs = draw_strands(Strands(points, widths, np.ones((count, 3))), size)
    return over(np.dstack([texture * limbs[..., 3:], limbs[..., 3]]), body)


def _translucent(rng: Generator, body: Pixels) -> Pixels:
    """Make an object translucent towards its edge, or unevenly."""
    from scipy.ndimage import distance_transform_edt, zoom

    size = len(body)
    if rng.random() < 0.6:
        depth = distance_transform_edt(body[..., 3] > 0.5)
        factor = np.clip(rng.uniform(0.1, 0.7) + depth / (size * rng.uniform(0.01, 0.06)), 0, 1)
    else:
        coarse = rng.uniform(0.2, 1.3, (6, 6))
        factor = np.clip(zoom(coarse, size / 6, order=1)[:size, :size], 0, 1)
    return body * factor.astype(np.float32)[..., None]


def _units(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.cos(angles), np.sin(angles)], -1)


_DRAWINGS: dict[str, Callable[[Generator, int, Pixels], Pixels]] = {
    "blob": _blob,
    "wheel": _wheel,
    "foliage": _foliage,
    "feather": _feather,
    "lattice": _lattice,
    "grass": _grass,
    "limbs": _limbs,
}
