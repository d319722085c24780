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

from stcn_plugin.review.page_data import page_data
from stcn_plugin.review.pictures import Picture
from stcn_plugin.review.shot_review import ShotReview, State


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
    data = page_data(review, size=size, against=against)
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
