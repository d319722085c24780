"""Output names that Windows cannot have: the machines of a farm, and of the artist, are not all of one system."""

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
    """Warn of an output pattern that Windows cannot have, and refuse it there; refuse control characters everywhere.

    Folders that are there already are not looked at.

    Args:
        sequence: Where files will be written.
        warn: Called with the warning.
        is_windows: Whether this system is Windows.

    Raises:
        OutputError: No file can have such a name here, or none should.
    """
    path = Path(sequence.pattern.replace(OBJECT, "object"))
    parts = [path.name, *(folder.name for folder in path.parents if folder.name and not os.path.lexists(folder))]
    for part in parts:
        if any(unicodedata.category(character) == "Cc" for character in part):
            what = f"the name {part!r} has a control character"
            raise OutputError(what, where=repr(sequence.pattern), fix="Write the mattes under another name")
        if not (problem := _problem(part)):
            continue
        what, fix = f"'{part}' {problem}, so Windows cannot have such a file", "Choose another name"
        if is_windows:
            raise OutputError(what, where=sequence.pattern, fix=fix)
        warn(f"{sequence.pattern}: {what}. {fix} if the mattes are for Windows as well.")
        return


def _problem(part: str) -> str | None:
    """Return what is wrong with one name of a path."""
    if found := _CHARACTERS.search(part):
        return f"has the character {found.group()}"
    if is_reserved(part):
        return "is the name of a device"
    return f"ends in '{part[-1]}'" if part[-1] in ". " else None
