"""What the script of a shot's page shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stcn_plugin.bridge.summaries import size_text
from stcn_plugin.confidence.ranking import DOUBTFUL
from stcn_plugin.confidence.series import Series
from stcn_plugin.media.overlays import object_colour
from stcn_plugin.review.shot_review import ShotReview

_RATES = {"step": "step of the network", "frame": "frame to finish and write"}
_LANES: Mapping[str, tuple[float, str, int]] = {
    "agreement": (1, "%", 0),
    "flicker": (0.05, "%", 1),
    "area": (0, "%", 1),
    "softness": (0.02, "px", 1),
}
"""Figures with a lane of their own under the confidence: the least value at the top of the lane, unit and decimals."""


def page_data(review: ShotReview, *, size: tuple[int, int], against: str | None) -> dict[str, Any]:
    """Return the data of a page, for JSON.

    Args:
        review: The shot.
        size: Width and height of the pictures.
        against: Name of the version to compare with.
    """
    job, assessment = review.job, review.assessment
    index_of = {frame: index for index, frame in enumerate(job.frames)}
    doubtful = [
        {"index": index_of[each.frame], "object": each.object_name, "confidence": each.confidence}
        for each in assessment.doubtful
    ]
    facts: list[tuple[str, list[tuple[str, str]]]] = [("Settings", _settings(review)), ("Weights", _weights(review))]
    if closures := _closures(review):
        facts.insert(0, ("Closure: a pass against the next keyframe", closures))
    if timings := _timings(review.rates):
        facts.append(("Time", timings))
    notes = (
        [] if any(each.confidence for each in review.series) else ["There is no cache, so the confidence is not known."]
    )
    return {
        "frames": job.frames,
        "fps": float(review.frame_rate),
        "size": size,
        "limit": DOUBTFUL,
        "summary": review.summary,
        "notes": notes,
        "start": doubtful[0]["index"] if doubtful else 0,
        "written": [index in review.written for index in range(len(job.frames))],
        "segments": [[each.frames[0], each.frames[-1]] for each in job.segments],
        "objects": [_object(number, each, review) for number, each in enumerate(review.series)],
        "doubtful": doubtful,
        "next": [index_of[frame] for frame in assessment.next_keyframes],
        "problems": [
            {"index": index_of[each.frame], "what": each.what, "fix": each.fix} for each in assessment.problems
        ],
        "warnings": review.warnings,
        "against": against,
        "facts": facts,
    }


def _object(number: int, series: Series, review: ShotReview) -> dict[str, Any]:
    indices = range(len(review.job.frames))
    flicker = review.flicker.get(series.name, {})

    def lane(name: str) -> dict[str, Any]:
        if name == "flicker":
            found = [flicker.get(index) for index in indices]
        else:
            found = [getattr(figures, name) if (figures := series.figures.get(index)) else None for index in indices]
        least, unit, decimals = _LANES[name]
        return {
            "top": max([least, *(value for value in found if value is not None)]),
            "unit": unit,
            "scale": 100 if unit == "%" else max(review.job.display.shape),
            "decimals": decimals,
            "values": [None if value is None else round(value, 5) for value in found],
        }

    confidence = [series.confidence.get(index) for index in indices]
    own = [value for index, value in series.confidence.items() if index not in series.keyframes]
    return {
        "name": series.name,
        "colour": [round(255 * value) for value in object_colour(number)],
        "confidence": [None if value is None else round(value, 4) for value in confidence],
        "mean": round(sum(own) / len(own), 4) if own else None,
        "keyframes": series.keyframes,
        "lanes": {name: lane(name) for name in _LANES},
    }


def _settings(review: ShotReview) -> list[tuple[str, str]]:
    """Return the settings that decide how mattes look."""
    settings, job = review.job.settings, review.job
    return [
        ("plate", job.shot.plate),
        ("mattes", job.shot.out),
        ("format", f"{job.display.width} x {job.display.height}, pixel aspect {job.pixel_aspect:g}"),
        ("internal size", f"{job.size[1]} x {job.size[0]}"),
        ("window", settings.window),
        ("direction", settings.direction),
        ("matte levels", f"{settings.matte.black:g} to {settings.matte.white:g}"),
        ("edges", settings.matte.edges),
        ("stabilise", f"{settings.matte.stabilise}"),
        ("memory interval", f"{settings.memory.interval}"),
        ("layout", job.writer.layout),
    ]


def _closures(review: ShotReview) -> list[tuple[str, str]]:
    """Return how the passes of each object fit the keyframes that they arrive at."""
    frames = review.job.frames
    return [
        (f"{series.name}, {frames[each.start]} to {frames[each.end]}", f"overlap {100 * each.overlap:.0f} %")
        for series in review.series
        for each in series.closures
    ]


def _weights(review: ShotReview) -> list[tuple[str, str]]:
    weights = review.job.weights
    return [] if weights is None else [("name", weights.name), ("licence", weights.licence), ("sha256", weights.sha256)]


def _timings(rates: Mapping[str, Mapping[str, float]]) -> list[tuple[str, str]]:
    """Return what the last runs took on each machine and device."""
    found = []
    for where, each in rates.items():
        parts = [f"{each[name]:.2f} s per {text}" for name, text in _RATES.items() if name in each]
        parts += [f"{size_text(each['memory'])} at the peak"] if each.get("memory") else []
        machine, _, device = where.rpartition(" ")
        found.append((f"{machine}, {device}", ", ".join(parts)))
    return found
