"""``file:selector``: a matte file, and a layer, channel or object in it."""

from __future__ import annotations

import re

_SELECTED = re.compile(
    r"""
    (?P<file> .+? \.\w+ )       # up to the first file suffix that a colon or the end follows, past C:/ on Windows
    (?: : (?P<selector> .* ) )? # the rest, which may hold colons and slashes itself (char:hero, /world/hero)
    """,
    re.VERBOSE | re.DOTALL,
)


def split_selector(text: str) -> tuple[str, str | None]:
    """Split a matte file from its selector.

    >>> split_selector("roto/sh010.1001.exr:hero.A")
    ('roto/sh010.1001.exr', 'hero.A')
    >>> split_selector("C:/roto/sh010.1001.png")
    ('C:/roto/sh010.1001.png', None)

    Args:
        text: A file, optionally with a colon and a channel, layer, palette index, colour or object name.

    Returns:
        The file, and the selector or ``None``. The selector after a colon may be empty.
    """
    match = _SELECTED.fullmatch(text)
    return (match["file"], match["selector"]) if match else (text, None)
