"""Series of objects with given figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stcn_plugin.confidence.arrivals import Arrivals
from stcn_plugin.confidence.figures import Figures
from stcn_plugin.confidence.series import Series

SURE = Figures(
    area=0.1, x=0.5, y=0.5, islands=1, softness=0.01, detail=2.0, border=0.0, solidity=0.98, certainty=0.97, agreement=0.95
)  # fmt: skip
GONE = replace(SURE, area=0.0, x=None, y=None, islands=0, detail=None, solidity=0.0, certainty=0.0)


def series(
    length: int = 40,
    *,
    keyframes: Sequence[int] = (0, 39),
    name: str = "hero",
    present: Sequence[range] = (),
    arrivals: Mapping[int, Arrivals] | None = None,
    hazy: Mapping[int, float] | None = None,
    **changes: Figures | Mapping[str, Any],
) -> Series:
    """Return a series of sure frames; ``at_12={"certainty": 0.5}`` changes the figures of frame 12."""
    figures = dict.fromkeys(range(length), SURE)
    for key, fields in changes.items():
        index = int(key.removeprefix("at_"))
        figures[index] = fields if isinstance(fields, Figures) else replace(SURE, **fields)
    return Series.of(name, present or (range(length),), keyframes, figures, arrivals, hazy)
