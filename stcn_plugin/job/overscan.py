"""Keyframes that cover only part of the window, such as a matte of the format for a plate with overscan.

The rest is propagated from the covered part, within the same frame. Otherwise an object would end at the border of the
format on that frame, and reach into the overscan on the next one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from stcn_plugin.media.window import Window
from stcn_plugin.network.engine import Engine
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator

Slices = tuple[slice, slice]


def fill_masks(
    image: Tensor,
    masks: Mapping[str, Tensor],
    covered: Mapping[str, Window],
    *,
    window: Window,
    engine: Engine,
    settings: PropagationSettings,
) -> Mapping[str, Tensor]:
    """Propagate masks into the part of the same frame that their keyframes do not cover.

    Args:
        image: ``(3, h, w)`` image of ``window``, on the engine's device.
        masks: Object name to ``(h, w)`` mask on that device, 0 where its keyframe does not cover the window.
        covered: Object name to the part of the window that its keyframe covers, for partial keyframes only.
        window: The window, in plate pixels.
        engine: Runs the network.
        settings: The propagation settings of the shot.

    Returns:
        All masks; those of ``covered`` are filled.
    """
    groups: dict[Window, list[str]] = defaultdict(list)
    for name, part in covered.items():
        if name in masks:
            groups[part].append(name)
    filled = dict(masks)
    for part, names in groups.items():
        rows, columns = _inside(part, window, (image.shape[-2], image.shape[-1]))
        known = {name: masks[name][rows, columns] for name in names}
        if not next(iter(known.values())).numel():
            continue
        propagator = Propagator(engine, objects=names, settings=settings)
        propagator.step(image[:, rows, columns], known)
        found = propagator.step(image, memorise=False).own.clone()
        for position, name in enumerate(names):
            found[position, rows, columns] = known[name]
            filled[name] = found[position]
    return filled


def fill_mattes(
    artist: Mapping[str, NDArray[np.float32]],
    propagated: Mapping[str, NDArray[np.float32]],
    covered: Mapping[str, Window],
    *,
    window: Window,
) -> dict[str, NDArray[np.float32]]:
    """Use propagated mattes where keyframes do not cover the window.

    Args:
        artist: Object name to the artist's matte ``(H, W)`` over ``window``.
        propagated: Object name to the propagated matte of the same frame.
        covered: As for `fill_masks`.
        window: The window of the mattes.
    """
    filled = dict(artist)
    for name, part in covered.items():
        filled[name] = propagated[name].copy()
        filled[name][part.slices_in(window)] = artist[name][part.slices_in(window)]
    return filled


def _inside(part: Window, window: Window, size: tuple[int, int]) -> Slices:
    """Return the pixels that lie entirely inside a part of the window, in an image of the window of ``size``."""
    down, across = size[0] / window.height, size[1] / window.width
    top, left = part.y - window.y, part.x - window.x
    return (
        slice(math.ceil(top * down), math.floor((top + part.height) * down)),
        slice(math.ceil(left * across), math.floor((left + part.width) * across)),
    )
