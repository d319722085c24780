"""Photometric augmentation of clips: colour, blur and noise. Values are display-referred, 0-1."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

_LUMA = (0.2126, 0.7152, 0.0722)


def jitter_colour(rng: Generator, frames: Tensor) -> Tensor:
    """Change brightness, contrast, saturation and tint, mostly by the same amount for all frames.

    Args:
        rng: Random generator.
        frames: ``(T, 3, H, W)``.
    """
    shared = rng.uniform(-1, 1, 3) * (0.25, 0.25, 0.3)
    tint = torch.from_numpy(rng.uniform(-0.05, 0.05, (1, 3, 1, 1)).astype(np.float32))
    per_frame = rng.uniform(-1, 1, (len(frames), 3)) * (0.06, 0.06, 0.06)
    brightness, contrast, saturation = (
        torch.from_numpy(np.exp(shared + per_frame).astype(np.float32)).T[..., None, None, None].unbind(0)
    )
    luma = (frames * frames.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
    frames = luma + saturation * (frames - luma)
    mean = frames.mean((1, 2, 3), keepdim=True)
    return ((mean + contrast * (frames - mean)) * brightness + tint).clamp(0, 1)


def gaussian_blur(frames: Tensor, sigma: float) -> Tensor:
    """Blur ``(T, C, H, W)`` by a Gaussian of ``sigma`` pixels."""
    radius = max(1, round(3 * sigma))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(frames.shape[1], 1, 1, -1)
    padded = functional.pad(frames, (radius,) * 4, mode="reflect")
    rows = functional.conv2d(padded, kernel, groups=frames.shape[1])
    return functional.conv2d(rows, kernel.mT, groups=frames.shape[1])


def add_noise(rng: Generator, frames: Tensor, sigma: float) -> Tensor:
    """Add Gaussian noise of standard deviation ``sigma``, independent for every frame."""
    noise = torch.from_numpy(rng.standard_normal(frames.shape, dtype=np.float32))
    return (frames + sigma * noise).clamp(0, 1)
