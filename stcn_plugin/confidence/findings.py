"""What looks wrong in a shot, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from stcn_plugin.confidence.series import Series

_COARSE = 0.6
"""Share of the usual detail below which a keyframe is coarse."""

_BESIDE = 3
"""Frames beside a keyframe that take after it, and so say nothing about its detail."""


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
        for kind in (_vanished, _coarse, _outlier, _swaps)
        for each in kind(series, frames)
    ]
    return tuple(sorted(found, key=lambda each: each.index))


def _vanished(series: Series, frames: Sequence[int]) -> Iterator[Finding]:
    """Yield where an object vanishes inside the frame."""
    for gone in series.vanished:
        span = f"{frames[gone.start]}-{frames[gone.stop - 1]}" if len(gone) > 1 else f"{frames[gone.start]}"
        yield Finding(
            gone.start,
            series.name,
            f"'{series.name}' vanishes at {frames[gone.start]} (no matte on {span})",
            f"Draw it at {frames[gone.start]}, or leave {span} out of its range if it is not in the picture there",
        )


def _coarse(series: Series, frames: Sequence[int]) -> Iterator[Finding]:
    """Yield keyframes whose outline has much less detail than that of the other keyframes and mattes."""
    for key in series.keyframes:
        own = series.figures[key].detail if key in series.figures else None
        others = [
            figures.detail
            for index, figures in series.figures.items()
            if abs(index - key) > _BESIDE and figures.detail is not None
        ]
        if own is not None and len(series.keyframes) > 1 and len(others) >= _BESIDE and own < _COARSE * median(others):
            yield Finding(
                key,
                series.name,
                f"the keyframe {frames[key]} of '{series.name}' is coarse: its outline has {own / median(others):.0%} of "
                "the detail of the others",
                f"Draw it at {frames[key]} with as much detail as elsewhere",
            )


def _outlier(series: Series, frames: Sequence[int]) -> Iterator[Finding]:
    """Yield keyframes that differ from what both neighbouring keyframes lead to."""
    for key, arrivals in series.arrivals.items():
        if arrivals.outlier is None:
            continue
        yield Finding(
            key,
            series.name,
            f"the keyframe {frames[key]} of '{series.name}' disagrees with both its neighbours (overlap {arrivals.outlier:.2f})",
            f"Check that the matte at {frames[key]} is of '{series.name}' and of that frame",
        )


def _swaps(series: Series, frames: Sequence[int]) -> Iterator[Finding]:
    """Yield where a swap of two objects begins, once for both."""
    before = None
    for index, figures in series.figures.items():
        other = figures.swapped_with
        if other and other != before and series.name < other:
            yield Finding(
                index,
                series.name,
                f"'{series.name}' and '{other}' swap places in one of the two passes at {frames[index]}",
                f"Draw both of them at {frames[index]}",
            )
        before = other
