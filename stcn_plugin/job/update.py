"""Planning an update: the frames that changed keyframes affect, and the passes that recompute them.

A matte depends on the keyframes before and after it. A changed keyframe therefore affects its objects from just after
their previous keyframe to just before their next one. All other frames stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.choices import Direction, Schedule
from stcn_plugin.propagation.plan import Plan, is_memory_frame

Keyframes = Mapping[int, Collection[str]]
"""Index to the names of the objects that have a keyframe there."""


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a shot that is recomputed.

    Args:
        written: Indices whose mattes are written.
        plan: The passes. They first visit frames outside the part, to fill the memory.
        on_disk: Index outside the part to the names of the objects whose mattes are read from disk there, because they
            have no keyframe.
    """

    written: range
    plan: Plan
    on_disk: Mapping[int, Collection[str]]


@dataclass(frozen=True)
class ContextFrames:
    """Selects the frames outside a part that its passes memorise besides keyframes, as a run of the whole shot would.

    Without them, the memory would contain less of the objects and the mattes would be worse than those of a whole run.

    Args:
        interval: Frames between two memory frames.
        schedule: ``absolute`` selects multiples of the interval, ``relative`` counts from the part.
        limit: Maximum number on either side, nearest first, since each costs a step; ``None`` for no limit.
    """

    interval: int
    schedule: Schedule
    limit: int | None = 24

    def between(self, near: int, far: int) -> list[int]:
        """Return the selected indices between two others, exclusive, nearest first."""
        found: list[int] = []
        last = near
        for index in range(near, far, 1 if far > near else -1)[1:]:
            if len(found) == self.limit:
                break
            if is_memory_frame(index, last=last, interval=self.interval, schedule=self.schedule):
                found.append(index)
                last = index
        return found


def affected(
    changed: Collection[int],
    *,
    length: int,
    objects: Sequence[str],
    keyframes: Keyframes,
    life: Mapping[str, tuple[int, int]],
    direction: Direction,
) -> tuple[range, ...]:
    """Return the indices that changed keyframes affect, as separate ranges.

    A keyframe affects its objects, and a removed one affects all objects. If only some of the objects of a keyframe were
    removed, this is not detected: the whole shot has to be run.

    Args:
        changed: Indices whose keyframes are new, changed or removed.
        length: Number of frames in the shot.
        objects: Names of all objects.
        keyframes: The current keyframes.
        life: Object name to the first and last index on which it may appear; by default the whole shot.
        direction: The direction of propagation.
    """
    found: set[int] = set()
    for index in changed:
        for name in keyframes.get(index) or objects:
            own = [other for other, names in keyframes.items() if name in names and other != index]
            first, last = life.get(name, (0, length - 1))
            if not first <= index <= last:
                continue  # the object cannot have had a keyframe there
            start = index if direction == "forward" else max((k + 1 for k in own if k < index), default=first)
            end = index if direction == "backward" else min((k - 1 for k in own if k > index), default=last)
            found.update(range(max(start, first), min(end, last) + 1))
    return tuple(_as_ranges(found))


def plan_parts(
    whole: Plan, parts: Sequence[range], *, objects: Sequence[str], keyframes: Keyframes, context: ContextFrames
) -> tuple[Part, ...]:
    """Plan the passes that recompute parts of a shot.

    A pass whose keyframes are outside its part first visits frames there: all keyframes, the context frames (at most as
    many as the part has frames, so that short updates stay fast), and the frame next to the part. On each of them, all
    objects that are present are given, from keyframes or from disk. Mattes on disk inside other parts are out of date
    and are not used.

    Args:
        whole: The plan of the whole shot.
        parts: Indices of each part; parts are not adjacent.
        objects: Names of all objects.
        keyframes: The keyframes.
        context: Selects the frames to memorise besides keyframes.
    """
    given = {name: [index for index, names in keyframes.items() if name in names] for name in objects}
    on_disk = np.isfinite(whole.weight)
    for part in parts:
        on_disk[part.start : part.stop] = False  # out of date
    return tuple(_plan_part(whole, written, given, on_disk, context) for written in parts)


def _plan_part(
    whole: Plan, written: range, given: Mapping[str, Sequence[int]], on_disk: NDArray[np.bool_], context: ContextFrames
) -> Part:
    """Plan one part; ``on_disk`` is ``(frames, objects)``, the mattes that can be read from disk."""
    inside = np.zeros((len(whole.weight), 1), bool)
    inside[written.start : written.stop] = True
    context = replace(context, limit=min(len(written), context.limit or len(written)))
    forward, before = _plan_pass(inside & (whole.weight > 0), written.start - 1, 1, given, on_disk, context)
    backward, after = _plan_pass(inside & (whole.weight < 1), written.stop, -1, given, on_disk, context)
    plan = Plan(weight=np.where(inside, whole.weight, np.float32(np.nan)), forward=forward, backward=backward)
    return Part(written, plan, before | after)


def _plan_pass(
    wanted: NDArray[np.bool_],
    near: int,
    step: int,
    given: Mapping[str, Sequence[int]],
    on_disk: NDArray[np.bool_],
    context: ContextFrames,
) -> tuple[tuple[int, ...], dict[int, list[str]]]:
    """Return the indices that a pass visits, and by index the objects whose mattes are read from disk.

    Args:
        wanted: ``(frames, objects)``, the mattes that the pass computes.
        near: The index just before the part, in the direction of the pass.
        step: 1 for forward, -1 for backward.
        given: Object name to the indices of its keyframes.
        on_disk: ``(frames, objects)``, the mattes that can be read from disk.
        context: Selects the frames to memorise besides keyframes.
    """

    def order(index: int) -> int:
        return index * step

    starts: dict[str, int] = {}
    outside: dict[str, list[int]] = {}  # objects that start before the part, with their keyframes there
    for column, name in enumerate(given):
        if (indices := np.flatnonzero(wanted[:, column])[::step]).size:
            behind = sorted((index for index in given[name] if order(index) <= order(indices[0])), key=order)
            starts[name] = behind[-1]
            if order(behind[-1]) <= order(near):
                outside[name] = behind
    if not starts:
        return (), {}
    last = int(np.flatnonzero(wanted.any(axis=1))[::step][-1])
    if not outside:
        return tuple(range(min(starts.values(), key=order), last + step, step)), {}
    known = {index for behind in outside.values() for index in behind}
    selected = [index for index in context.between(near, min(known, key=order)) if on_disk[index].any()]
    visited = sorted({near, *known, *selected}, key=order)
    from_disk = {
        index: [
            name
            for column, (name, own) in enumerate(given.items())
            if on_disk[index, column] and index not in own and any(order(other) < order(index) for other in own)
        ]
        for index in visited
    }
    inside = range(near + step, last + step, step)
    return (*visited, *inside), {index: names for index, names in from_disk.items() if names}


def _as_ranges(indices: Iterable[int]) -> list[range]:
    """Group indices into contiguous ranges, ascending."""
    ranges: list[range] = []
    for index in sorted(indices):
        if ranges and ranges[-1].stop == index:
            ranges[-1] = range(ranges[-1].start, index + 1)
        else:
            ranges.append(range(index, index + 1))
    return ranges
