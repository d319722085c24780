"""What an update computes again: the frames that changed keyframes reach, and the passes that give them.

What is outside of them stays as it is. A matte depends on the keyframes on both its sides; a changed keyframe therefore
changes its objects from just after their keyframe before it to just before their keyframe after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.propagation.plan import Direction, Plan
from stcn_plugin.propagation.propagator import Schedule

Keyframes = Mapping[int, Collection[str]]
"""Index to the names of the objects whose matte the artist gives there."""


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a shot, and what it takes to propagate it.

    Args:
        written: Indices whose mattes are written.
        plan: The passes. They visit frames outside of the part first, to remember them.
        on_disk: Index outside to the names of the objects whose mattes there are given as they are on disk, because
            the artist gave none.
    """

    written: range
    plan: Plan
    on_disk: Mapping[int, Collection[str]]


@dataclass(frozen=True)
class Recall:
    """Which frames outside of a part its passes remember besides keyframes: those that the whole shot's would.

    Without them an update would be worse than a run of the whole shot, whose memory has seen more of the objects.

    Args:
        interval: Frames between two of them.
        schedule: ``absolute`` takes multiples of the interval, ``relative`` counts from the part.
        most: How many at most on either side, the nearest ones, since each is a step; ``None`` sets no limit.
    """

    interval: int
    schedule: Schedule
    most: int | None = 24

    def between(self, near: int, far: int) -> list[int]:
        """Return the indices between two, the nearest first, without the two."""
        origin = 0 if self.schedule == "absolute" else near
        found = range(near, far, 1 if far > near else -1)[1:]
        return [index for index in found if (index - origin) % self.interval == 0][: self.most]


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
            is none left, all are. An object that left a keyframe which others still have cannot be told from one that
            never had any there; its frames need a run of the whole shot.
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
            if not first <= index <= last:
                continue  # it cannot have had a keyframe there
            start = index if direction == "forward" else max((k + 1 for k in own if k < index), default=first)
            end = index if direction == "backward" else min((k - 1 for k in own if k > index), default=last)
            found.update(range(max(start, first), min(end, last) + 1))
    return tuple(_in_pieces(found))


def plan_parts(
    whole: Plan, parts: Sequence[range], *, objects: Sequence[str], keyframes: Keyframes, recall: Recall
) -> tuple[Part, ...]:
    """Plan the passes that give parts of a shot as the passes through all of it would.

    A pass whose keyframes lie outside of the part first visits frames there: all keyframes, those that it would have
    remembered on its way (no more than the part has frames, so that a short one stays cheap), and the one next to the
    part. Every object that is in play is given on each of them; only on keyframes inside of another part, whose mattes
    on disk are out of date, the artist's alone.

    Args:
        whole: The plan of the whole shot.
        parts: Indices of each part; none next to another.
        objects: Names of all objects.
        keyframes: The artist's mattes.
        recall: Which frames to remember besides keyframes.
    """
    given = {name: [index for index, names in keyframes.items() if name in names] for name in objects}
    reached = np.isfinite(whole.weight)
    for part in parts:
        reached[part.start : part.stop] = False  # on disk, but out of date
    return tuple(_planned(whole, written, given, reached, recall) for written in parts)


def _planned(
    whole: Plan, written: range, given: Mapping[str, Sequence[int]], on_disk: NDArray[np.bool_], recall: Recall
) -> Part:
    """Plan one part; ``on_disk`` says ``(frames, objects)`` what may be given from there."""
    inside = np.zeros((len(whole.weight), 1), bool)
    inside[written.start : written.stop] = True
    recall = replace(recall, most=min(len(written), recall.most or len(written)))
    forward, before = _pass(inside & (whole.weight > 0), written.start - 1, 1, given, on_disk, recall)
    backward, after = _pass(inside & (whole.weight < 1), written.stop, -1, given, on_disk, recall)
    plan = Plan(weight=np.where(inside, whole.weight, np.float32(np.nan)), forward=forward, backward=backward)
    return Part(written, plan, before | after)


def _pass(
    wanted: NDArray[np.bool_],
    near: int,
    step: int,
    given: Mapping[str, Sequence[int]],
    on_disk: NDArray[np.bool_],
    recall: Recall,
) -> tuple[tuple[int, ...], dict[int, list[str]]]:
    """Return the indices that a pass visits, and what is given from disk on those outside of its part.

    Args:
        wanted: ``(frames, objects)`` what the pass has to give.
        near: Index that it comes by just before the part.
        step: 1 forward, -1 backward.
        given: Object name to the indices of its keyframes.
        on_disk: ``(frames, objects)`` what may be given from disk.
        recall: Which frames to remember besides keyframes.
    """

    def order(index: int) -> int:
        return index * step

    starts: dict[str, int] = {}
    carried: dict[str, list[int]] = {}  # objects that come in from outside, and their keyframes there
    for column, name in enumerate(given):
        if (indices := np.flatnonzero(wanted[:, column])[::step]).size:
            behind = sorted((index for index in given[name] if order(index) <= order(indices[0])), key=order)
            starts[name] = behind[-1]
            if order(behind[-1]) <= order(near):
                carried[name] = behind
    if not starts:
        return (), {}
    last = int(np.flatnonzero(wanted.any(axis=1))[::step][-1])
    if not carried:
        return tuple(range(min(starts.values(), key=order), last + step, step)), {}
    known = {index for behind in carried.values() for index in behind}
    recalled = [index for index in recall.between(near, min(known, key=order)) if on_disk[index].any()]
    visited = sorted({near, *known, *recalled}, key=order)
    taken = {
        index: [
            name
            for column, (name, own) in enumerate(given.items())
            if on_disk[index, column] and index not in own and any(order(other) < order(index) for other in own)
        ]
        for index in visited
    }
    inside = range(near + step, last + step, step)
    return (*visited, *inside), {index: names for index, names in taken.items() if names}


def _in_pieces(indices: Iterable[int]) -> list[range]:
    """Return indices as ranges without gaps, ascending."""
    pieces: list[range] = []
    for index in sorted(indices):
        if pieces and pieces[-1].stop == index:
            pieces[-1] = range(pieces[-1].start, index + 1)
        else:
            pieces.append(range(index, index + 1))
    return pieces
