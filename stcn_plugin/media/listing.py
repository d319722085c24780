"""Lists folders, independent of Unicode normal forms, and suggests the name that was probably meant."""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from stcn_plugin.errors import FrameRangeError, is_temporary

_NUMBER = re.compile(r"(?<![vV0-9])(?:(?<![^._])-)?[0-9]+")  # v002 is a version; a minus follows a dot, '_' or nothing
_TOKENS = re.compile(r"<\w+>|\{[^}]*\}|\[[^\]]*\]|%0?\d*d|\$F\d*|-?\d+|[\W_]")
_MIN_SIMILARITY = 0.8  # of two names, for a suggestion


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; also for paths that the system rejects."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises where a name is too long


def names_in(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield the visible names in a folder, each with whether it is a broken link; nothing if it is not a folder.

    Raises:
        FrameRangeError: The folder exists and cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    yield entry.name, entry.is_symlink() and not os.path.exists(entry.path)  # noqa: PTH110
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        what = f"the folder cannot be read ({reason_of(error)})"
        raise FrameRangeError(what, where=shown(str(folder)), retry=is_temporary(error)) from error


def as_on_disk(path: Path) -> Path:
    """Return a path in the Unicode normal form that it has on disk: macOS may store ``é`` as two characters.

    Args:
        path: The path in any normal form.

    Returns:
        The path on disk; the same path if it does not exist.
    """
    if str(path).isascii() or os.path.lexists(path):
        return path
    found = Path(path.anchor)
    for part in path.parts[1 if path.anchor else 0 :]:
        if not os.path.lexists(found / part):
            same = (name for name, _ in names_in(found) if to_nfc(name) == to_nfc(part))
            part = next(same, part)
        found /= part
    return found


def to_nfc(name: str) -> str:
    """Return a name in the normal form NFC, which keyboards produce."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def has_invalid_utf8(name: str) -> bool:
    """Whether a file name has bytes that are not valid UTF-8."""
    return not name.isascii() and any("\ud800" <= character <= "\udfff" for character in name)


def shown(name: str) -> str:
    """Return a name for a message, with invalid UTF-8 escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def reason_of(error: OSError | ValueError) -> str:
    """Return the system's message for a failed file operation."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def suggest_pattern(folder: Path, name: str) -> str | None:
    """Suggest the pattern that was probably meant by one that matches no file.

    Args:
        folder: Folder of the pattern.
        name: File name of the pattern.

    Returns:
        A sentence without its full stop; ``None`` if no file has a similar name.
    """
    if not is_folder(folder):
        return _suggest_folder(folder)
    near = _nearest(name, (found for found, _ in names_in(folder)))
    if near is None:
        return None
    if has_invalid_utf8(near):
        return f"On disk is {shown(near)}, whose name is not UTF-8: rename its files, such as with convmv"
    pattern = as_pattern(near)
    return f"On disk is {near}: write {pattern}" if pattern else f"On disk is {near}, which has no frame number"


def as_pattern(name: str) -> str | None:
    """Return a file name with its frame number as one ``#`` per digit; ``None`` if it has none.

    The frame number is the number before the extension, else the longest one, the last of equals. Versions such as
    ``v002`` do not count.
    """
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a name, not a file
    numbers = list(_NUMBER.finditer(stem))
    if not numbers:
        return None
    frame = numbers[-1]
    if frame.end() < len(stem):
        frame = max(reversed(numbers), key=lambda number: len(number.group()))
    return f"{stem[: frame.start()]}{'#' * len(frame.group())}{stem[frame.end() :]}{suffix}"


def _suggest_folder(folder: Path) -> str | None:
    """Name the first missing folder of a path, and a similar one next to it."""
    absent = next((each for each in reversed([folder, *folder.parents]) if not is_folder(each)), folder)
    if os.path.lexists(absent):
        return f"{shown(str(absent))} is not a folder"
    near = _nearest(absent.name, (name for name, _ in names_in(absent.parent) if is_folder(absent.parent / name)))
    if near is None:
        return f"There is no folder {shown(str(absent))}"
    which = ", whose name is not UTF-8: rename it" if has_invalid_utf8(near) else ""
    return f"There is no folder {shown(str(absent))}; on disk is {shown(near)}{which}"


def _nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name that differs only in case, numbers and punctuation, else the most similar one."""
    wanted = _folded(name)
    others: dict[str, str] = {}
    for other in sorted(names):
        others.setdefault(_folded(other), other)
    close = [wanted] if wanted in others else difflib.get_close_matches(wanted, list(others)[:2000], 1, _MIN_SIMILARITY)
    return others[close[0]] if close else None


def _folded(name: str) -> str:
    if has_invalid_utf8(name):
        name = name.encode("utf-8", "surrogateescape").decode("latin-1")
    return _TOKENS.sub("", unicodedata.normalize("NFC", name)).casefold()
