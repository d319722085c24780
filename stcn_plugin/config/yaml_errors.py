"""Errors of PyYAML in plain words."""

from __future__ import annotations

from pathlib import Path

import yaml
from yaml.reader import ReaderError

from stcn_plugin.errors import PresetError

_QUOTES = "Put the value into quotes"
_MESSAGES: tuple[tuple[str, str, str], ...] = (
    # part of PyYAML's message, what, fix
    (r"'\t'", "is indented with a tab", "Indent with spaces"),
    ("that cannot start any token", "a value cannot start with '{character}'", _QUOTES),
    (
        "mapping values are not allowed",
        "has a colon where none is expected",
        "Look at this line and the one above: the indentation, a missing colon, or a value that needs quotes",
    ),
    ("expected ':'", "has no colon after its key", "Write it as 'key: value'"),
    ("found unexpected end of stream", "a quote that is opened here is never closed", "Close the quote"),
    (
        "expected ',' or",
        "a bracket that is opened here is never closed",
        "Close it; a colour such as '#ff0000' needs quotes",
    ),
    ("expected <block end>", "is indented differently from the lines above it", "Line it up with them"),
    ("unindent", "is indented differently from the lines above it", "Line it up with them"),
    ("undefined alias", "an alias (*) names an anchor (&) that is not in this file", "Check its spelling"),
    ("but found another document", "has a second document after '---'", "Keep one document in a file"),
    ("expected alphabetic or numeric", "has a lone '*' or '&'", _QUOTES),
    ("unknown escape", "has an unknown escape after a backslash", "Use / in paths, or single quotes"),
    ("escape sequence", "has an unknown escape after a backslash", "Use / in paths, or single quotes"),
)


def syntax_error(error: yaml.YAMLError, text: str, path: Path) -> PresetError:
    """Return a PyYAML error in plain words.

    Args:
        error: The error.
        text: The text that was parsed.
        path: The file.
    """
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return PresetError(
            "holds a character that is not text", where=f"{path}:{line}", fix="Check that this is a YAML file"
        )
    if not isinstance(error, yaml.MarkedYAMLError):
        return PresetError("is not YAML", where=str(path), fix="Check that this is a YAML file")
    message = f"{error.context or ''} {error.problem or ''}"
    what, fix = next(
        ((what, fix) for part, what, fix in _MESSAGES if part in message),
        (f"is not YAML ({(error.problem or '').strip()})", "Check the indentation, colons and quotes"),
    )
    opened = "opened here" in what and error.context_mark  # the end of the file would not help to find it
    mark = error.context_mark if opened else error.problem_mark
    if mark is None:  # never, but its type allows it
        return PresetError(what, where=str(path), fix=fix)
    character = text[mark.index : mark.index + 1]
    if character == "\t" and text[: mark.index].rpartition("\n")[2].strip():
        what, fix = "has a tab where only spaces may be", "Write a space, or nothing at the end of the line"
    return PresetError(what.replace("{character}", character), where=f"{path}:{mark.line + 1}", fix=fix)
