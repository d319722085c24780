"""Flicker: how much the error of a matte changes along the motion in the plate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stcn_plugin.evaluation.hard import Mask, Matte
from stcn_plugin.motion import MotionSearch
from stcn_plugin.patches import Floats

LINES = 480
"""Motion is measured in images of about this many lines."""


@dataclass(frozen=True, eq=False)
class Sight:
    """What flicker needs of an object on a frame, reduced to whole blocks of pixels.

    Args:
        planes: ``(4, h, w)``: the display-referred plate and the ground truth, both of which show the motion.
        errors: ``(h, w)`` mean of the squared errors in each block.
        band: ``(h, w)``: blocks in the band.
    """

    planes: Floats
    errors: Floats
    band: Mask


def sight_of(matte: Matte, truth: Matte, band: Mask, plate: Floats) -> Sight:
    """Return what flicker needs of an object on a frame.

    Args:
        matte: ``(H, W)`` matte.
        truth: ``(H, W)`` ground truth.
        band: ``(H, W)`` band around the edges.
        plate: ``(h, w, 3)`` display-referred, of the size `reduced_size` returns.
    """
    shown = np.concatenate([np.moveaxis(plate, -1, 0), _blocks(truth)[None]]).astype(np.float32)
    errors = np.square(matte - truth)
    return Sight(np.ascontiguousarray(shown), _blocks(errors), _blocks(band.astype(np.float32)) >= 0.5)


def reduced_size(shape: tuple[int, int]) -> tuple[int, int]:
    """Return the size at which motion is measured, for mattes of a size.

    >>> reduced_size((2160, 3840)), reduced_size((1080, 1920)), reduced_size((400, 600))
    ((540, 960), (540, 960), (400, 600))
    """
    side = _side(shape)
    return shape[0] // side, shape[1] // side


def flicker(now: Sight, before: Sight) -> float | None:
    """Return the mean absolute change of the squared error along the motion, in the band, x 1e3.

    It follows MESSDdt (Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015), which is the sum
    over all pixels.

    Args:
        now: The frame.
        before: The previous frame.

    Returns:
        ``None`` without a band.
    """
    search = MotionSearch(now.planes, now.band)
    patches = search.patches
    if not len(patches):
        return None
    errors = patches.of(now.errors[None])
    earlier = patches.moved(search.find(before.planes)).of(before.errors[None])
    within = patches.of(now.band[None].astype(np.float32)) > 0
    return 1e3 * float(np.abs(errors - earlier)[within].mean(dtype=np.float64))


def _side(shape: tuple[int, int]) -> int:
    """Return the side of the blocks of pixels."""
    return max(1, round(min(shape) / LINES))


def _blocks(values: Floats) -> Floats:
    """Return the means of blocks."""
    side = _side(values.shape)
    if side == 1:
        return values
    height, width = values.shape[0] // side, values.shape[1] // side
    found: Floats = values[: height * side, : width * side].reshape(height, side, width, side).mean((1, 3))
    return found
