"""Finishing: probabilities to mattes at plate resolution, with matte levels, cleaning, and a sum of at most 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from stcn_plugin.matte.components import fill_holes, remove_specks
from stcn_plugin.matte.edges import feather, grow
from stcn_plugin.presets.matte import Matte


def finish(mattes: Tensor, *, settings: Sequence[Matte], pixel_aspect: float = 1.0) -> Tensor:
    """Apply the matte levels to probabilities, and clean the mattes.

    Args:
        mattes: ``(O, H, W)`` probability of each object on the CPU, independent of the others. Changed in place, because
            allocating arrays of this size takes longer than the arithmetic.
        settings: Those of each object.
        pixel_aspect: Width of a plate pixel over its height.

    Returns:
        ``(O, H, W)`` in [0, 1], the same tensor; the sum over objects is at most 1.
    """
    for matte, each in zip(mattes, settings, strict=True):
        matte.sub_(each.black).div_(each.white - each.black).clamp_(0, 1)
    if len(mattes) > 1:
        mattes.div_(mattes.sum(0, keepdim=True).clamp_(min=1))
    if any(map(cleans, settings)):
        _clean_all(mattes.numpy(), settings, pixel_aspect)
    return mattes


def cleans(settings: Matte) -> bool:
    """Whether settings clean a matte after its levels."""
    return bool(settings.remove_specks or settings.fill_holes or settings.grow or settings.feather)


def clean(matte: NDArray[np.float32], settings: Matte, *, pixel_aspect: float = 1.0) -> NDArray[np.float32]:
    """Clean a matte: remove specks, fill holes, grow or shrink, feather.

    Specks come first, so that growing does not enlarge them; holes come before shrinking, which would enlarge them.

    Args:
        matte: ``(H, W)`` in [0, 1], after its levels.
        settings: The settings of the object.
        pixel_aspect: Width of a plate pixel over its height.

    Returns:
        ``(H, W)`` in [0, 1]; the same array if there is nothing to do.
    """
    if settings.remove_specks:
        matte = remove_specks(matte, settings.remove_specks)
    if settings.fill_holes:
        matte = fill_holes(matte, settings.fill_holes)
    if settings.grow:
        matte = grow(matte, settings.grow, pixel_aspect=pixel_aspect)
    if settings.feather:
        matte = feather(matte, settings.feather, side=settings.feather_side, pixel_aspect=pixel_aspect)
    return matte


def _clean_all(mattes: NDArray[np.float32], settings: Sequence[Matte], pixel_aspect: float) -> None:
    """Clean all mattes of a frame, ``(O, H, W)``, in place. What they gain is limited to what the others leave."""
    if len(mattes) == 1:
        mattes[0] = clean(mattes[0], settings[0], pixel_aspect=pixel_aspect)
        return
    before = mattes.copy()
    for matte, each in zip(mattes, settings, strict=True):
        if cleans(each):
            matte[:] = clean(matte, each, pixel_aspect=pixel_aspect)
    over = mattes.sum(axis=0) > 1 + 1e-6  # sums of 1 are rounded
    cleaned = mattes[:, over]
    shared = np.minimum(before[:, over], cleaned)
    gained = cleaned - shared
    # The sum of the gains is above 0 here, because the sum before was at most 1.
    gained *= np.minimum(np.maximum(1 - shared.sum(axis=0), 0) / gained.sum(axis=0), 1)
    mattes[:, over] = shared + gained


def with_keyframe(
    mattes: Mapping[str, NDArray[np.float32]], keyframe: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Replace propagated mattes by the artist's.

    The artist's mattes are unchanged unless their sum exceeds 1, where they are scaled to a sum of 1. Propagated mattes
    are attenuated where the artist's are opaque.

    Args:
        mattes: Object name to propagated matte ``(H, W)``.
        keyframe: Object name to the artist's matte ``(H, W)``.
    """
    if not keyframe:
        return dict(mattes)
    total = np.add.reduce(list(keyframe.values()))
    free = np.maximum(1 - total, 0)
    excess = np.maximum(total, 1)
    return {name: keyframe[name] / excess if name in keyframe else matte * free for name, matte in mattes.items()}
