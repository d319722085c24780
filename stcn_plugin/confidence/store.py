"""The file in the cache with the figures of all frames, so that they are computed once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stcn_plugin.confidence.arrivals import Arrivals
from stcn_plugin.confidence.figures import Figures
from stcn_plugin.regular_files import read_regular

_VERSION = 2

_LIMIT = 64 << 20
"""Largest size of the file in bytes."""


@dataclass(frozen=True)
class FrameFigures:
    """The figures of a frame.

    Args:
        made_from: Digest of everything that they are computed from.
        objects: Object name to its figures.
        arrivals: Objects that are drawn on the frame, to how the passes that arrive there fit them.
    """

    made_from: str
    objects: Mapping[str, Figures]
    arrivals: Mapping[str, Arrivals]


def encode_figures(frames: Mapping[int, FrameFigures]) -> bytes:
    """Return the JSON of the figures of all frames."""
    data = {
        frame: {
            "made_from": each.made_from,
            "objects": {name: figures.to_dict() for name, figures in each.objects.items()},
            "arrivals": {name: _overlaps(arrivals) for name, arrivals in each.arrivals.items()},
        }
        for frame, each in frames.items()
    }
    return (
        json.dumps({"version": _VERSION, "frames": data}, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"
    )


def read_figures(path: Path) -> dict[int, FrameFigures]:
    """Read the figures of all frames; empty if the file is missing, damaged or of another version."""
    try:
        data = json.loads(read_regular(path, _LIMIT).decode("utf-8", "surrogateescape"))
        if data["version"] != _VERSION:
            return {}
        return {int(frame): _frame(each) for frame, each in data["frames"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _frame(data: Mapping[str, Any]) -> FrameFigures:
    return FrameFigures(
        str(data["made_from"]),
        {str(name): _figures(each) for name, each in data["objects"].items()},
        {str(name): _arrivals(each) for name, each in data["arrivals"].items()},
    )


def _overlaps(arrivals: Arrivals) -> dict[str, float]:
    return {name: round(value, 5) for name, value in asdict(arrivals).items() if value is not None}


def _arrivals(data: Mapping[str, Any]) -> Arrivals:
    """Read overlaps.

    Raises:
        ValueError: A number is out of range.
        TypeError: An overlap is unknown, or is not a number.
    """
    for name, value in data.items():
        _check(name, value)
    return Arrivals(**data)


def _figures(data: Mapping[str, Any]) -> Figures:
    """Read figures.

    Raises:
        ValueError: A number is not finite.
        TypeError: A figure is missing or unknown, or is not a number.
    """
    figures = Figures(**data)
    other = figures.swapped_with
    if other is not None and not isinstance(other, str):
        raise TypeError("the name of an object is not text")
    for name, value in data.items():
        if name == "swapped_with" or (value is None and name in ("x", "y", "detail", "agreement")):
            continue
        _check(name, value)
    return figures


def _check(name: str, value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name} is not a number")
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name} is out of range")
