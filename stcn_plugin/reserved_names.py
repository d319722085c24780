"""File names that Windows keeps for devices, whatever ending they have: a file by one of them cannot be made there."""

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
    """Tell whether Windows keeps a file name for a device.

    >>> is_reserved("con"), is_reserved("Aux.0001.exr"), is_reserved("console")
    (True, True, False)

    Args:
        name: File name, with or without its ending.
    """
    return _RESERVED.fullmatch(name) is not None
