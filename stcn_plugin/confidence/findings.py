"""What looks wrong in a shot, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from stcn_plugin.confidence.series import Series
from stcn_plugin.frames import format_frame_range, shortened

_COARSE = 0.6
"""Share of the detail of the arriving mattes below which a keyframe is coarse."""

_NEAR = 4
"""If objects are swapped in the first and in the last of so many parts between two keyframes, the keyframes may be the reason."""


_HAZY = 0.03
"""Fraction of the edge that is hazy from which a frame is named."""


@dataclass(frozen=True)
class Finding:
    """Something that looks wrong.

    Args:
        index: Index of the frame.
        object_name: Name of the object.
        what: What looks wrong, in a few words.
        fix: What to do about it.
    """

    index: int
    object_name: str
    what: str
    fix: str


def findings(all_series: Sequence[Series], frames: Sequence[int]) -> tuple[Finding, ...]:
    """Return everything that looks wrong, in the order of the frames.

    Args:
        all_series: All objects.
        frames: The frames of the shot.
    """
    found = [
        each
        for series in all_series
        for kind in (_vanished, _coarse, _outlier, _swaps, _hazy)
        for each in kind(series, frames)
    ]
    return tuple(sorted(found, key=lambda each: each.index))


def _vanished(series: Series, frames: Sequence[int]) -> Iterator[Finding]:
    """Yield where an object vanishes inside the frame, once for all of its gaps."""
    if series.vanished:
        first = frames[series.vanished[0].start]
        gaps = shortened(format_frame_range(frames[index] for gone in series.vanished for index in gone))
        yield Finding(
            series.vanished[0].start,
            series.name,
            f"'{series.name}' vanishes at {first} (no matte on {gaps})",
            f"Draw it at {first}, or give it a range without the frames where it cannot be seen",
        )


def _coarse(series: Series, frames: Sequence[int]) -> Iterator[Finding]:
    """Yield keyframes whose outline has much less detail than what the neighbouring keyframes lead to."""
    for key in series.arrivals:
        share = _share_of_detail(series, key)
        if share is not None and share < _COARSE:
            yield Finding(
                key,
                series.name,
                f"the keyframe {frames[key]} of '{series.name}' is coarse: its outline has {share:.0%} of the detail of the "
                "mattes beside it",
                f"Draw it at {frames[key]} with as much detail as its neighbours",
            )


def _share_of_detail(series: Series, key: int) -> float | None:
    """Return the detail of a keyframe as a share of that of the arriving mattes; ``None`` if they may be of another object."""
    own, beside = series.figures[key].detail, series.arrivals[key].detail
    if own is None or beside is None:
        return None
    is_swapped = any(key in pair and _swapped(series, *pair) for pair in pairwise(series.keyframes))
    return None if is_swapped else own / beside


def _outlier(series: Series, frames: Sequence[int]) -> Iterator[Finding]:
    """Yield keyframes that differ from what both neighbouring keyframes lead to, but not because they are coarse."""
    for key, arrivals in series.arrivals.items():
        share = _share_of_detail(series, key)
        if arrivals.outlier is None or (share is not None and share < _COARSE):
            continue
        yield Finding(
            key,
            series.name,
            f"the keyframe {frames[key]} of '{series.name}' disagrees with both its neighbours (overlap {arrivals.outlier:.2f})",
            f"Check that the matte at {frames[key]} is of '{series.name}' and of that frame",
        )


def _swaps(series: Series, frames: Sequence[int]) -> Iterator[Finding]:
    """Yield where two objects are swapped between two keyframes, once for both objects."""
    for before, after in pairwise(series.keyframes):
        swapped = {index: other for index, other in _swapped(series, before, after).items() if series.name < other}
        if not swapped:
            continue
        first, last, part = min(swapped), max(swapped), (after - before) / _NEAR
        other = swapped[first]
        between = f"between {frames[before]} and {frames[after]}"
        if first <= before + part and last >= after - part:
            what = f"'{series.name}' and '{other}' are swapped in one of the two passes {between}"
            fix = f"Check the names of both on these keyframes; if they are right, draw both at a frame {between}"
        else:
            what = f"'{series.name}' and '{other}' swap places in one of the two passes at {frames[first]}"
            fix = f"Draw both of them at {frames[first]}"
        yield Finding(first, series.name, what, fix)


def _hazy(series: Series, frames: Sequence[int]) -> Iterator[Finding]:
    """Yield the frame with the most haze at the edge of an object, once for all frames with much of it."""
    hazy = {index: share for index, share in series.hazy.items() if share >= _HAZY and index not in series.keyframes}
    if hazy:
        worst = max(hazy, key=lambda index: hazy[index])
        where = shortened(format_frame_range(frames[index] for index in sorted(hazy)))
        yield Finding(
            worst,
            series.name,
            f"'{series.name}' has grey haze at its edge on {where}, most at {frames[worst]} ({hazy[worst]:.0%} of the edge)",
            f"Look at the edge at {frames[worst]}; if hair, spokes or other parts are lost in it, draw it at that frame",
        )


def _swapped(series: Series, before: int, after: int) -> dict[int, str]:
    """Return the frames between two keyframes on which an object is swapped, with the other object."""
    return {
        index: other
        for index in range(before + 1, after)
        if index in series.figures and (other := series.figures[index].swapped_with)
    }
