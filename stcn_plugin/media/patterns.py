"""Finds the frame number in a frame pattern or file name, and explains what is wrong with an invalid pattern."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from stcn_plugin.bridge.files import expanded
from stcn_plugin.errors import FrameRangeError
from stcn_plugin.frames import MAX_DIGITS
from stcn_plugin.media.formats import MOVIES, PICTURES
from stcn_plugin.media.listing import as_on_disk, as_pattern, has_invalid_utf8, names_in, shown, suggest_pattern

EXAMPLE = "Write the frame number as #, such as plate.####.exr"
"""Fix for a pattern without a frame number."""

NUMBERED = re.compile(
    r"""
    (?P<prefix>.*?)
    (?<![vV])                               # v002 is a version, not a frame
    (?<![0-9])
    (?P<number>(?:(?<![^._])-)?[0-9]+)         # the minus of a negative frame follows a dot, '_' or nothing
    (?P<suffix>\.[A-Za-z]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)
"""A file name with a frame number before its extension."""

_RANGE_BEFORE = re.compile(r"\[?-?\d+--?\d+(?:x\d+)?\]?$")
_RANGE_AFTER = re.compile(r"\s+-?\d[-\dx, ]*$")
_RANGE_ALONE = re.compile(r"(?P<range>\[?-?\d+-\d+(?:x\d+)?\]?)(?P<suffix>\.[A-Za-z]\w*)$")
_VIEW = re.compile(r"%[vV](?![A-Za-z])")
_TILES = re.compile(r"<UDIM>|%\(UDIM\)d|<UVTILE>", re.IGNORECASE)
_MAX_SHOWN = 200  # characters of a pattern in a message


def path_of(pattern: str | Path) -> Path:
    """Return a pattern as a path, with ``~`` expanded.

    Raises:
        FrameRangeError: It is not a valid path.
    """
    text = str(pattern)
    if "\0" in text:
        raise FrameRangeError(
            "the pattern holds a NUL character", where=for_message(text.replace("\0", "\\0")), fix=EXAMPLE
        )
    if has_invalid_utf8(text):
        raise invalid_utf8_error(text)
    return expanded(text, error=FrameRangeError)


def split_at_number(path: Path, token: re.Match[str]) -> tuple[str, int, str]:
    """Split a file name at its frame number.

    Args:
        path: The pattern.
        token: Its frame number.

    Returns:
        Prefix, padding and suffix.

    Raises:
        FrameRangeError: It is not the pattern of a single sequence.
    """
    where = for_message(str(path))
    prefix, ending = path.name[: token.start()], path.name[token.end() :]
    range_around = _RANGE_BEFORE.search(prefix) or _RANGE_AFTER.search(ending)
    if range_around:
        clean = path.name.replace(range_around.group(), "")
        raise _contains_range_error(where, clean, range_around.group())
    if prefix.endswith("#"):
        raise FrameRangeError("the pattern has two frame numbers side by side", where=where, fix=EXAMPLE)
    if view := _VIEW.search(str(path)):
        fix = f"Write the view's name in place of {view.group()}, such as left"
        raise FrameRangeError("the pattern has a placeholder for several views", where=where, fix=fix)
    if _TILES.search(path.name):
        raise FrameRangeError("the pattern is for the tiles of a texture", where=where, fix=EXAMPLE)
    if not Path("x" + ending).suffix:
        raise FrameRangeError("the pattern has no file type after the frame number", where=where, fix=EXAMPLE)
    padding = _padding(token.group())
    if padding > MAX_DIGITS:
        raise FrameRangeError(
            f"the pattern's frame number is longer than {MAX_DIGITS} digits", where=where, fix=EXAMPLE
        )
    return prefix, max(1, padding), ending


def no_frame_number_error(path: Path) -> FrameRangeError:
    """Return the error for a name without a frame number, with a suggestion."""
    where = for_message(str(path))
    if path.suffix.lower() in MOVIES:
        as_sequence = "Write its frames as a sequence, such as plate.####.exr"
        return FrameRangeError("this is a movie, which cannot be read", where=where, fix=as_sequence)
    if alone := _RANGE_ALONE.search(path.name):
        clean = f"{path.name[: alone.start()]}####{alone['suffix']}"
        return _contains_range_error(where, clean, alone["range"])
    fix = suggest_pattern(as_on_disk(path.parent), path.name) if path.suffix else None
    if fix is None and (pattern := as_pattern(path.name)) and Path(pattern).suffix:
        fix = f"Write it as {pattern}"
    return FrameRangeError("the pattern has no frame number", where=where, fix=fix or EXAMPLE)


def sequences_in(folder: Path) -> dict[tuple[str, str], list[str]]:
    """Group the numbered images in a folder by sequence: (prefix, suffix) to the frame numbers as written."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, _ in names_in(folder):
        match = NUMBERED.fullmatch(name)
        if match and match["suffix"].lower() in PICTURES and len(match["number"]) <= MAX_DIGITS:
            found[match["prefix"], match["suffix"]].append(match["number"])
    return found


def padding_of(numbers: Iterable[str], requested: str = "") -> int:
    """Return the padding of a sequence: the length of its shortest frame number.

    Args:
        numbers: The frame numbers of all files.
        requested: The frame number of the requested file. If it has leading zeros, its length is the padding, and files
            with another padding belong to another sequence.
    """
    return len(requested) if re.match("0[0-9]", requested) else min(len(number) for number in numbers)


def invalid_utf8_error(text: str) -> FrameRangeError:
    """Return the error for a name that is not UTF-8."""
    fix = "Rename the files and folders to UTF-8, such as with convmv"
    return FrameRangeError("the name is not UTF-8", where=for_message(text), fix=fix)


def for_message(text: str) -> str:
    """Return text shortened and escaped for a message."""
    text = shown(text)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _padding(token: str) -> int:
    """Return the padding of ``####``, ``@@@@``, ``%04d`` or ``$F4``."""
    if token[0] in "#@":
        return len(token)
    digits = token.strip("%d$F").lstrip("0") or "1"
    return int(digits) if len(digits) <= 2 else MAX_DIGITS + 1


def _contains_range_error(where: str, clean: str, text: str) -> FrameRangeError:
    fix = f"Write the pattern {clean} and set the frame range to {text.strip().strip('[]')}"
    return FrameRangeError("the pattern contains a frame range", where=where, fix=fix)
