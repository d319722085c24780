"""Text in knobs. Nuke evaluates it as TCL, so text that comes from elsewhere is escaped here, and nowhere else.

Names of objects, file names and messages come from shot files, folders and scripts of other people: in a label,
``[exec ...]`` would run. Every text of the plugin goes into a knob by `set_text` or `set_file`, and comes out by `text_of`.
"""

from __future__ import annotations

import re

import nuke

from stcn_nuke.paths import forward

_ACTIVE = re.compile(r"[\[\]$\\]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def escaped(text: str) -> str:
    r"""Return text that Nuke evaluates to the text itself.

    >>> print(escaped("[exec ls] $HOME"))
    \[exec ls\] \$HOME
    """
    return _ACTIVE.sub(r"\\\g<0>", text)


def set_text(knob: nuke.Knob, text: str) -> None:
    """Have a knob show a text as it is."""
    knob.setValue(escaped(text))


def text_of(knob: nuke.String_Knob) -> str:
    """Return the text that `set_text` put into a knob; nothing is evaluated, whatever somebody else put there."""
    return _ESCAPED.sub(r"\1", str(knob.getText()))


def set_file(knob: nuke.File_Knob, path: str, *, frames: tuple[int, int] | None = None) -> None:
    """Have a knob name a file, or a pattern of files, as it is spelt.

    Args:
        knob: The knob.
        path: The file; on every system with the forward slashes that Nuke wants.
        frames: First and last frame of the files; Nuke then also takes the format that they have.
    """
    text = escaped(forward(path))
    if frames is None:
        knob.setValue(text)
    else:
        knob.fromUserText(f"{text} {frames[0]}-{frames[1]}")
