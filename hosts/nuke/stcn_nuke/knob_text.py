"""Text and paths in knobs. Nuke evaluates text as TCL: in a label, ``[exec ...]`` would run.

Object names, file names and messages come from other people's shot files, folders and scripts. So all text is written to
knobs with `set_text`, `set_label` and `set_file`, which escape it, and read with `get_text`.
"""

from __future__ import annotations

import html
import re
from typing import cast

import nuke

from stcn_plugin.bridge.files import expanded

_SPECIAL = re.compile(r"[\[\]$\\]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def forward(path: str) -> str:
    """Return a path with forward slashes, which Nuke expects on every system."""
    return path.replace("\\", "/")


def absolute(path: str) -> str:
    """Return an absolute path, so that script, shot file and worker all find the file."""
    return forward(str(expanded(path).absolute()))


def escape(text: str) -> str:
    r"""Return text that Nuke evaluates to the given text.

    >>> print(escape("[exec ls] $HOME"))
    \[exec ls\] \$HOME
    """
    return _SPECIAL.sub(r"\\\g<0>", text)


def set_text(knob: nuke.Knob, text: str) -> None:
    """Set the text of a knob."""
    knob.setValue(escape(text))


def set_label(knob: nuke.Text_Knob, text: str) -> None:
    """Set the text that a panel shows. Nuke evaluates it as TCL, and Qt then interprets markup such as ``<img>``.

    Qt takes a text for markup only if it looks like it, so the escaped text is put in a tag.
    """
    set_text(knob, f"<span>{html.escape(text, quote=False)}</span>")


def get_text(knob: nuke.Knob) -> str:
    """Return the text of a knob without evaluating it."""
    return _ESCAPED.sub(r"\1", str(cast("nuke.String_Knob", knob).getText()))


def set_file(knob: nuke.Knob, path: str, *, frames: tuple[int, int] | None = None) -> None:
    """Set the file or frame pattern of a file knob.

    Args:
        knob: The knob.
        path: The file or pattern.
        frames: First and last frame of a pattern; sets the node's format to that of the files too.
    """
    text = escape(forward(path))
    if frames is None:
        knob.setValue(text)
    else:
        cast("nuke.File_Knob", knob).fromUserText(f"{text} {frames[0]}-{frames[1]}")
