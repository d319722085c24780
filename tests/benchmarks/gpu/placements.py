"""Geometric augmentation of batches on a device: affine crops and smooth deformations.

The conventions are those of `stcn_plugin.training.warps`: positions are ``(x, y)`` in pixels with pixel centres at half-integers,
and a placement ``(..., 2, 3)`` maps positions in a crop to positions in its source.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_KNOTS = 4  # control points of a deformation, per axis


def placement(centre: Tensor, *, size: int, scale: Tensor, degrees: Tensor, shear: Tensor, mirrored: Tensor) -> Tensor:
    """Return the placements of square crops.

    Args:
        centre: ``(..., 2)`` position of the crop's centre in the source.
        size: Side of the crops in pixels.
        scale: ``(...)`` source pixels per crop pixel.
        degrees: ``(...)`` rotation in degrees.
        shear: ``(...)`` shear of vertical lines in degrees.
        mirrored: ``(...)`` bool, whether to flip left and right.

    Returns:
        ``(..., 2, 3)``.
    """
    angle, slope = torch.deg2rad(degrees), torch.tan(torch.deg2rad(shear))
    cos, sin = torch.cos(angle), torch.sin(angle)
    flip = 1 - 2 * mirrored.to(scale.dtype)
    rows = [torch.stack([cos * flip, cos * slope - sin], -1), torch.stack([sin * flip, sin * slope + cos], -1)]
    linear = scale[..., None, None] * torch.stack(rows, -2)
    offset = centre - linear.sum(-1) * (size / 2)
    return torch.cat([linear, offset[..., None]], -1)


def compose(first: Tensor, second: Tensor) -> Tensor:
    """Return the placements that apply ``first``, then ``second``."""
    linear, offset = second[..., :2], second[..., 2:]
    return torch.cat([linear @ first[..., :2], linear @ first[..., 2:] + offset], -1)


def translation(offset: Tensor) -> Tensor:
    """Return the placements ``(..., 2, 3)`` that translate by ``(..., 2)`` pixels."""
    identity = torch.eye(2, dtype=offset.dtype, device=offset.device).expand(*offset.shape[:-1], 2, 2)
    return torch.cat([identity, offset[..., None]], -1)


class RandomMotion:
    """Random transformations and deformations.

    Args:
        generator: Its device is that of all results.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return uniform random numbers."""
        values = torch.rand(shape, generator=self._generator, device=self._generator.device)
        return low + (high - low) * values

    def jitter(self, size: int, strength: Tensor) -> Tensor:
        """Return small affine transformations of crops, as `stcn_plugin.training.warps.random_jitter`.

        Args:
            size: Side of the crops in pixels.
            strength: ``(...)``, for each crop.

        Returns:
            ``(..., 2, 3)``.
        """
        shape = strength.shape
        centre = size / 2 + self.uniform(*shape, 2, low=-0.1, high=0.1) * size * strength[..., None]
        return placement(
            centre,
            size=size,
            scale=torch.exp(self.uniform(*shape, low=-0.1, high=0.1) * strength),
            degrees=self.uniform(*shape, low=-20, high=20) * strength,
            shear=self.uniform(*shape, low=-10, high=10) * strength,
            mirrored=torch.zeros(shape, dtype=torch.bool, device=strength.device),
        )

    def flow(self, size: int, strength: Tensor, *, resolution: int) -> Tensor:
        """Return smooth displacements in crop pixels.

        Args:
            size: Side of the crops in pixels.
            strength: ``(N,)`` standard deviation, as a fraction of the side.
            resolution: Side of the result in samples.

        Returns:
            ``(N, 2, resolution, resolution)``.
        """
        knots = torch.randn(
            (len(strength), 2, _KNOTS, _KNOTS), generator=self._generator, device=self._generator.device
        )
        knots = knots * (strength * size)[:, None, None, None]
        return functional.interpolate(knots, size=(resolution, resolution), mode="bicubic", align_corners=True)


def sample_crops(
    sources: Tensor,
    sizes: Tensor,
    matrices: Tensor,
    *,
    size: int,
    displacement: Tensor | None = None,
    is_reflected: bool,
    supersampling: int = 1,
) -> Tensor:
    """Sample a square crop of each source.

    Args:
        sources: ``(N, C, H, W)``, each in the upper left corner of the canvas and zero outside.
        sizes: ``(N, 2)`` height and width of each source.
        matrices: ``(N, 2, 3)`` placements.
        size: Side of the crops in pixels.
        displacement: ``(N, 2, R, R)`` with ``R`` = size x supersampling.
        is_reflected: Whether the outside is a reflection of the source, otherwise zero.
        supersampling: Samples per pixel and axis, against aliasing where a source is scaled down.

    Returns:
        ``(N, C, size, size)`` float32, in the range of the sources.
    """
    count, _, rows, columns = sources.shape
    resolution = size * supersampling
    at = (torch.arange(resolution, dtype=torch.float32, device=sources.device) + 0.5) / supersampling
    at_crop = torch.stack([at.expand(resolution, -1), at[:, None].expand(-1, resolution)]).expand(count, -1, -1, -1)
    if displacement is not None:
        at_crop = at_crop + displacement
    position = matrices[:, :, :2] @ at_crop.flatten(2) + matrices[:, :, 2:]
    position = position.reshape(count, 2, resolution, resolution)
    if is_reflected:
        limit = sizes.flip(1).to(position.dtype)[:, :, None, None]
        folded = limit - (position.remainder(2 * limit) - limit).abs()
        position = folded.clamp_min(0.5).minimum(limit - 0.5)
    canvas = position.new_tensor([columns, rows])
    grid = position.permute(0, 2, 3, 1) * (2 / canvas) - 1
    crops = functional.grid_sample(sources.float(), grid, padding_mode="zeros", align_corners=False)
    return functional.avg_pool2d(crops, supersampling) if supersampling > 1 else crops
