"""Strands: hair, fur, grass, barbs and wires, drawn as tapering curves with exact coverage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Pixels = NDArray[np.float32]

_SUPERSAMPLING = 3
_POINTS = 8


@dataclass(frozen=True)
class Strands:
    """Curves to draw.

    Args:
        points: ``(N, K, 2)`` x and y in pixels, from root to tip.
        widths: ``(N,)`` at the root, in pixels; the tip has a third of it.
        colours: ``(N, 3)`` in [0, 1].
    """

    points: NDArray[np.float64]
    widths: NDArray[np.float64]
    colours: NDArray[np.float64]


def curves(
    rng: Generator,
    roots: NDArray[np.float64],
    directions: NDArray[np.float64],
    lengths: NDArray[np.float64],
    *,
    bend: float,
) -> NDArray[np.float64]:
    """Return curves ``(N, K, 2)`` that start at their roots and bend to a random side.

    Args:
        rng: Random generator.
        roots: ``(N, 2)`` x and y.
        directions: ``(N, 2)`` unit vectors.
        lengths: ``(N,)`` in pixels.
        bend: Typical deviation of the tip from a straight line, as a fraction of the length.
    """
    along = np.linspace(0, 1, _POINTS)[None, :, None]
    normals = directions[:, ::-1] * [-1, 1]
    common = rng.normal(0, bend)
    sideways = (common + rng.normal(0, bend / 2, len(roots))) * lengths
    wave = rng.normal(0, bend / 4, len(roots)) * lengths
    return (
        roots[:, None]
        + directions[:, None] * (lengths[:, None, None] * along)
        + normals[:, None] * (sideways[:, None, None] * along**2 + wave[:, None, None] * np.sin(6 * along) * along)
    )


def draw_strands(strands: Strands, size: int) -> Pixels:
    """Return strands as premultiplied ``(S, S, 4)``."""
    factor = _SUPERSAMPLING
    colour = Image.new("RGB", (size * factor, size * factor))
    coverage = Image.new("L", (size * factor, size * factor))
    on_colour, on_coverage = ImageDraw.Draw(colour), ImageDraw.Draw(coverage)
    points = (strands.points * factor).reshape(len(strands.points), -1, 2)
    half = points.shape[1] // 2
    fills = (strands.colours.clip(0, 1) * 255).astype(int)
    for curve, width, fill in zip(points, strands.widths * factor, fills, strict=True):
        root, tip = max(round(width), 1), max(round(width / 2.5), 1)
        for part, thickness in ((curve[: half + 1], root), (curve[half:], tip)):
            line = part.ravel().tolist()
            on_colour.line(line, fill=tuple(fill.tolist()), width=thickness)
            on_coverage.line(line, fill=255, width=thickness)
    # What is not drawn is black, so the mean is premultiplied.
    return downsampled(np.dstack([np.asarray(colour), np.asarray(coverage)]), factor)


def downsampled(drawn: NDArray[np.uint8], factor: int) -> Pixels:
    """Return the means of blocks of an image ``(H, W, C)`` in [0, 255], in [0, 1]."""
    height, width, channels = drawn.shape
    blocks = drawn.reshape(height // factor, factor, width // factor, factor, channels)
    return np.asarray(blocks.mean((1, 3), dtype=np.float32) / np.float32(255), np.float32)


def fur(rng: Generator, body: Pixels, *, length: float) -> Pixels:
    """Return hair that grows from parts of the outline of a body, premultiplied ``(S, S, 4)``.

    Args:
        rng: Random generator.
        body: ``(S, S, 4)`` premultiplied.
        length: Typical length of a hair in pixels.
    """
    from scipy.ndimage import binary_erosion, gaussian_filter

    size = len(body)
    solid = body[..., 3] > 0.5
    outline = np.argwhere(solid & ~binary_erosion(solid))
    if len(outline) < 20:
        return np.zeros_like(body)
    smooth: Pixels = gaussian_filter(solid.astype(np.float32), 0.02 * size)
    slopes = np.stack([np.gradient(smooth, axis=axis) for axis in (0, 1)], -1)
    angle = np.arctan2(*(outline - outline.mean(0)).T)
    patches = sum(rng.normal() * np.cos(k * angle + rng.uniform(0, 6.28)) for k in range(1, 6)) + rng.normal(0.8, 1)
    density = rng.uniform(0.15, 1.6)
    chosen = outline[(patches > 0) & (rng.random(len(outline)) < min(density, 1))]
    if density > 1:
        chosen = np.concatenate([chosen, chosen[rng.random(len(chosen)) < density - 1]])
    chosen = chosen[:5000]
    if not len(chosen):
        return np.zeros_like(body)
    outward = -slopes[chosen[:, 0], chosen[:, 1]][:, ::-1]
    turn = rng.normal(rng.normal(0, 0.5), rng.uniform(0.1, 0.6), len(chosen))
    turned = np.stack(
        [
            np.cos(turn) * outward[:, 0] - np.sin(turn) * outward[:, 1],
            np.sin(turn) * outward[:, 0] + np.cos(turn) * outward[:, 1],
        ],
        -1,
    )
    turned /= np.linalg.norm(turned, axis=1, keepdims=True) + 1e-9
    lengths = length * rng.uniform(0.3, 1.4, len(chosen))
    inside = np.minimum(0.5 * length, 0.03 * size) + 2
    roots = chosen[:, ::-1] - turned * inside
    at = roots.round().astype(int).clip(0, size - 1)
    own = body[at[:, 1], at[:, 0]]
    base = own[:, :3] / np.maximum(own[:, 3:], 0.3)
    colours = base * rng.uniform(0.65, 1.35, (len(chosen), 1)) * rng.uniform(0.7, 1.3, (1, 3)) + rng.normal(
        0, 0.03, (len(chosen), 1)
    )
    points = curves(rng, roots, turned, lengths + inside, bend=rng.uniform(0, 0.4))
    widths = rng.choice([0.5, 0.8, 1.2, 2.0]) * rng.uniform(0.7, 1.8, len(chosen))
    return draw_strands(Strands(points, widths, colours), size)


def over(front: Pixels, behind: Pixels) -> Pixels:
    """Composite premultiplied RGBA over premultiplied RGBA."""
    return front + (1 - front[..., 3:]) * behind
