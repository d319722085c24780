"""When the objects of a shot are present: within their ranges, and not on frames where their keyframes are empty."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence

from stcn_plugin.errors import PresetError
from stcn_plugin.frames import format_frame_range, merged_spans, shortened, span_text
from stcn_plugin.shot.model import Shot

Presence = Mapping[str, tuple[range, ...]]
"""Object name to the ranges of indices on which the object is present, ascending and with gaps between them."""


def object_ranges(shot: Shot, frames: tuple[int, ...]) -> Presence:
    """Return the ranges of the objects that a shot lists.

    Args:
        shot: The shot.
        frames: Frames of the shot.

    Raises:
        PresetError: A range is outside the shot.
    """
    whole = (range(len(frames)),)
    return {
        name: merged_spans(_indices(name, present, frames) for present in span.ranges) if span.ranges else whole
        for name, span in shot.objects.items()
    }


def check_object_ranges(
    ranges: Presence, given: Mapping[int, Collection[str]], shot: Shot, frames: tuple[int, ...]
) -> None:
    """Check that every range has a keyframe of its object, and that every keyframe is in a range.

    Args:
        ranges: From `object_ranges`.
        given: Index to the names of the objects that have a matte there.
        shot: The shot.
        frames: Frames of the shot.

    Raises:
        PresetError: One of these is not the case.
    """
    where = str(shot.path) if shot.path else None
    objects = list(dict.fromkeys(name for names in given.values() for name in names))
    for name in ranges:
        if name not in objects:
            raise PresetError(
                f"no keyframe has the object '{name}'; they have: {', '.join(objects)}",
                where=where,
                fix="Add a keyframe for it, or remove it from objects",
            )
    for index, names in given.items():
        for name in names:
            if name in ranges and not any(index in present for present in ranges[name]):
                known = ",".join(_text(present, frames) for present in ranges[name])
                several = "ranges" if len(ranges[name]) > 1 else "range"
                raise PresetError(
                    f"the keyframe of '{name}' on frame {frames[index]} is outside its {several} {shortened(known)}",
                    where=where,
                    fix="Move the keyframe or widen the object's range",
                )
    for name, present in ((name, present) for name, spans in ranges.items() for present in spans):
        if not any(index in present and name in names for index, names in given.items()):
            raise PresetError(
                f"the range {_text(present, frames)} of '{name}' has no keyframe of '{name}'",
                where=where,
                fix=f"Add a keyframe of '{name}' on one of these frames, or remove the range",
            )


def object_presence(
    objects: Sequence[str], ranges: Presence, absent: Mapping[int, Collection[str]], *, length: int
) -> Presence:
    """Return the presence of all objects.

    Args:
        objects: Names of all objects.
        ranges: From `object_ranges`; other objects are present in the whole shot.
        absent: Index to the objects whose keyframe is empty there.
        length: Frames in the shot.
    """
    presence = {}
    for name in objects:
        spans = ranges.get(name, (range(length),))
        for index in (index for index, names in absent.items() if name in names):
            halves = ((range(s.start, min(s.stop, index)), range(max(s.start, index + 1), s.stop)) for s in spans)
            spans = tuple(half for pair in halves for half in pair if half)
        presence[name] = spans
    return presence


def _indices(name: str, present: range, frames: tuple[int, ...]) -> range:
    """Return the indices of the frames of a range."""
    indices = range(bisect_left(frames, present[0]), bisect_right(frames, present[-1]))
    if not indices:
        raise PresetError(
            f"the range {span_text(present)} of the object '{name}' is outside the shot",
            fix=f"The shot has the frames {shortened(format_frame_range(frames))}",
        )
    return indices


def _text(indices: range, frames: tuple[int, ...]) -> str:
    return span_text(range(frames[indices[0]], frames[indices[-1]] + 1))
