"""The page of a shot, and the index of many: one HTML file each, without a server and without a network.

The pages' HTML, CSS and JavaScript are the files in ``page``. Their content security policy names the hashes of their style
and their script, and allows nothing else but pictures in the page itself.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from stcn_plugin.bridge.summaries import size_text
from stcn_plugin.confidence.ranking import DOUBTFUL
from stcn_plugin.confidence.series import Series
from stcn_plugin.media.overlays import object_colour
from stcn_plugin.review.pictures import Picture
from stcn_plugin.review.shot_review import ShotReview, State

_RATES = {"step": "step of the network", "frame": "frame to finish and write"}
_LANES: Mapping[str, tuple[float, str, int]] = {
    "agreement": (1, "%", 0),
    "flicker": (0.05, "%", 1),
    "area": (0, "%", 1),
    "softness": (0.02, "px", 1),
}
"""Figures with a lane of their own under the confidence: the least value at the top of the lane, unit and decimals."""


@dataclass(frozen=True)
class IndexEntry:
    """A shot in the index.

    Args:
        name: Its name.
        state: Its state.
        page: File name of its page, beside the index; ``None`` if it failed.
        frames: Its frames, such as ``1001-1040``.
        confidence: Object name to mean confidence.
        look_at: Frames to look at.
        next_keyframe: The next keyframe, if any.
        notes: Its summary, or its error.
    """

    name: str
    state: State
    page: str | None
    frames: str
    confidence: Mapping[str, float]
    look_at: Sequence[int]
    next_keyframe: int | None
    notes: str


def shot_page(
    review: ShotReview,
    pictures: Iterable[Picture],
    *,
    size: tuple[int, int],
    against: str | None = None,
) -> bytes:
    """Return the HTML of a shot.

    Args:
        review: The shot.
        pictures: Its pictures, in the order of the frames.
        size: Width and height of the pictures.
        against: Name of the version to compare with.
    """
    data = _page_data(review, size=size, against=against)
    subtitle = f"{Path(review.job.shot.plate).name}, {data['frames'][0]}-{data['frames'][-1]}"
    texts = {"title": review.name, "subtitle": subtitle, "state": review.state}
    inert = "".join(f'<script type="text/plain" id="{each.name}">{each.text}</script>\n' for each in pictures)
    return _page("shot", texts, data=_as_script(data), script=_file("shot.js"), pictures=inert)


def index_page(entries: Sequence[IndexEntry]) -> bytes:
    """Return the HTML of the index of shots, the ones that need attention first."""
    order = {"failed": 0, "unfinished": 1, "doubtful": 2, "done": 3}
    rows = [_row(each) for each in sorted(entries, key=lambda each: order[each.state])]
    counts = {state: sum(each.state == state for each in entries) for state in order}
    subtitle = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return _page("index", {"title": "Review", "subtitle": subtitle}, rows="\n".join(rows))


def _page_data(review: ShotReview, *, size: tuple[int, int], against: str | None) -> dict[str, Any]:
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
    """Return what the last runs took on each machine."""
    found = []
    for where, each in rates.items():
        parts = [f"{each[name]:.2f} s per {text}" for name, text in _RATES.items() if name in each]
        parts += [f"{size_text(each['memory'])} at the peak"] if each.get("memory") else []
        found.append((where, ", ".join(parts)))
    return found


def _row(entry: IndexEntry) -> str:
    name = html.escape(entry.name)
    # A colon in a file name would make it look like a protocol.
    link = f'<a href="./{html.escape(_url(entry.page), quote=True)}">{name}</a>' if entry.page else name
    confidence = ", ".join(f"{each} {100 * value:.0f} %" for each, value in entry.confidence.items())
    cells = (
        link,
        f'<span class="state {entry.state}">{entry.state}</span>',
        html.escape(entry.frames),
        html.escape(confidence),
        html.escape(", ".join(map(str, entry.look_at))),
        "" if entry.next_keyframe is None else str(entry.next_keyframe),
        html.escape(entry.notes),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _url(name: str) -> str:
    from urllib.parse import quote

    return quote(name, errors="surrogateescape")


def _page(name: str, texts: Mapping[str, str], **raw: str) -> bytes:
    """Return a page with its style and its policy.

    Args:
        name: Name of the page's files.
        texts: Placeholder to text, which is escaped.
        raw: Placeholder to HTML, and ``script``.
    """
    style = _file("common.css") + _file(f"{name}.css")
    sources = [f"style-src '{_hash(style)}'", *([f"script-src '{_hash(raw['script'])}'"] if "script" in raw else [])]
    policy = "; ".join(["default-src 'none'", "img-src data:", *sources, "base-uri 'none'", "form-action 'none'"])
    values = {key: html.escape(text, quote=True) for key, text in texts.items()} | raw
    body = _filled(_file(f"{name}.html"), values)
    page = _filled(_file("page.html"), values | {"policy": policy, "style": style, "body": body})
    return page.encode("utf-8", "replace")  # halves of characters stand for bytes of file names that are not text


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Return a template with its placeholders ``{{name}}`` replaced."""
    first, *rest = template.split("{{")
    parts = [first]
    for each in rest:
        key, _, text = each.partition("}}")
        parts += [values[key], text]
    return "".join(parts)


def _as_script(data: object) -> str:
    """Return JSON that cannot end the script element it is in."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _file(name: str) -> str:
    return files("stcn_plugin.review").joinpath("page").joinpath(name).read_text("utf-8")
