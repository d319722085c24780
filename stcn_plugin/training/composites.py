"""Cut-outs moved over other plates: occlusion, entrances and several objects out of single-object pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from stcn_plugin.training.warps import after, cut, flow_bend, jolt, placement, shift, unit_floats

_LEAST_PIXELS = 400  # an object smaller than 20 x 20 is not worth cutting out
_AROUND = 4
_STEP = 2.0  # pixels between two of the moments that a shutter sees
_MOST_MOMENTS = 12


@dataclass(frozen=True, eq=False)
class CutOut:
    """An object cut out of its picture, or of several.

    Args:
        poses: ``(T, 4, h, w)`` float32 RGBA, premultiplied, one for each frame; or ``(1, 4, h, w)`` for all.
    """

    poses: Tensor

    def pose(self, number: int) -> Tensor:
        """Return the RGBA of a frame."""
        return self.poses[min(number, len(self.poses) - 1)]


def cut_out(pictures: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> CutOut | None:
    """Return an object cut out, from one picture or as it moves through several; ``None`` where it is too small.

    Args:
        pictures: Of each its RGB ``(H, W, 3)`` and the object's mask ``(H, W)``; all of one size.
    """
    first = pictures[0][1]
    if np.count_nonzero(first > 127) < _LEAST_PIXELS:
        return None
    ever = np.maximum.reduce([mask for _, mask in pictures])
    rows, columns = np.nonzero(ever.max(1) > 127)[0], np.nonzero(ever.max(0) > 127)[0]
    down = slice(max(rows[0] - _AROUND, 0), rows[-1] + 1 + _AROUND)
    across = slice(max(columns[0] - _AROUND, 0), columns[-1] + 1 + _AROUND)
    layers = np.stack([np.concatenate([rgb[down, across], mask[down, across, None]], -1) for rgb, mask in pictures])
    return CutOut(premultiplied(unit_floats(layers)))


def premultiplied(rgba: Tensor) -> Tensor:
    """Multiply the colours of RGBA ``(..., 4, H, W)`` by its alpha."""
    alpha = rgba[..., 3:, :, :]
    return torch.cat([rgba[..., :3, :, :] * alpha, alpha], -3)


def over(above: Tensor, below: Tensor) -> Tensor:
    """Lay one premultiplied RGBA, ``(4, H, W)``, over another or over a picture without alpha, ``(3, H, W)``."""
    return above[: len(below)] + below * (1 - above[3:])


def lay_over(
    rng: Generator,
    frames: Tensor,
    masks: Tensor,
    thing: CutOut,
    *,
    share: tuple[float, float],
    motion: float,
    shutter: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Move a cut-out over a clip.

    Args:
        rng: Chance.
        frames: ``(T, 3, S, S)``.
        masks: ``(T, O, S, S)``; what the cut-out hides is taken from them.
        thing: The cut-out.
        share: Least and largest length of its longer side, as a share of the crop's.
        motion: How fast it moves; 1 is up to a fifth of the crop a frame.
        shutter: Share of a frame's time that the shutter is open, while it smears colour and mask along its way.

    Returns:
        The frames, their masks, and those of the cut-out, ``(T, S, S)``.
    """
    size = frames.shape[-1]
    height, width = thing.poses.shape[-2:]
    scale = max(height, width) / (rng.uniform(*share) * size)
    # Where its centre stands in the crop, and how it goes on: a steady velocity and what comes on top.
    centre = rng.uniform(0.1, 0.9, 2) * size
    velocity = rng.uniform(-0.15, 0.15, 2) * size * motion
    mirrored = bool(rng.random() < 0.5)
    degrees = float(rng.uniform(-20, 20))
    still = placement(size=size, centre=(width / 2, height / 2), scale=scale, degrees=degrees, mirrored=mirrored)
    moments = min(1 + int(shutter * float(np.abs(velocity).max()) / _STEP), _MOST_MOMENTS)
    open_at = shutter * ((np.arange(moments) + 0.5) / moments - 0.5)
    alphas, results = [], []
    for number, frame in enumerate(frames):
        wobble = jolt(rng, size, 0.5 * motion)
        bend = flow_bend(rng, size, 0.02 * motion) if rng.random() < 0.5 else None
        seen = []
        for moment in open_at:
            x, y = size / 2 - (centre + velocity * (number + moment))
            place = after(wobble, after(shift(x, y), still))
            seen.append(cut(thing.pose(number), place, size=size, bend=bend, beyond="zeros"))
        moved = torch.stack(seen).mean(0)
        results.append(over(moved, frame))
        alphas.append(moved[3])
    alpha = torch.stack(alphas)
    return torch.stack(results), masks * (1 - alpha[:, None]), alpha
