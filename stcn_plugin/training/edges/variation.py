"""Variations of training patches: colours, defocus, grain, and coarse mattes that have lost parts of the object."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from stcn_plugin.network.edges import levelled
from stcn_plugin.response import BLACK, WHITE

_DEFOCUSED = 0.2
_GRAINY = 0.35
_LOST = 0.2
_LEAKED = 0.08
_OTHER_RESPONSE = 0.5
_OTHER_COLOURS = 0.5
"""Fractions of the patches."""

_EXPONENT = 0.2
"""Standard deviation of the logarithm of the exponent that changes a response."""

_WIDTH_OF_SIGMA = 6 / math.sqrt(math.pi)
"""Width, as of `edge_width`, of a hard edge after a Gaussian blur with a standard deviation of 1."""


def varied(rng: Generator, patches: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
    """Return patches with other colours, and some of them defocused, with grain, or with a worse coarse matte.

    Args:
        rng: Random generator.
        patches: ``(N, 5, S, S)`` in [0, 1]: RGB, enlarged probability, alpha.
        conditions: ``(N, 2)`` plate pixels per network pixel, and width of the object's edge.

    Returns:
        New patches and conditions of the same shape.
    """
    patches, conditions = patches.clone(), conditions.clone()
    count = len(patches)
    for number in np.flatnonzero(rng.random(count) < _DEFOCUSED):
        sigma = float(np.exp(rng.uniform(0, 1.6)))
        patches[number] = _blurred(patches[number], sigma)
        conditions[number, 1] = torch.hypot(conditions[number, 1], torch.tensor(_WIDTH_OF_SIGMA * sigma))
    exposure = torch.from_numpy(rng.uniform(0.6, 1.5, (count, 1, 1, 1)) * rng.uniform(0.9, 1.1, (count, 3, 1, 1)))
    contrast = torch.from_numpy(rng.uniform(0.7, 1.4, (count, 1, 1, 1))).float()
    patches[:, :3] = (patches[:, :3] * exposure.float()).clamp(0, 1) ** contrast
    for number in np.flatnonzero(rng.random(count) < _GRAINY):
        patches[number, :3] = (patches[number, :3] + _grain(rng, patches.shape[-1])).clamp(0, 1)
    for number in np.flatnonzero(rng.random(count) < _OTHER_COLOURS):
        patches[number, :3] = patches[number, torch.from_numpy(rng.permutation(3))]
    for number in np.flatnonzero(rng.random(count) < _OTHER_RESPONSE):
        patches[number, 3] = _other_response(patches[number, 3], float(np.exp(rng.normal(0, _EXPONENT))))
    for number in np.flatnonzero(rng.random(count) < _LOST):
        region = _region(rng, patches.shape[-1], float(conditions[number, 0]))
        patches[number, 3] *= 1 - float(rng.uniform(0.3, 0.9)) * region
    for number in np.flatnonzero(rng.random(count) < _LEAKED):
        region = _region(rng, patches.shape[-1], float(conditions[number, 0]))
        patches[number, 3] = torch.maximum(patches[number, 3], float(rng.uniform(0.15, 0.6)) * region)
    return patches, conditions


def _other_response(probability: Tensor, exponent: float) -> Tensor:
    """Return a probability whose alpha, after the default matte levels, is raised to an exponent."""
    alpha = levelled(probability)
    return torch.where((alpha > 0) & (alpha < 1), BLACK + (WHITE - BLACK) * alpha**exponent, probability)


def _blurred(planes: Tensor, sigma: float) -> Tensor:
    from scipy.ndimage import gaussian_filter

    return torch.from_numpy(gaussian_filter(planes.numpy(), (0, sigma, sigma), mode="nearest"))


def _grain(rng: Generator, side: int) -> Tensor:
    """Return grain, ``(3, S, S)``, some of it in one colour."""
    noise = torch.from_numpy(rng.standard_normal((3, side, side), np.float32))
    if rng.random() < 0.3:
        noise = noise[:1].expand(3, -1, -1)
    if size := float(rng.choice([0, 0.6, 1.0, 1.5])):
        noise = _blurred(noise, size)
        noise = noise / noise.std()
    return noise * float(np.exp(rng.uniform(math.log(0.005), math.log(0.035))))


def _region(rng: Generator, side: int, enlargement: float) -> Tensor:
    """Return a random region, ``(S, S)`` in [0, 1], enlarged from the resolution of the propagation."""
    inner = max(round(side / enlargement), 4)
    knots = int(rng.integers(2, 7))
    noise = torch.from_numpy(rng.standard_normal((1, 1, knots, knots), np.float32))
    field = functional.interpolate(noise, (inner, inner), mode="bicubic", align_corners=True)
    region = torch.sigmoid((field - float(rng.uniform(-0.5, 1.5))) / float(rng.uniform(0.05, 0.3)))
    return functional.interpolate(region, (side, side), mode="bilinear", align_corners=False)[0, 0]
