"""Zip archives and wheels whose bytes depend on their contents alone."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping

from stcn_plugin import __version__

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can tell
_MODE = 0o100644 << 16
_UNIX = 3

_WHEEL = f"""\
Wheel-Version: 1.0
Generator: stcn_plugin {__version__}
Root-Is-Purelib: true
Tag: py3-none-any
"""


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of files, the same bytes for the same files.

    Args:
        files: Contents by path with forward slashes.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _MODE
            entry.create_system = _UNIX
            archive.writestr(entry, data)
    return stream.getvalue()


def wheel_name(project: str, version: str) -> str:
    """Return the file name of a wheel for every Python and platform."""
    return f"{project}-{version}-py3-none-any.whl"


def wheel(project: str, version: str, files: Mapping[str, bytes], information: Mapping[str, bytes]) -> bytes:
    """Return a wheel of pure Python.

    Args:
        project: Name with underscores.
        version: Its version.
        files: What it installs.
        information: What its ``.dist-info`` holds besides WHEEL and RECORD, by path inside it; METADATA above all.
    """
    folder = f"{project}-{version}.dist-info"
    contents = dict(files)
    contents |= {f"{folder}/{name}": data for name, data in information.items()}
    contents[f"{folder}/WHEEL"] = _WHEEL.encode()
    lines = [f"{name},{_digest(data)},{len(data)}" for name, data in sorted(contents.items())]
    record = f"{folder}/RECORD"
    contents[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    return zipped(contents)


def _digest(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
