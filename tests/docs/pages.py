"""The Markdown pages of the repository, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(
            path
            for folder in ("docs", "examples", "hosts", "stcn_plugin", "tests")
            for path in (ROOT / folder).rglob("*.md")
        ),
    ]
)

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A code block of a page."""

    page: Path
    language: str
    text: str
    number: int

    def __str__(self) -> str:
        return f"{name_of(self.page)}-{self.number}"


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(*languages: str) -> list[Block]:
    """Every code block in one of these languages, on any page."""
    found = []
    for page in PAGES:
        for number, match in enumerate(_FENCE.finditer(page.read_text("utf-8"))):
            if match["language"] in languages:
                lines = (line.removeprefix(match["indent"]) for line in match["text"].splitlines(keepends=True))
                found.append(Block(page, match["language"], "".join(lines), number))
    return found


def prose(page: Path) -> str:
    """A page without its code blocks and comments."""
    return _COMMENT.sub("", _FENCE.sub("", page.read_text("utf-8")))


def code_spans(page: Path) -> Iterator[str]:
    """The pieces of a page's prose that are marked as code."""
    return (" ".join(match[1].split()) for match in re.finditer(r"`([^`]+)`", prose(page)))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}
