"""Reproducible zip archives and wheels."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping

from stcn_plugin import __version__

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the earliest date in a zip
_MODE = 0o100644 << 16
_UNIX = 3

_WHEEL = f"""\
Wheel-Version: 1.0
Generator: stcn_plugin {__version__}
Root-Is-Purelib: true
Tag: py3-none-any
"""


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of files. The same files give the same bytes.

    Args:
        files: Contents by path with forward slashes.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _MODE
            entry.create_system = _UNIX
            archive.writestr(entry, data)
    return stream.getvalue()


def wheel_name(project: str, version: str) -> str:
    """Return the file name of a wheel for all Pythons and platforms."""
    return f"{project}-{version}-py3-none-any.whl"


def wheel(project: str, version: str, files: Mapping[str, bytes], information: Mapping[str, bytes]) -> bytes:
    """Return a pure Python wheel.

    Args:
        project: Name with underscores.
        version: Version of the project.
        files: Contents of the installed files by path.
        information: Contents of ``.dist-info`` by relative path, including METADATA, without WHEEL and RECORD.
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
