"""Geometric augmentation: affine crops and smooth deformations of images.

Positions are ``(x, y)`` in pixels, with pixel centres at half-integers. A *placement* is a ``(2, 3)`` affine matrix from
crop to source. A *displacement* ``(2, h, w)`` moves the pixels of the crop before the placement is applied.
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

_KNOTS = 4  # control points of a deformation, per axis


def placement(
    *,
    size: int,
    centre: tuple[float, float],
    scale: float,
    degrees: float = 0.0,
    shear: float = 0.0,
    mirrored: bool = False,
) -> Matrix:
    """Return the placement of a square crop.

    Args:
        size: Side of the crop in pixels.
        centre: Position of its centre in the source.
        scale: Source pixels per crop pixel.
        degrees: Rotation in degrees.
        shear: Shear of vertical lines in degrees.
        mirrored: Whether to flip left and right.
    """
    angle, slope = np.deg2rad(degrees), np.tan(np.deg2rad(shear))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * rotation @ np.array([[-1.0 if mirrored else 1.0, slope], [0.0, 1.0]])
    return np.concatenate([linear, (np.array(centre) - linear @ np.full(2, size / 2))[:, None]], 1)


def compose(first: Matrix, second: Matrix) -> Matrix:
    """Return the placement that applies ``first``, then ``second``."""
    linear = second[:, :2] @ first[:, :2]
    return np.concatenate([linear, second[:, :2] @ first[:, 2:] + second[:, 2:]], 1)


def translation(x: float, y: float) -> Matrix:
    """Return the placement that translates by ``(x, y)`` pixels."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y]])


def random_jitter(rng: Generator, size: int, strength: float) -> Matrix:
    """Return a small random affine transformation of a crop.

    Args:
        rng: Random generator.
        size: Side of the crop in pixels.
        strength: 1 translates by up to a tenth of the side, rotates by up to 20 degrees, scales by up to 10 % and
            shears by up to 10 degrees, as published for stills.
    """
    x, y = size / 2 + rng.uniform(-0.1, 0.1, 2) * size * strength
    return placement(
        size=size,
        centre=(x, y),
        scale=float(np.exp(rng.uniform(-0.1, 0.1) * strength)),
        degrees=float(rng.uniform(-20, 20) * strength),
        shear=float(rng.uniform(-10, 10) * strength),
    )


def random_flow(rng: Generator, size: int, strength: float) -> Tensor:
    """Return a smooth random displacement ``(2, size, size)`` of standard deviation ``strength * size`` pixels."""
    knots = torch.from_numpy(rng.normal(0, strength * size, (1, 2, _KNOTS, _KNOTS)).astype(np.float32))
    return functional.interpolate(knots, size=(size, size), mode="bicubic", align_corners=True)[0]


def random_spline(rng: Generator, size: int, strength: float) -> Tensor:
    """Return a random thin-plate spline displacement ``(2, size, size)``; ``strength`` as for `random_flow`."""
    at = np.stack(np.meshgrid(*[np.linspace(0, 1, _KNOTS)] * 2), -1).reshape(-1, 2)
    moved = rng.normal(0, strength * size, at.shape)
    fine = np.stack(np.meshgrid(*[np.linspace(0, 1, 16)] * 2), -1).reshape(-1, 2)
    bent = RBFInterpolator(at, moved, kernel="thin_plate_spline")(fine).reshape(16, 16, 2)
    coarse = torch.from_numpy(bent.astype(np.float32)).permute(2, 0, 1)[None]
    return functional.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)[0]


def sample_crop(
    source: Tensor, matrix: Matrix, *, size: int, displacement: Tensor | None = None, padding: str
) -> Tensor:
    """Sample a square crop.

    The source is averaged before it is scaled down; otherwise thin parts would alias and flicker.

    Args:
        source: ``(C, H, W)``.
        matrix: Placement of the crop.
        size: Side of the crop in pixels.
        displacement: ``(2, size, size)``.
        padding: Values outside the source: ``reflection`` or ``zeros``.

    Returns:
        ``(C, size, size)``.
    """
    if (reduction := int(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))) > 1:
        source, matrix = functional.avg_pool2d(source[None], reduction, ceil_mode=True)[0], matrix / reduction
    height, width = source.shape[-2:]
    at = torch.arange(size, dtype=torch.float32) + 0.5
    x, y = at.expand(size, size), at[:, None].expand(size, size)
    if displacement is not None:
        x, y = x + displacement[0], y + displacement[1]
    (a, b, c), (d, e, f) = matrix.tolist()
    # grid_sample expects coordinates from -1 to 1.
    grid = torch.stack([(a * x + b * y + c) * (2 / width) - 1, (d * x + e * y + f) * (2 / height) - 1], -1)
    return functional.grid_sample(source[None], grid[None], padding_mode=padding, align_corners=False)[0]


def random_patch(rng: Generator, picture: Tensor, *, size: int) -> Tensor:
    """Return a crop ``(C, size, size)`` of an image ``(C, H, W)`` at a random position, rotation and scale."""
    height, width = picture.shape[1:]
    matrix = placement(
        size=size,
        centre=(rng.uniform(0, width), rng.uniform(0, height)),
        scale=float(np.exp(rng.uniform(-0.7, 0.7))),
        degrees=float(rng.uniform(0, 360)),
    )
    return sample_crop(picture, matrix, size=size, padding="reflection")


def to_unit_floats(picture: NDArray[np.uint8]) -> Tensor:
    """Convert uint8 pixels ``(..., H, W, C)`` to float32 ``(..., C, H, W)`` in 0-1."""
    return torch.from_numpy(np.moveaxis(picture, -1, -3)).float().div_(255)
