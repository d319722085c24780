"""Output files: tone-mapped plates from scene-linear renders, and masks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses
from packing import write_picture

from clip_scene.sampling import happens

JPEG_QUALITY = 92
STEPS = 256
"""Layers store coverage in steps of 1/256, which are exact in half floats, so that sums are at most 1."""


@dataclass(frozen=True)
class Look:
    """Exposure and tone of a clip, constant over its frames.

    Args:
        gain: ``(3,)`` factors of exposure and white balance.
        film: Whether highlights roll off instead of clipping.
    """

    gain: np.ndarray
    film: bool


def random_look(rng: np.random.Generator, first: np.ndarray) -> Look:
    """Return a random exposure for the first frame, with few clipped highlights.

    Args:
        rng: Random generator.
        first: ``(H, W, 3)`` scene-linear.
    """
    grey = first.mean(-1)
    middle = np.exp(np.log(grey + 1e-3).mean())
    exposure = min(rng.uniform(0.13, 0.28) / middle, rng.uniform(0.6, 1.1) / np.quantile(grey, 0.93))
    white = np.exp(rng.normal(0, 0.06, 3))
    return Look(exposure * white, happens(rng, 0.5))


def to_display(linear: np.ndarray, look: Look) -> np.ndarray:
    """Return scene-linear colours ``(..., 3)`` as display sRGB, 0-1."""
    light = linear * look.gain
    if look.film:
        light = 1.2 * light * (light + 0.1) / (light**2 + 1.1 * light + 0.13)
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def write_plate(path: Path, linear: np.ndarray, look: Look) -> None:
    """Write ``(H, W, 3)`` scene-linear pixels as an sRGB JPEG."""
    pixels = np.round(to_display(linear, look) * 255).astype(np.uint8)
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 3, oiio.UINT8)
    spec.attribute("compression", f"jpeg:{JPEG_QUALITY}")
    write_picture(path, spec, pixels)


def write_masks(stem: Path, coverage: np.ndarray) -> None:
    """Write ``(H, W, N)`` coverage: one object as a grey PNG, several as layers ``a.A``, ``b.A`` of an EXR."""
    height, width, count = coverage.shape
    if count == 1:
        pixels = np.round(np.clip(coverage, 0, 1) * 255).astype(np.uint8)
        write_picture(stem.with_suffix(".png"), oiio.ImageSpec(width, height, 1, oiio.UINT8), pixels)
        return
    steps = np.round(np.clip(coverage, 0, 1) * STEPS)
    for number in range(1, count):
        steps[..., number] = np.minimum(steps[..., number], STEPS - steps[..., :number].sum(-1))
    spec = oiio.ImageSpec(width, height, count, oiio.HALF)
    spec.channelnames = tuple(f"{chr(ord('a') + number)}.A" for number in range(count))
    spec.attribute("compression", "zip")
    write_picture(stem.with_suffix(".exr"), spec, (steps / STEPS).astype(np.float32))
