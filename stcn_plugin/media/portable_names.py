"""Checks output names for Windows, since artists and farms may use several operating systems."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from stcn_plugin.errors import OutputError
from stcn_plugin.media.sequences import OBJECT, FrameSequence
from stcn_plugin.reserved_names import is_reserved

_CHARACTERS = re.compile(r'[<>:"|?*\\]')


def check_portable(sequence: FrameSequence, *, warn: Callable[[str], None], is_windows: bool = os.name == "nt") -> None:
    """Check that an output pattern is valid on Windows.

    A pattern that is not is an error on Windows and a warning elsewhere; control characters are always an error.
    Folders that exist are not checked.

    Args:
        sequence: The output pattern.
        warn: Called with the warning.
        is_windows: Whether this system is Windows.

    Raises:
        OutputError: The pattern cannot be used on this system.
    """
    path = Path(sequence.pattern.replace(OBJECT, "object"))
    parts = [path.name, *(folder.name for folder in path.parents if folder.name and not os.path.lexists(folder))]
    for part in parts:
        if any(unicodedata.category(character) == "Cc" for character in part):
            what = f"the name {part!r} has a control character"
            raise OutputError(what, where=repr(sequence.pattern), fix="Write the mattes under another name")
        if not (problem := _problem(part)):
            continue
        what, fix = f"'{part}' {problem}, which Windows does not allow", "Choose another name"
        if is_windows:
            raise OutputError(what, where=sequence.pattern, fix=fix)
        warn(f"{sequence.pattern}: {what}. {fix} if the mattes are for Windows as well.")
        return


def _problem(part: str) -> str | None:
    """Return what is wrong with one part of a path; ``None`` if it is valid."""
    if found := _CHARACTERS.search(part):
        return f"has the character {found.group()}"
    if is_reserved(part):
        return "is a device name"
    return f"ends in '{part[-1]}'" if part[-1] in ". " else None
