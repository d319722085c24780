"""Puppets: random articulated figures, textured from images.

They teach the network to group pixels by motion and appearance instead of by familiar shapes.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw
from torch import Tensor

from stcn_plugin.training.composites import CutOut, over, premultiplied
from stcn_plugin.training.warps import compose, placement, random_patch, sample_crop, to_unit_floats, translation

_SIDE = 192  # of the canvas, pixels
_SUPERSAMPLING = 4
_VERTICES = 96


def puppet(rng: Generator, texture: NDArray[np.uint8], *, frames: int) -> CutOut:
    """Return a figure with a body and up to four swinging limbs.

    Args:
        rng: Random generator.
        texture: ``(H, W, 3)`` image to take the textures from.
        frames: Number of poses.
    """
    source = to_unit_floats(texture)
    body = _textured(rng, source, _blob(rng))
    limbs = [_limb(rng, source) for _ in range(int(rng.integers(0, 5)))]
    poses = []
    for number in range(frames):
        pose = torch.zeros(4, _SIDE, _SIDE)
        for limb in limbs:
            pose = over(limb.at(number), pose)
        poses.append(over(body, pose))
    return CutOut(torch.stack(poses))


class _Limb:
    """A limb that rotates about a point of the body."""

    def __init__(self, rng: Generator, rgba: Tensor) -> None:
        self._rgba = rgba
        self._pivot = rng.uniform(0.35, 0.65, 2) * _SIDE
        self._angle = rng.uniform(0, 360)
        self._swing = rng.uniform(-35, 35)

    def at(self, number: int) -> Tensor:
        """Return RGBA ``(4, S, S)`` of the limb in a frame."""
        rotation = placement(
            size=_SIDE, centre=(_SIDE / 2, _SIDE / 2), scale=1.0, degrees=self._angle + number * self._swing
        )
        offset = translation(*(_SIDE / 2 - self._pivot))
        return sample_crop(self._rgba, compose(offset, rotation), size=_SIDE, padding="zeros")


def _limb(rng: Generator, source: Tensor) -> _Limb:
    """Return a tapered bar from the centre of the canvas outwards."""
    length, width = rng.uniform(0.2, 0.45) * _SIDE, rng.uniform(0.02, 0.12) * _SIDE
    middle = _SIDE / 2
    end = width * rng.uniform(0.3, 1.2)
    vertices = [
        (middle, middle - width),
        (middle + length, middle - end),
        (middle + length, middle + end),
        (middle, middle + width),
    ]
    return _Limb(rng, _textured(rng, source, np.array(vertices)))


def _blob(rng: Generator) -> NDArray[np.float64]:
    """Return the vertices ``(N, 2)`` of a random smooth closed outline."""
    angle = np.linspace(0, 2 * np.pi, _VERTICES, endpoint=False)
    waves = sum(
        rng.normal(0, 0.35 / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi)) for order in range(1, 7)
    )
    radius = 0.22 * _SIDE * np.exp(np.clip(waves, -1.2, 0.5))
    stretch = np.exp(rng.uniform(-0.4, 0.4))
    return np.stack([_SIDE / 2 + radius * stretch * np.cos(angle), _SIDE / 2 + radius / stretch * np.sin(angle)], -1)


def _textured(rng: Generator, source: Tensor, vertices: NDArray[np.float64]) -> Tensor:
    """Fill a polygon with a random region of an image; return premultiplied RGBA ``(4, S, S)``."""
    canvas = Pillow.new("L", (_SIDE * _SUPERSAMPLING, _SIDE * _SUPERSAMPLING))
    polygon = [(x * _SUPERSAMPLING, y * _SUPERSAMPLING) for x, y in vertices.tolist()]
    ImageDraw.Draw(canvas).polygon(polygon, fill=255)
    mask = np.asarray(canvas.resize((_SIDE, _SIDE), Pillow.Resampling.BOX), dtype=np.float32) / 255
    patch = random_patch(rng, source, size=_SIDE)
    return premultiplied(torch.cat([patch, torch.from_numpy(mask)[None]]))
