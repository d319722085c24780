"""Images and masks of the caller, arrays or tensors of any size, to tensors at the internal size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Array: TypeAlias = Tensor | NDArray[Any]

_ROUNDING = 1e-3
"""Tolerance outside 0-1, for filters that overshoot."""


def image_tensor(image: Array, device: torch.device) -> Tensor:
    """Return an image as a ``(3, H, W)`` float32 tensor.

    Args:
        image: A ``(3, H, W)`` tensor or an ``(H, W, 3)`` array; uint8, or floating point in 0-1.
        device: Device of the result.

    Raises:
        ValueError: Another shape or number format.
    """
    is_tensor = isinstance(image, Tensor)
    tensor = image if isinstance(image, Tensor) else torch.from_numpy(np.array(image))
    channels = 0 if is_tensor else 2
    if tensor.ndim != 3 or tensor.shape[channels] != 3 or not tensor.numel():
        expected = "tensor of shape (3, H, W)" if is_tensor else "array of shape (H, W, 3)"
        raise ValueError(f"the image must be a {expected}, got {tuple(tensor.shape)}")
    if tensor.dtype == torch.uint8:
        tensor = tensor.to(device).float() / 255
    elif not tensor.is_floating_point():
        raise ValueError(f"the image must be uint8, or floating point in 0-1, got {_format(tensor)}")
    tensor = tensor.to(device, torch.float32)
    return tensor if is_tensor else tensor.permute(2, 0, 1)


def mask_tensors(masks: Mapping[str, Array], size: tuple[int, int], device: torch.device) -> dict[str, Tensor]:
    """Return the masks of one frame as ``(H, W)`` float32 tensors in 0-1, by object name; waits for the device.

    Args:
        masks: Object names to boolean or floating point masks.
        size: ``(H, W)`` of the image.
        device: Device of the results.

    Raises:
        ValueError: Another shape or number format, or values outside 0-1.
    """
    return {name: _mask_tensor(f"the mask of '{name}'", mask, size, device) for name, mask in masks.items()}


def _mask_tensor(name: str, mask: Array, size: tuple[int, int], device: torch.device) -> Tensor:
    tensor = mask if isinstance(mask, Tensor) else torch.from_numpy(np.array(mask))
    if tuple(tensor.shape) != size:
        raise ValueError(f"{name} must have the shape of its image, {size}, got {tuple(tensor.shape)}")
    if tensor.dtype != torch.bool and not tensor.is_floating_point():
        # Integers may be coverage in 0-255 or object indices.
        what = f"{name} must be boolean, or floating point in 0-1, got {_format(tensor)}"
        raise ValueError(f"{what}; pass mask > 127, mask / 255 or mask == index")
    tensor = tensor.to(device, torch.float32)
    check_range(tensor, name)
    return tensor


def check_range(values: Tensor, name: str) -> None:
    """Check that all values are in 0-1, up to rounding; waits for the device.

    Raises:
        ValueError: They are not, or some are NaN.
    """
    low, high = (float(bound) for bound in values.aminmax())
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
        raise ValueError(f"{name} must have values in 0-1, got {low:g} to {high:g}")


def internal_size(shape: tuple[int, int], *, size: str, pixel_aspect: float = 1.0) -> tuple[int, int]:
    """Return ``(height, width)`` of the image that the network sees.

    The network was trained on square pixels, so anamorphic pixels are stretched to square ones. The image is never
    larger than the plate: enlarging adds cost and no detail.

    Args:
        shape: ``(H, W)`` of the plate, in pixels.
        size: ``native``, a short side such as ``480``, or a maximum such as ``0.5MP``.
        pixel_aspect: Width of a pixel over its height.
    """
    if size == "native":
        return shape
    height, width = shape[0], shape[1] * pixel_aspect
    if size.endswith("MP"):
        scale = math.sqrt(float(size.removesuffix("MP")) * 1e6 / (height * width))
    else:
        scale = int(size) / min(height, width)
    largest = min(1.0, shape[1] / width) if pixel_aspect > 1 else 1.0
    scale = min(scale, largest)
    return max(1, round(height * scale)), max(1, round(width * scale))


def reduce(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize ``(N, H, W)`` planes to a smaller size, averaging the pixels that become one."""
    if tuple(planes.shape[-2:]) == size:
        return planes
    smaller = functional.interpolate(planes[None], size=size, mode="bilinear", align_corners=False, antialias=True)
    return smaller[0].clamp(0, 1)


def _format(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
