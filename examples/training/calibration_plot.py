"""The calibration of the confidence as an SVG: mean confidence and mean J of groups of frames, and a dot for every frame."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
from numpy.typing import NDArray

_SIDE, _LEFT, _TOP, _BELOW = 360, 64, 40, 56
_GROUPS = 12
_DOTS = 1500
"""Dots that are drawn of a set at most, chosen at random."""

_COLOURS = ("#0b63c4", "#c2571a")
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#444}.axis{stroke:#888;fill:none}.even{stroke:#888;stroke-dasharray:4 4}"
    "@media(prefers-color-scheme:dark){text{fill:#ccc}}"
)

Points = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Confidence and J of frames."""


def calibration_plot(sets: Mapping[str, Points]) -> str:
    """Return the SVG.

    Args:
        sets: Label to the confidence and the J of its frames.
    """
    width, height = len(sets) * (_LEFT + _SIDE) + 24, _TOP + _SIDE + _BELOW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{_STYLE}</style>",
    ]
    for number, (label, (confidence, true)) in enumerate(sets.items()):
        left = _LEFT + number * (_LEFT + _SIDE)
        parts += _panel(left, f"{label}: {len(true)} frames", confidence, true, _COLOURS[number % len(_COLOURS)])
    return "\n".join([*parts, "</svg>"]) + "\n"


def groups_of(confidence: NDArray[np.float64], true: NDArray[np.float64]) -> list[tuple[float, float, float, float]]:
    """Return groups of equally many frames: mean confidence, mean J, and the quartiles of J."""
    found = []
    for rows in np.array_split(np.argsort(confidence), min(_GROUPS, len(true))):
        low, high = np.quantile(true[rows], (0.25, 0.75))
        found.append((float(confidence[rows].mean()), float(true[rows].mean()), float(low), float(high)))
    return found


def _panel(
    left: float, title: str, confidence: NDArray[np.float64], true: NDArray[np.float64], colour: str
) -> list[str]:
    def x(value: float) -> str:
        return f"{left + _SIDE * value:.1f}"

    def y(value: float) -> str:
        return f"{_TOP + _SIDE * (1 - value):.1f}"

    parts = [
        f'<rect class="axis" x="{left}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}"/>',
        f'<line class="even" x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}"/>',
        f'<text x="{left}" y="{_TOP - 14}">{escape(title)}</text>',
        f'<text x="{x(0.5)}" y="{_TOP + _SIDE + 42}" text-anchor="middle">confidence</text>',
        f'<text transform="translate({left - 42} {y(0.5)}) rotate(-90)" text-anchor="middle">true J</text>',
    ]
    for tick in np.arange(0, 1.01, 0.2):
        parts.append(f'<text x="{x(tick)}" y="{_TOP + _SIDE + 20}" text-anchor="middle">{tick:.1f}</text>')
        parts.append(
            f'<text x="{left - 10}" y="{_TOP + _SIDE * (1 - tick) + 5:.1f}" text-anchor="end">{tick:.1f}</text>'
        )
    drawn = np.random.default_rng(0).permutation(len(true))[:_DOTS]
    dots = "".join(f"M{x(confidence[each])} {y(true[each])}h0" for each in drawn)
    parts.append(f'<path d="{dots}" stroke="{colour}" stroke-width="3" stroke-linecap="round" opacity=".25"/>')
    for mean, j, low, high in groups_of(confidence, true):
        parts.append(f'<path d="M{x(mean)} {y(low)}V{y(high)}" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<circle cx="{x(mean)}" cy="{y(j)}" r="5" fill="{colour}"/>')
    return parts
