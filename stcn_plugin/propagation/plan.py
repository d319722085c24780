"""Plan the passes of a shot: the frames of each pass, and how the two directions are blended.

One forward and one backward pass propagate all objects. Between two keyframes of an object, the directions are blended by
distance; before its first and after its last keyframe, only one direction is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.choices import Direction, Schedule

Source = Literal["both", "forward", "backward", "neither"]


@dataclass(frozen=True)
class Plan:
    """The passes of a shot; frames are zero-based indices.

    Args:
        weight: ``(frames, objects)`` weight of the forward pass: 1 is forward only, 0 backward only, NaN if no pass
            reaches the object.
        forward: Indices that the forward pass visits, in order.
        backward: Indices that the backward pass visits, in order.
    """

    weight: NDArray[np.float32]
    forward: Sequence[int]
    backward: Sequence[int]

    def source(self, index: int) -> Source:
        """Return which passes contribute to the mattes of a frame."""
        is_ahead, is_back = bool((self.weight[index] > 0).any()), bool((self.weight[index] < 1).any())
        if is_ahead and is_back:
            return "both"
        return "forward" if is_ahead else "backward" if is_back else "neither"


def plan_passes(
    *,
    length: int,
    objects: Sequence[str],
    keyframes: Mapping[int, Sequence[str]],
    life: Mapping[str, tuple[int, int]],
    direction: Direction = "both",
) -> Plan:
    """Plan the passes of a shot; frames are zero-based indices.

    Args:
        length: Frames in the shot.
        objects: Names of all objects.
        keyframes: Index to the names of the objects with a matte on that frame.
        life: Object name to the first and last index on which it may appear; others may appear anywhere.
        direction: Direction of propagation.
    """
    weight = np.full((length, len(objects)), np.nan, np.float32)
    backward_start = -1
    for column, name in enumerate(objects):
        own = sorted(index for index, names in keyframes.items() if name in names)
        weight[:, column] = _forward_weight(length, own, direction)
        first, last = life.get(name, (0, length - 1))
        weight[:first, column] = np.nan
        weight[last + 1 :, column] = np.nan
        # The backward pass starts at the first keyframe after the last frame that needs it.
        if (wanted := np.flatnonzero(weight[:, column] < 1)).size:
            backward_start = max(backward_start, next(index for index in own if index >= wanted[-1]))
    forward_wanted = np.flatnonzero((weight > 0).any(axis=1))
    backward_wanted = np.flatnonzero((weight < 1).any(axis=1))
    return Plan(
        weight=weight,
        forward=range(min(keyframes), int(forward_wanted[-1]) + 1) if forward_wanted.size else range(0),
        backward=range(backward_start, int(backward_wanted[0]) - 1, -1) if backward_wanted.size else range(0),
    )


def is_memory_frame(index: int, *, last: int, interval: int, schedule: Schedule) -> bool:
    """Return whether a pass memorises a frame without a keyframe.

    Args:
        index: Zero-based index of the frame in the shot.
        last: Index of the last memory frame.
        interval: Frames between two memory frames.
        schedule: ``absolute`` selects multiples of the interval, ``relative`` counts from ``last``.
    """
    return index % interval == 0 if schedule == "absolute" else abs(index - last) >= interval


def _forward_weight(length: int, keyframes: Sequence[int], direction: Direction) -> NDArray[np.float32]:
    """Return the forward weight of an object at every index; NaN if no pass reaches it."""
    index = np.arange(length)
    first, last = keyframes[0], keyframes[-1]
    if direction == "forward":
        return np.where(index >= first, 1.0, np.nan).astype(np.float32)
    if direction == "backward":
        return np.where(index <= last, 0.0, np.nan).astype(np.float32)
    # 0 before the first keyframe, 1 after the last; between two, falls linearly from 1.
    weight = np.where(index < first, 0.0, 1.0)
    for before, after in pairwise(keyframes):
        between = np.arange(before, after)
        weight[between] = (after - between) / (after - before)
    return weight.astype(np.float32)
