"""What an update computes again: the frames that changed keyframes reach, and the passes that give them.

What is outside of them stays as it is. A matte depends on the keyframes on both its sides; a changed keyframe therefore
changes its objects from just after their keyframe before it to just before their keyframe after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stcn_plugin.propagation.plan import Direction, Plan

Keyframes = Mapping[int, Collection[str]]
"""Index to the names of the objects whose matte the artist gives there."""


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a shot, and what it takes to propagate it.

    Args:
        written: Indices whose mattes are written.
        plan: The passes. They begin at the keyframes that reach into the part, also where these lie outside.
        delivered: Index just outside to the names of the objects whose mattes there, as they are on disk, are given
            like keyframes, because the artist gave none.
    """

    written: range
    plan: Plan
    delivered: Mapping[int, Collection[str]]


def affected(
    changed: Collection[int],
    *,
    length: int,
    objects: Sequence[str],
    keyframes: Keyframes,
    life: Mapping[str, tuple[int, int]],
    direction: Direction,
) -> tuple[range, ...]:
    """Return the frames that changed keyframes reach, as separate parts; every frame is an index.

    Args:
        changed: Where keyframes are new, changed or gone. Where there is one now, its objects are affected; where there
            is none left, all are.
        length: Frames in the shot.
        objects: Names of all objects.
        keyframes: The artist's mattes as they are now.
        life: First and last index on which an object may appear; objects not named here live throughout.
        direction: Which way keyframes reach.
    """
    found: set[int] = set()
    for index in changed:
        for name in keyframes.get(index) or objects:
            own = [other for other, names in keyframes.items() if name in names and other != index]
            first, last = life.get(name, (0, length - 1))
            start = index if direction == "forward" else max((k + 1 for k in own if k < index), default=first)
            end = index if direction == "backward" else min((k - 1 for k in own if k > index), default=last)
            found.update(range(max(start, first), min(end, last) + 1))
    return tuple(_in_pieces(found))


def plan_part(whole: Plan, written: range, *, objects: Sequence[str], keyframes: Keyframes) -> Part:
    """Plan the passes that give a part of a shot as the passes through all of it would.

    Each pass starts from the keyframes that reach into the part. Where such a keyframe lies further outside than the
    next frame, the next frame's matte is given too: it looks most like what follows.

    Args:
        whole: The plan of the whole shot.
        written: Indices of the part.
        objects: Names of all objects.
        keyframes: The artist's mattes.
    """
    weight = np.full_like(whole.weight, np.nan)
    weight[written.start : written.stop] = whole.weight[written.start : written.stop]
    ahead: dict[str, int] = {}
    back: dict[str, int] = {}
    for column, name in enumerate(objects):
        own = [index for index, names in keyframes.items() if name in names]
        if (wanted := np.flatnonzero(weight[:, column] > 0)).size:
            ahead[name] = max(index for index in own if index <= wanted[0])
        if (wanted := np.flatnonzero(weight[:, column] < 1)).size:
            back[name] = min(index for index in own if index >= wanted[-1])
    forward_end = int(np.flatnonzero((weight > 0).any(axis=1))[-1]) + 1 if ahead else 0
    backward_end = int(np.flatnonzero((weight < 1).any(axis=1))[0]) - 1 if back else 0
    before, after = written.start - 1, written.stop
    reaching_in = sorted({index for index in ahead.values() if index <= before})
    reaching_back = sorted({index for index in back.values() if index >= after}, reverse=True)
    forward = range(before if reaching_in else min(ahead.values(), default=forward_end), forward_end)
    backward = range(after if reaching_back else max(back.values(), default=backward_end), backward_end, -1)
    delivered = {
        before: [name for name, index in ahead.items() if index < before],
        after: [name for name, index in back.items() if index > after],
    }
    return Part(
        written=written,
        plan=Plan(
            weight=weight,
            forward=(*(index for index in reaching_in if index < before), *forward),
            backward=(*(index for index in reaching_back if index > after), *backward),
        ),
        delivered={index: names for index, names in delivered.items() if names},
    )


def _in_pieces(indices: Iterable[int]) -> list[range]:
    """Return indices as ranges without gaps, ascending."""
    pieces: list[range] = []
    for index in sorted(indices):
        if pieces and pieces[-1].stop == index:
            pieces[-1] = range(pieces[-1].start, index + 1)
        else:
            pieces.append(range(index, index + 1))
    return pieces
