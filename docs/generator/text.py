"""Docstrings as Markdown, and tables."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_SECTION = re.compile(r"^(Args|Returns|Raises|Example):$")
_LABEL = re.compile(r"^([A-Z][A-Za-z ]+): (.*)$")
_ENTRY = re.compile(r"^    (\w+): (.*)$")


@dataclass
class Docstring:
    """The parts of a docstring.

    Args:
        prose: Its paragraphs and lists, as Markdown.
        labels: Lines such as ``When: Once per job.``, by label.
        entries: The arguments and fields under ``Args:``, by name.
        returns: The text under ``Returns:``.
        example: The code under ``Example:``.
    """

    prose: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)
    returns: str = ""
    example: str = ""


def parse_docstring(owner: object, labels: Sequence[str] = ()) -> Docstring:
    """Read the docstring of a class or function.

    Args:
        owner: The class or function.
        labels: Labels of the lines to take out of the prose, such as ``When``.
    """
    lines = (inspect.getdoc(owner) or "").splitlines()
    starts = [number for number, line in enumerate(lines) if _SECTION.match(line)]
    parsed = Docstring()
    prose: list[str] = []
    current: str | None = None
    for line in lines[: starts[0] if starts else None]:
        match = _LABEL.match(line)
        if match and match[1] in labels:
            current = match[1]
            parsed.labels[current] = match[2]
        elif current and line.strip():
            parsed.labels[current] += f" {line.strip()}"
        else:
            current = None
            prose.append(line)
    parsed.prose = markdown("\n".join(prose))
    parsed.labels = {name: markdown(text) for name, text in parsed.labels.items()}
    for start, end in pairwise([*starts, len(lines)]):
        _read_section(parsed, lines[start][:-1], lines[start + 1 : end])
    return parsed


def _read_section(parsed: Docstring, title: str, lines: Sequence[str]) -> None:
    if title == "Args":
        name = ""
        for line in lines:
            match = _ENTRY.match(line)
            if match:
                name = match[1]
                parsed.entries[name] = match[2]
            elif line.strip():
                parsed.entries[name] += f" {line.strip()}"
        parsed.entries = {name: markdown(text) for name, text in parsed.entries.items()}
    elif title == "Returns":
        parsed.returns = markdown(" ".join(line.strip() for line in lines))
    elif title == "Example":
        parsed.example = inspect.cleandoc("\n".join(lines)).rstrip()


def markdown(text: str) -> str:
    """Return a docstring's prose as Markdown: paragraphs and list items on one line each, single backquotes."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip()):
        items = re.split(r"\n(?=- )", block) if block.startswith("- ") else [block]
        blocks.append("\n".join(" ".join(item.split()) for item in items))
    return "\n\n".join(blocks).replace("``", "`")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; bars in cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
