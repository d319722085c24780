"""Converts object names to names that Nuke, Blender and all file systems accept for layers and files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from stcn_plugin.reserved_names import is_reserved

_MAX_BYTES = 63  # Blender truncates longer names, which could merge two objects
_FORBIDDEN = re.compile(r"[^\w-]+")  # dots separate channels, spaces separate names in Nuke, others are for file names

# Layer names with a meaning in Nuke or Blender, which a matte would replace.
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
    """Return the name of an object in layers and file names.

    >>> layer_name("left arm.v2"), layer_name("mask"), layer_name("con")
    ('left_arm_v2', 'mask_matte', 'con_matte')
    """
    # One normal form: file systems differ in whether two forms of a name are one file.
    text = unicodedata.normalize("NFC", object_name)
    clean = _truncated(_FORBIDDEN.sub("_", text).strip("_").lstrip("-_") or "matte", _MAX_BYTES)
    return f"{clean}_matte" if _RESERVED.fullmatch(clean) or is_reserved(clean) else clean


def layer_names(objects: Iterable[str]) -> dict[str, str]:
    """Map object names to layer names that differ even if case is ignored.

    >>> layer_names(["arm", "Arm", "arm.1"])
    {'arm': 'arm', 'Arm': 'Arm_2', 'arm.1': 'arm_1'}
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    numbers: dict[str, int] = {}  # last number appended to each name, so that many equal names take linear time
    for object_name in objects:
        name = base = layer_name(object_name)
        while name.casefold() in taken:
            number = numbers[base.casefold()] = numbers.get(base.casefold(), 1) + 1
            suffix = f"_{number}"
            name = _truncated(base, _MAX_BYTES - len(suffix)) + suffix
        taken.add(name.casefold())
        names[object_name] = name
    return names


def _truncated(text: str, size: int) -> str:
    """Truncate text to a size in UTF-8 bytes without splitting a character."""
    return text.encode()[:size].decode(errors="ignore")
