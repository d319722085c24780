"""File names that Windows reserves for devices, with any extension."""

from __future__ import annotations

import re

_RESERVED = re.compile(
    r"""
    (?: con | prn | aux | nul | conin\$ | conout\$ | clock\$
      | (?:com|lpt) [0-9¹²³] )
    \s* (?: \. .* )?
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def is_reserved(name: str) -> bool:
    """Whether Windows reserves a file name for a device.

    >>> is_reserved("con"), is_reserved("Aux.0001.exr"), is_reserved("console")
    (True, True, False)

    Args:
        name: File name, with or without its extension.
    """
    return _RESERVED.fullmatch(name) is not None
