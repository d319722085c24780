"""Made-up figures: shapes of chance in the textures of pictures, with limbs that swing.

They teach that an object is what moves together and looks alike, not what photographs usually show.
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
from stcn_plugin.training.warps import after, cut, placement, random_patch, shift, unit_floats

_SIDE = 192  # of the canvas that a figure is drawn on, pixels
_OVER = 4  # drawn larger and averaged, for soft edges
_CORNERS = 96


def puppet(rng: Generator, texture: NDArray[np.uint8], *, frames: int) -> CutOut:
    """Return a figure of a body and up to four limbs, in as many poses as there are frames.

    Args:
        rng: Chance.
        texture: ``(H, W, 3)`` picture that it is made of.
        frames: How many poses.
    """
    paint = unit_floats(texture)
    body = _part(rng, paint, _blob(rng))
    limbs = [_limb(rng, paint) for _ in range(int(rng.integers(0, 5)))]
    poses = []
    for number in range(frames):
        pose = torch.zeros(4, _SIDE, _SIDE)
        for limb in limbs:
            pose = over(limb.at(number), pose)
        poses.append(over(body, pose))
    return CutOut(torch.stack(poses))


class _Limb:
    """A part that turns about a point of the body."""

    def __init__(self, rng: Generator, rgba: Tensor) -> None:
        self._rgba = rgba
        self._pivot = rng.uniform(0.35, 0.65, 2) * _SIDE
        self._angle = rng.uniform(0, 360)
        self._swing = rng.uniform(-35, 35)

    def at(self, number: int) -> Tensor:
        """Return it on the canvas, one swing further each frame."""
        turned = placement(
            size=_SIDE, centre=(_SIDE / 2, _SIDE / 2), scale=1.0, degrees=self._angle + number * self._swing
        )
        away = shift(*(_SIDE / 2 - self._pivot))
        return cut(self._rgba, after(away, turned), size=_SIDE, beyond="zeros")


def _limb(rng: Generator, paint: Tensor) -> _Limb:
    """Draw a bar from the middle of the canvas outwards, thick or thin."""
    length, width = rng.uniform(0.2, 0.45) * _SIDE, rng.uniform(0.02, 0.12) * _SIDE
    middle = _SIDE / 2
    end = width * rng.uniform(0.3, 1.2)
    corners = [
        (middle, middle - width),
        (middle + length, middle - end),
        (middle + length, middle + end),
        (middle, middle + width),
    ]
    return _Limb(rng, _part(rng, paint, np.array(corners)))


def _blob(rng: Generator) -> NDArray[np.float64]:
    """Return the corners of a smooth closed outline, lengthened by chance."""
    angle = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    waves = sum(
        rng.normal(0, 0.35 / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi)) for order in range(1, 7)
    )
    radius = 0.22 * _SIDE * np.exp(np.clip(waves, -1.2, 0.5))
    stretch = np.exp(rng.uniform(-0.4, 0.4))
    return np.stack([_SIDE / 2 + radius * stretch * np.cos(angle), _SIDE / 2 + radius / stretch * np.sin(angle)], -1)


def _part(rng: Generator, paint: Tensor, corners: NDArray[np.float64]) -> Tensor:
    """Fill an outline with a random region of a picture; return premultiplied ``(4, S, S)``."""
    drawn = Pillow.new("L", (_SIDE * _OVER, _SIDE * _OVER))
    ImageDraw.Draw(drawn).polygon([(x * _OVER, y * _OVER) for x, y in corners.tolist()], fill=255)
    mask = np.asarray(drawn.resize((_SIDE, _SIDE), Pillow.Resampling.BOX), dtype=np.float32) / 255
    patch = random_patch(rng, paint, size=_SIDE)
    return premultiplied(torch.cat([patch, torch.from_numpy(mask)[None]]))
