"""TCL in the text of knobs, evaluated as Nuke does it: brackets are commands, dollars variables, backslashes escape."""

from __future__ import annotations

import os

from nuke_stage import Misuse, stage

_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def evaluated(text: str) -> str:
    """Return the evaluated text. A command with side effects is recorded and is an error.

    Raises:
        Misuse: The text has a command that the stand-in does not know, or a variable.
    """
    found, at = [], 0
    while at < len(text):
        character = text[at]
        following = text[at + 1 : at + 2]
        if character == "\\" and following:
            found.append(_LETTERS.get(following, following))
            at += 2
        elif character == "[":
            end = _end(text, at)
            found.append(_run(text[at + 1 : end]))
            at = end + 1
        elif character == "$" and (following.isalnum() or following in ("_", "{")):
            raise Misuse(f"a variable in '{text}'")
        else:
            found.append(character)
            at += 1
    return "".join(found)


def _end(text: str, start: int) -> int:
    """Return the end of the bracket that starts at a position."""
    depth, at = 0, start
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == "[":
            depth += 1
        elif text[at] == "]":
            depth -= 1
            if not depth:
                return at
        at += 1
    raise Misuse(f"a bracket that is never closed in '{text}'")


def _run(command: str) -> str:
    words = command.split()
    if words[:1] == ["getenv"]:
        return os.environ[words[1]]
    if words[:2] == ["value", "root.name"]:
        return stage.root.knob_values["name"].value()
    stage.commands.append(command)
    raise Misuse(f"TCL was run: {command}")
