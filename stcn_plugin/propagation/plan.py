"""Plan a shot: its segments, the frames of each pass, and how the two directions are blended.

A segment is the frames from one keyframe that gives every object to the next such keyframe, an *anchor*. The passes through
a segment start with an empty memory, so its mattes depend only on the plate inside it and on its keyframes.

An object is present on ranges of frames. Within a range, it is propagated from the keyframes there; between two ranges, it
is absent, and nothing is propagated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.choices import Direction

Source = Literal["both", "forward", "backward", "neither"]
PassDirection = Literal["forward", "backward"]
PASS_DIRECTIONS: tuple[PassDirection, ...] = ("forward", "backward")


@dataclass(frozen=True, eq=False)
class Segment:
    """A segment. Frames are zero-based indices into the shot.

    Args:
        frames: The frames whose mattes the segment gives, without gaps.
        weight: ``(frames, objects)`` weight of the forward pass: 1 is forward only, 0 backward only, NaN where no pass
            reaches the object.
        forward: Frames that the forward pass visits, in order.
        backward: Frames that the backward pass visits, in order.
    """

    frames: range
    weight: NDArray[np.float32]
    forward: range
    backward: range

    def source(self, index: int) -> Source:
        """Return which passes contribute to the segment's mattes of a frame; none to the anchor after it."""
        if index not in self.frames:
            return "neither"
        weight = self.weight[index - self.frames.start]
        is_forward, is_backward = bool((weight > 0).any()), bool((weight < 1).any())
        if is_forward and is_backward:
            return "both"
        return "forward" if is_forward else "backward" if is_backward else "neither"

    def uses(self, direction: PassDirection, index: int) -> bool:
        """Whether a pass contributes to the segment's mattes of a frame."""
        return self.source(index) in (direction, "both")

    def visited(self, direction: PassDirection) -> range:
        """Return the frames that a pass visits, in order."""
        return self.forward if direction == "forward" else self.backward

    @property
    def unreached(self) -> tuple[int, ...]:
        """Frames that no keyframe reaches."""
        return tuple(index for index in self.frames if self.source(index) == "neither")

    @property
    def steps(self) -> int:
        """Total number of frames that the passes visit, plus the unreached ones."""
        return len(self.forward) + len(self.backward) + len(self.unreached)


def plan_segments(
    *,
    length: int,
    objects: Sequence[str],
    keyframes: Mapping[int, Sequence[str]],
    presence: Mapping[str, Sequence[range]],
    direction: Direction = "both",
) -> tuple[Segment, ...]:
    """Plan the segments of a shot, in order. Frames are zero-based indices into the shot.

    Args:
        length: Frames in the shot.
        objects: Names of all objects.
        keyframes: Index to the names of the objects given there; none on a keyframe that only says which are absent.
        presence: Object name to the ranges on which the object is present, ascending and with gaps between them. Each is
            propagated from the keyframes in it alone, and not at all without one.
        direction: Direction of propagation.
    """
    own = {name: sorted(index for index, names in keyframes.items() if name in names) for name in objects}
    weight = np.full((length, len(objects)), np.nan, np.float32)
    for column, name in enumerate(objects):
        for present in presence[name]:
            if inside := [index for index in own[name] if index in present]:
                weight[present.start : present.stop, column] = _forward_weight(present, inside, direction)
    in_play = np.isfinite(weight)
    given = [[name in keyframes[index] for name in objects] for index in sorted(keyframes)]
    anchors = [
        index
        for index, names in zip(sorted(keyframes), given, strict=True)
        if not (in_play[index] & ~np.array(names)).any()
    ]
    # An anchor belongs to the segment whose pass starts there. At the end of the shot, no pass starts.
    cuts = [index + 1 for index in anchors if index] if direction == "backward" else [*{*anchors} - {length - 1}]
    bounds = sorted({0, length, *cuts})
    return tuple(_segment(range(start, stop), weight[start:stop], own) for start, stop in pairwise(bounds))


def _segment(frames: range, weight: NDArray[np.float32], own: Mapping[str, Sequence[int]]) -> Segment:
    forward, backward = [], []
    for column, keyframes in enumerate(own.values()):
        if (wanted := frames.start + np.flatnonzero(weight[:, column] > 0)).size:
            forward += [max(index for index in keyframes if index <= wanted[0]), int(wanted[-1])]
        if (wanted := frames.start + np.flatnonzero(weight[:, column] < 1)).size:
            backward += [min(index for index in keyframes if index >= wanted[-1]), int(wanted[0])]
    return Segment(
        frames=frames,
        weight=weight,
        forward=range(min(forward), max(forward) + 1) if forward else range(0),
        backward=range(max(backward), min(backward) - 1, -1) if backward else range(0),
    )


def _forward_weight(present: range, keyframes: Sequence[int], direction: Direction) -> NDArray[np.float32]:
    """Return the forward weight of one object at every index of a range; NaN where no pass reaches it."""
    index = np.arange(present.start, present.stop)
    first, last = keyframes[0], keyframes[-1]
    if direction == "forward":
        return np.where(index >= first, 1.0, np.nan).astype(np.float32)
    if direction == "backward":
        return np.where(index <= last, 0.0, np.nan).astype(np.float32)
    # Falls from 1 at a keyframe towards 0 at the next one; 0 before the first keyframe, 1 after the last.
    weight = np.where(index < first, 0.0, 1.0)
    for before, after in pairwise(keyframes):
        between = np.arange(before, after)
        weight[between - present.start] = (after - between) / (after - before)
    return weight.astype(np.float32)
