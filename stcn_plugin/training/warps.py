"""Geometry of training pictures: where each pixel of a crop comes from.

Positions are in pixels, x before y, pixel centres on halves. A *placement* is a ``(2, 3)`` matrix from crop to source;
a *bend* is a displacement of the crop's own pixels before that, ``(2, h, w)``.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from torch import Tensor
from torch.nn import functional

Matrix = NDArray[np.float64]

_KNOTS = 4  # of a bend, each way


def placement(
    *,
    size: int,
    centre: tuple[float, float],
    scale: float,
    degrees: float = 0.0,
    shear: float = 0.0,
    mirrored: bool = False,
) -> Matrix:
    """Return where a square crop lies.

    Args:
        size: Side of the crop, pixels.
        centre: Position in the source of the crop's centre.
        scale: Pixels of the source per pixel of the crop.
        degrees: Turn of the crop.
        shear: Degrees by which its vertical lines lean.
        mirrored: Left for right.
    """
    angle, lean = np.deg2rad(degrees), np.tan(np.deg2rad(shear))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * turn @ np.array([[-1.0 if mirrored else 1.0, lean], [0.0, 1.0]])
    return np.concatenate([linear, (np.array(centre) - linear @ np.full(2, size / 2))[:, None]], 1)


def after(first: Matrix, second: Matrix) -> Matrix:
    """Return the placement that applies ``first`` to the crop's pixels, then ``second``."""
    linear = second[:, :2] @ first[:, :2]
    return np.concatenate([linear, second[:, :2] @ first[:, 2:] + second[:, 2:]], 1)


def shift(x: float, y: float) -> Matrix:
    """Return the placement that looks so many pixels to the right and down."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y]])


def jolt(rng: Generator, size: int, strength: float) -> Matrix:
    """Return a small random motion of a crop within itself.

    Args:
        rng: Chance.
        size: Side of the crop, pixels.
        strength: 1 moves up to a tenth of the side, turns up to 20 degrees, scales by 10 % and shears by 10 degrees,
            as for the published stills.
    """
    x, y = size / 2 + rng.uniform(-0.1, 0.1, 2) * size * strength
    return placement(
        size=size,
        centre=(x, y),
        scale=float(np.exp(rng.uniform(-0.1, 0.1) * strength)),
        degrees=float(rng.uniform(-20, 20) * strength),
        shear=float(rng.uniform(-10, 10) * strength),
    )


def flow_bend(rng: Generator, size: int, strength: float) -> Tensor:
    """Return a smooth random flow, ``(2, size, size)`` pixels; ``strength`` is its standard deviation over the side."""
    knots = torch.from_numpy(rng.normal(0, strength * size, (1, 2, _KNOTS, _KNOTS)).astype(np.float32))
    return functional.interpolate(knots, size=(size, size), mode="bicubic", align_corners=True)[0]


def spline_bend(rng: Generator, size: int, strength: float) -> Tensor:
    """Return a thin-plate spline through randomly moved knots, ``(2, size, size)`` pixels."""
    at = np.stack(np.meshgrid(*[np.linspace(0, 1, _KNOTS)] * 2), -1).reshape(-1, 2)
    moved = rng.normal(0, strength * size, at.shape)
    fine = np.stack(np.meshgrid(*[np.linspace(0, 1, 16)] * 2), -1).reshape(-1, 2)
    bent = RBFInterpolator(at, moved, kernel="thin_plate_spline")(fine).reshape(16, 16, 2)
    coarse = torch.from_numpy(bent.astype(np.float32)).permute(2, 0, 1)[None]
    return functional.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)[0]


def cut(source: Tensor, place: Matrix, *, size: int, bend: Tensor | None = None, beyond: str) -> Tensor:
    """Sample a square crop.

    Where several pixels of the source come together in one of the crop they are averaged before, or thin parts would
    come and go as they move.

    Args:
        source: ``(C, H, W)``.
        place: Placement of the crop.
        size: Side of the crop, pixels.
        bend: ``(2, size, size)``.
        beyond: What lies outside the source: ``reflection`` or ``zeros``.

    Returns:
        ``(C, size, size)``.
    """
    if (reduction := int(np.sqrt(abs(np.linalg.det(place[:, :2]))))) > 1:
        source, place = functional.avg_pool2d(source[None], reduction, ceil_mode=True)[0], place / reduction
    height, width = source.shape[-2:]
    at = torch.arange(size, dtype=torch.float32) + 0.5
    x, y = at.expand(size, size), at[:, None].expand(size, size)
    if bend is not None:
        x, y = x + bend[0], y + bend[1]
    (a, b, c), (d, e, f) = place.tolist()
    # In grid_sample's units the source spans -1 to 1.
    grid = torch.stack([(a * x + b * y + c) * (2 / width) - 1, (d * x + e * y + f) * (2 / height) - 1], -1)
    return functional.grid_sample(source[None], grid[None], padding_mode=beyond, align_corners=False)[0]


def random_patch(rng: Generator, picture: Tensor, *, size: int) -> Tensor:
    """Return a square region ``(C, size, size)`` of a picture ``(C, H, W)``, anywhere, turned, smaller or larger."""
    height, width = picture.shape[1:]
    place = placement(
        size=size,
        centre=(rng.uniform(0, width), rng.uniform(0, height)),
        scale=float(np.exp(rng.uniform(-0.7, 0.7))),
        degrees=float(rng.uniform(0, 360)),
    )
    return cut(picture, place, size=size, beyond="reflection")


def unit_floats(picture: NDArray[np.uint8]) -> Tensor:
    """Return a picture ``(..., H, W, C)`` of bytes as ``(..., C, H, W)`` float32, 0-1."""
    return torch.from_numpy(np.moveaxis(picture, -1, -3)).float().div_(255)
