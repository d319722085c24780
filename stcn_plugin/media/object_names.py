"""Names that objects have inside matte files: what Nuke, Blender and every file system accept alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from stcn_plugin.reserved_names import is_reserved

_LONGEST = 63  # bytes: Blender cuts names there, and two objects would become one
_FORBIDDEN = re.compile(r"[^\w-]+")  # a dot starts a channel, a space splits Nuke's lists, the rest is for file names

# Layers that Nuke and Blender have a meaning for; a matte by that name would take their place.
_RESERVED = re.compile(
    r"""
    [a-z]                                                               # a single letter is a channel
    | rgba? | alpha | red | green | blue | luminance | all | none | other
    | mask | rotopaint_mask | depth | forward | backward | motion | disparity | deep
    | combined | composite | main
    | con | prn | aux | nul | com[0-9] | lpt[0-9]                       # devices to Windows, as file names too
    """,
    re.VERBOSE | re.IGNORECASE,
)


def layer_name(object_name: str) -> str:
    """Return an object's name as layers and files carry it.

    >>> layer_name("left arm.v2"), layer_name("mask"), layer_name("con")
    ('left_arm_v2', 'mask_matte', 'con_matte')
    """
    # One form of accented letters: file systems that keep another one would show two objects as one, or one as two.
    text = unicodedata.normalize("NFC", object_name)
    clean = _cut(_FORBIDDEN.sub("_", text).strip("_").lstrip("-_") or "matte", _LONGEST)
    return f"{clean}_matte" if _RESERVED.fullmatch(clean) or is_reserved(clean) else clean


def layer_names(objects: Iterable[str]) -> dict[str, str]:
    """Return the name in files of every object, each another, also where case does not count.

    >>> layer_names(["arm", "Arm", "arm.1"])
    {'arm': 'arm', 'Arm': 'Arm_2', 'arm.1': 'arm_1'}
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    numbers: dict[str, int] = {}  # the last number that a name was given: very many may differ in what is left out
    for object_name in objects:
        name = base = layer_name(object_name)
        while name.casefold() in taken:
            number = numbers[base.casefold()] = numbers.get(base.casefold(), 1) + 1
            ending = f"_{number}"
            name = _cut(base, _LONGEST - len(ending)) + ending
        taken.add(name.casefold())
        names[object_name] = name
    return names


def _cut(text: str, size: int) -> str:
    """Cut text to a size in bytes between two characters."""
    return text.encode()[:size].decode(errors="ignore")
