"""Escaping text from files, paths and other processes for a terminal."""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200c\u200d"
"""Invisible, but required in some scripts and emoji."""


def printable(text: str) -> str:
    r"""Escape every character that a terminal would interpret or not display.

    These are control characters, including newlines and escape sequences, marks that change the writing direction, other
    invisible characters, and lone surrogates, which represent undecodable bytes of a file name.

    >>> printable("sh010\x1b[2J\n")
    'sh010\\x1b[2J\\n'
    """
    if text.isprintable():
        return text
    return "".join(
        character if _is_displayed(character) else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def printable_lines(text: str, *, indent: str = "") -> str:
    """Escape a text like `printable`, but keep its newlines.

    Args:
        text: The text.
        indent: Prefix of every line but the first, so that no line looks like output of this program.
    """
    return f"\n{indent}".join(map(printable, text.split("\n")))


def _is_displayed(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"
