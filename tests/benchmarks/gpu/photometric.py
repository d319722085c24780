"""Photometric augmentation of batches on a device, as `stcn_plugin.training.augment`. Values are display-referred, 0-1."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_LUMA = (0.2126, 0.7152, 0.0722)
_BLUR = (0.4, 1.8)
"""Range of the standard deviation of a blur, in pixels."""
_RADIUS = 6
_NOISE = (0.005, 0.04)
"""Range of the standard deviation of noise."""


def augment(frames: Tensor, generator: torch.Generator, *, blur: float, noise: float) -> Tensor:
    """Change colours, and blur some samples and add noise to some.

    Args:
        frames: ``(B, T, 3, S, S)``.
        generator: On the same device.
        blur: Fraction of the samples that are blurred.
        noise: Fraction of the samples with noise.
    """
    random = _Uniform(generator)
    frames = _with_other_colours(frames, random)
    count = len(frames)
    sigma = torch.where(random(count) < blur, random(count, low=_BLUR[0], high=_BLUR[1]), 0)
    frames = gaussian_blur(frames, sigma)
    strength = torch.where(random(count) < noise, random(count, low=_NOISE[0], high=_NOISE[1]), 0)
    grain = torch.randn(frames.shape, generator=generator, device=frames.device)
    return (frames + strength[:, None, None, None, None] * grain).clamp(0, 1)


def gaussian_blur(frames: Tensor, sigma: Tensor) -> Tensor:
    """Blur ``(B, T, C, S, S)`` by a Gaussian of ``sigma`` ``(B,)`` pixels; 0 leaves a sample as it is."""
    count, size = len(frames), frames.shape[-1]
    radius = min(_RADIUS, size - 1)
    offsets = torch.arange(-radius, radius + 1, device=frames.device, dtype=frames.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma.clamp_min(1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True))[:, None, None]
    planes = frames.flatten(1, 2).transpose(0, 1)  # (T C, B, S, S): a kernel for each channel
    padded = functional.pad(planes, (radius,) * 4, mode="reflect")
    rows = functional.conv2d(padded, kernel, groups=count)
    blurred = functional.conv2d(rows, kernel.mT, groups=count)
    return blurred.transpose(0, 1).reshape(frames.shape)


class _Uniform:
    """Uniform random numbers on the device of a generator."""

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    def __call__(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=self._generator, device=self._generator.device)


def _with_other_colours(frames: Tensor, random: _Uniform) -> Tensor:
    """Change brightness, contrast, saturation and tint, mostly by the same amount for all frames of a sample."""
    count, length = frames.shape[:2]
    shared = random(count, 1, 3, low=-1, high=1) * frames.new_tensor([0.25, 0.25, 0.3])
    own = random(count, length, 3, low=-0.06, high=0.06)
    brightness, contrast, saturation = torch.exp(shared + own)[..., None, None, None].unbind(2)
    tint = random(count, 1, 3, 1, 1, low=-0.05, high=0.05)
    luma = (frames * frames.new_tensor(_LUMA)[:, None, None]).sum(2, keepdim=True)
    frames = luma + saturation * (frames - luma)
    mean = frames.mean((2, 3, 4), keepdim=True)
    return ((mean + contrast * (frames - mean)) * brightness + tint).clamp(0, 1)
