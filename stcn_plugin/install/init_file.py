"""The one line in a Nuke folder's ``init.py`` that leads to the plugin: put in and taken out, byte for byte."""

from __future__ import annotations

import re

LINE = b"import nuke; nuke.pluginAddPath(\"./stcn\")  # added by 'stcn install nuke', goes with 'stcn uninstall nuke'"
"""The line. It stands at the end, where no encoding line, docstring or future import can be in its way.

It does not look whether the folder is there: `__file__` may be that of another init.py that ran in the meantime, and then
the plugin would be gone without a word. Nuke passes over a folder that is missing.
"""

_OURS = re.compile(rb"^" + re.escape(LINE) + rb"(?=\r?$)", re.MULTILINE)
_OF_THE_USER = re.compile(rb"^[^#\r\n]*pluginAddPath\(\s*[rR]?[\"'](?:\./)?stcn/?[\"']", re.MULTILINE)


def has_line(content: bytes) -> bool:
    """Tell whether our line is there."""
    return _OURS.search(content) is not None


def leads_to_plugin(content: bytes) -> bool:
    """Tell whether a line leads to the plugin, be it ours or one that the user wrote."""
    return has_line(content) or _OF_THE_USER.search(content) is not None


def with_line(content: bytes) -> bytes:
    """Return an ``init.py`` with our line at its end.

    The last line ends as the last line did before, with a line break or without, so that `without_line` finds the way
    back with no other record.
    """
    line_break = b"\r\n" if b"\r\n" in content or content.endswith(b"\r") else b"\n"
    if content and not content.endswith(b"\n"):
        return content + line_break + LINE
    return content + LINE + line_break


def without_line(content: bytes) -> bytes:
    """Return an ``init.py`` as it was before `with_line`, along with all that was written into it since."""
    match = _OURS.search(content)
    if match is None:
        return content
    before, after = content[: match.start()], content[match.end() :]
    if after:
        return before + re.sub(rb"\A\r?\n", b"", after)
    return re.sub(rb"\r?\n\Z", b"", before)
