"""Cut-outs that move over other images: occlusion, entrances and several objects from single-object images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from stcn_plugin.training.warps import (
    compose,
    placement,
    random_flow,
    random_jitter,
    sample_crop,
    to_unit_floats,
    translation,
)

_MIN_PIXELS = 400  # an object smaller than 20 x 20 is not worth cutting out
_MARGIN = 4
_BLUR_STEP = 2.0  # pixels of motion between two samples of the shutter
_MAX_BLUR_SAMPLES = 12


@dataclass(frozen=True, eq=False)
class CutOut:
    """An object without its background.

    Args:
        poses: ``(T, 4, h, w)`` float32 premultiplied RGBA, one per frame; or ``(1, 4, h, w)`` for all frames.
    """

    poses: Tensor

    def pose(self, number: int) -> Tensor:
        """Return the RGBA of a frame."""
        return self.poses[min(number, len(self.poses) - 1)]


def extract_cut_out(pictures: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> CutOut | None:
    """Cut an object out of one image, or out of several in which it moves.

    Args:
        pictures: RGB ``(H, W, 3)`` and mask ``(H, W)`` of each image, all of one size.

    Returns:
        The cut-out, or ``None`` if the object is too small.
    """
    first = pictures[0][1]
    if np.count_nonzero(first > 127) < _MIN_PIXELS:
        return None
    union = np.maximum.reduce([mask for _, mask in pictures])
    rows, columns = np.nonzero(union.max(1) > 127)[0], np.nonzero(union.max(0) > 127)[0]
    box = tuple(slice(max(found[0] - _MARGIN, 0), found[-1] + 1 + _MARGIN) for found in (rows, columns))
    rgba = np.stack([np.concatenate([rgb, mask[..., None]], -1)[box] for rgb, mask in pictures])
    return CutOut(premultiplied(to_unit_floats(rgba)))


def premultiplied(rgba: Tensor) -> Tensor:
    """Multiply the colours of RGBA ``(..., 4, H, W)`` by its alpha."""
    alpha = rgba[..., 3:, :, :]
    return torch.cat([rgba[..., :3, :, :] * alpha, alpha], -3)


def over(foreground: Tensor, background: Tensor) -> Tensor:
    """Composite premultiplied RGBA ``(4, H, W)`` over RGBA, or over RGB ``(3, H, W)``."""
    return foreground[: len(background)] + background * (1 - foreground[3:])


def composite_moving(
    rng: Generator,
    frames: Tensor,
    masks: Tensor,
    cut_out: CutOut,
    *,
    size_range: tuple[float, float],
    motion: float,
    shutter: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Composite a cut-out over a clip, on a random path.

    Args:
        rng: Random generator.
        frames: ``(T, 3, S, S)``.
        masks: ``(T, O, S, S)``; they are held out by the cut-out.
        cut_out: The cut-out.
        size_range: Smallest and largest length of its longer side, as a fraction of ``S``.
        motion: Amount of motion; 1 is up to a fifth of ``S`` per frame.
        shutter: Fraction of a frame for which the shutter is open. It blurs colour and mask along the path.

    Returns:
        The frames, their masks, and the masks of the cut-out ``(T, S, S)``.
    """
    size = frames.shape[-1]
    height, width = cut_out.poses.shape[-2:]
    scale = max(height, width) / (rng.uniform(*size_range) * size)
    # A constant velocity, with jitter on top.
    centre = rng.uniform(0.1, 0.9, 2) * size
    velocity = rng.uniform(-0.15, 0.15, 2) * size * motion
    mirrored = bool(rng.random() < 0.5)
    degrees = float(rng.uniform(-20, 20))
    base = placement(size=size, centre=(width / 2, height / 2), scale=scale, degrees=degrees, mirrored=mirrored)
    samples = min(1 + int(shutter * float(np.abs(velocity).max()) / _BLUR_STEP), _MAX_BLUR_SAMPLES)
    times = shutter * ((np.arange(samples) + 0.5) / samples - 0.5)
    alphas, results = [], []
    for number, frame in enumerate(frames):
        jitter = random_jitter(rng, size, 0.5 * motion)
        displacement = random_flow(rng, size, 0.02 * motion) if rng.random() < 0.5 else None
        exposures = []
        for time in times:
            x, y = size / 2 - (centre + velocity * (number + time))
            matrix = compose(jitter, compose(translation(x, y), base))
            exposures.append(
                sample_crop(cut_out.pose(number), matrix, size=size, displacement=displacement, padding="zeros")
            )
        moved = torch.stack(exposures).mean(0)
        results.append(over(moved, frame))
        alphas.append(moved[3])
    alpha = torch.stack(alphas)
    return torch.stack(results), masks * (1 - alpha[:, None]), alpha
