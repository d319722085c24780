"""The line in the ``init.py`` of a Nuke folder that adds the plugin; adding and removing it restores every byte."""

from __future__ import annotations

import re

LINE = b"import nuke; nuke.pluginAddPath(\"./stcn\")  # added by 'stcn install nuke', removed by 'stcn uninstall nuke'"
"""The line. It is added at the end, after any encoding line, docstring or future import.

It does not check that the folder exists: `__file__` may be that of another init.py, and Nuke ignores missing folders.
"""

_LINE = re.compile(rb"^" + re.escape(LINE) + rb"(?=\r?$)", re.MULTILINE)
_USER_LINE = re.compile(rb"^[^#\r\n]*pluginAddPath\(\s*[rR]?[\"'](?:\./)?stcn/?[\"']", re.MULTILINE)


def has_line(content: bytes) -> bool:
    """Return whether the line is present."""
    return _LINE.search(content) is not None


def adds_plugin(content: bytes) -> bool:
    """Return whether any line adds the plugin, including one that the user wrote."""
    return has_line(content) or _USER_LINE.search(content) is not None


def with_line(content: bytes) -> bytes:
    """Return an ``init.py`` with the line at its end.

    The new last line has a line break only if the old one had, so that `without_line` can restore the file.
    """
    line_break = b"\r\n" if b"\r\n" in content or content.endswith(b"\r") else b"\n"
    if content and not content.endswith(b"\n"):
        return content + line_break + LINE
    return content + LINE + line_break


def without_line(content: bytes) -> bytes:
    """Return an ``init.py`` without the line; later changes by the user stay."""
    match = _LINE.search(content)
    if match is None:
        return content
    before, after = content[: match.start()], content[match.end() :]
    if after:
        return before + re.sub(rb"\A\r?\n", b"", after)
    return re.sub(rb"\r?\n\Z", b"", before)
