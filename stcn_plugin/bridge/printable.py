"""Text from files, paths and other processes made safe for a terminal."""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200c\u200d"
"""Invisible, but part of how words of some scripts and emoji are written."""


def printable(text: str) -> str:
    r"""Return a text with every character escaped that a terminal would act on or not show.

    These are control characters, with them newlines and terminal sequences, marks that change the direction of writing,
    other invisible characters, and lone surrogates, which stand for undecodable bytes of a file name.

    >>> printable("sh010\x1b[2J\n")
    'sh010\\x1b[2J\\n'
    """
    if text.isprintable():
        return text
    return "".join(
        character if _is_shown(character) else character.encode("unicode_escape").decode("ascii") for character in text
    )


def printable_lines(text: str, *, indent: str = "") -> str:
    """Return a text of several lines as `printable` does, its newlines kept.

    Args:
        text: The text.
        indent: Put before every line but the first, so that no line of a text from elsewhere looks like one of ours.
    """
    return f"\n{indent}".join(map(printable, text.split("\n")))


def _is_shown(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"
