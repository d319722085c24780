"""Opens image files, and explains why a file cannot be opened."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses

from stcn_plugin.bridge.printable import printable
from stcn_plugin.errors import STCNError, is_temporary
from stcn_plugin.media.formats import HEAD_BYTES, is_truncated, unreadable
from stcn_plugin.media.listing import reason_of, shown

RENDER_AGAIN = "Write the file again; it may still be copying or rendering"

_NOT_FILES = (
    (stat.S_ISDIR, "a folder, not an image", "Name a file in it"),
    (stat.S_ISFIFO, "a pipe, not a file", "Write its images to files"),
    (stat.S_ISSOCK, "a socket, not a file", "Write its images to files"),
    (stat.S_ISCHR, "a device, not a file", "Name an image file"),
    (stat.S_ISBLK, "a device, not a file", "Name an image file"),
)
_NOISE = re.compile(r"EXR Error \([^)]*\): (EXR_ERR_\w+ )?")
_MAX_REASON = 200  # characters
_LUMINANCE = "Subsampled channels are not supported"
_FLAVOUR = "No support for this flavor"  # of TIFF, such as the colours of CIELAB and LogLuv


@contextmanager
def open_image(path: Path, error: type[STCNError], label: str, *, unassociated: bool) -> Iterator[Any]:
    """Open an image file by OpenImageIO, and close it on exit.

    Args:
        path: The file.
        error: Class of the errors raised.
        label: ``where`` of the errors.
        unassociated: Do not premultiply colours by alpha if the file stores them unassociated.

    Raises:
        STCNError: Of class ``error``: the file is missing, empty, not a regular file, of an unsupported format, or
            changed while it was open.
    """
    before = _checked(path, error, label)
    options = oiio.ImageSpec()
    if unassociated:
        options.attribute("oiio:UnassociatedAlpha", 1)
    source = oiio.ImageInput.open(str(path), options)
    if source is None:
        raise _open_error(oiio_error(oiio), error, label, retry=not _is_readable(path))
    try:
        yield source
    except error as problem:
        problem.retry = problem.retry or not _is_readable(path)
        raise
    finally:
        source.close()
    after = path.stat()
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise error("the file changed while it was read", where=label, fix=RENDER_AGAIN, retry=True)


def oiio_error(source: Any) -> str:
    """Return and clear OpenImageIO's pending error, in one line; empty if there is none.

    Args:
        source: An object with ``geterror``: an ``ImageInput``, or the module itself.
    """
    try:
        text = str(source.geterror())
    except UnicodeDecodeError as problem:  # the message quotes bytes of the file
        text = problem.object.decode("latin-1")
    lines = _NOISE.sub("", text).strip().splitlines()
    line = printable(shown(lines[0])) if lines else ""
    return line.rstrip(".") if len(line) <= _MAX_REASON else f"{line[:_MAX_REASON]}..."


def _checked(path: Path, error: type[STCNError], label: str) -> os.stat_result:
    """Reject everything that is not an image file before it is read; opening a pipe would block."""
    try:
        found = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            gone = f"this is a link to a file that no longer exists ({shown(os.readlink(path))})"  # noqa: PTH115
            raise error(gone, where=label, fix="Bring the file back, or write a new one") from None
        raise error("there is no such file", where=label, fix="Check the path and the frame number") from None
    except (OSError, ValueError) as problem:
        raise _read_error(problem, error, label) from None
    for is_kind, what, fix in _NOT_FILES:
        if is_kind(found.st_mode):
            raise error(f"this is {what}", where=label, fix=fix)
    if found.st_size == 0:
        raise error("the file is empty", where=label, fix=RENDER_AGAIN)
    if not _is_utf8(path):
        fix = "Rename it to UTF-8, such as with convmv"
        raise error("the file's name is not UTF-8", where=shown(label), fix=fix)
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as problem:
        raise _read_error(problem, error, label) from None
    if refused := unreadable(head, path.suffix.lower()):
        raise error(refused.what, where=label, fix=refused.fix)
    if is_truncated(head, found.st_size):
        raise error("the file has less user data than its header says", where=label, fix=RENDER_AGAIN)
    return found


def _is_readable(path: Path) -> bool:
    """Whether the system can read a file; OpenImageIO does not distinguish a failed disk from a damaged file."""
    try:
        with path.open("rb") as file:
            while file.read(1 << 20):
                pass
    except OSError as problem:
        return not is_temporary(problem)
    return True


def _read_error(problem: OSError | ValueError, error: type[STCNError], label: str) -> STCNError:
    return error(f"the file cannot be read ({reason_of(problem)})", where=label, retry=is_temporary(problem))


def _open_error(reason: str, error: type[STCNError], label: str, *, retry: bool) -> STCNError:
    if _LUMINANCE in reason:
        what = "this is a luminance/chroma image, whose channels have different sizes; it cannot be read"
        return error(what, where=label, fix="Write it as RGB")
    fix = "Convert it to RGB" if _FLAVOUR in reason else RENDER_AGAIN
    what = f"the file cannot be opened as an image ({reason or 'no reason given'})"
    return error(what, where=label, fix=fix, retry=retry)


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
