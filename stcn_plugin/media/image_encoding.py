"""Encodes images as bytes.

OpenImageIO writes only to named files and does not report every failure, so the result is read back and checked.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses
from numpy.typing import NDArray

_DESCRIPTORS = "/proc/self/fd"
_TRAILERS = {".png": b"\x00\x00\x00\x00IEND\xaeB`\x82"}
"""Last bytes of formats whose readers accept truncated files."""

_INCOMPLETE = "the file could not be completed"


Part = tuple[oiio.ImageSpec, NDArray[np.generic]]
"""Size, windows, channels, number format and metadata; and the pixels ``(H, W, C)`` in that number format."""


def encode_image(parts: Sequence[Part], suffix: str) -> bytes:
    """Return the complete content of an image file.

    Args:
        parts: The parts; one, unless the format is EXR. Several parts need names.
        suffix: File extension of the format, such as ``.exr``.

    Raises:
        OSError: The format cannot hold the image, or memory or the temporary folder is full.
    """
    with _named_file(suffix) as path:
        try:
            _write(path, parts, suffix)
            return _checked(path, parts, suffix)
        except OSError as error:
            if error.errno is None:
                _raise_system_error(path)  # OpenImageIO's error lacks the cause
            raise


def _write(path: str, parts: Sequence[Part], suffix: str) -> None:
    output = oiio.ImageOutput.create(f"image{suffix}")
    if output is None:
        raise OSError(oiio.geterror() or f"{suffix} files cannot be written")
    specs = [spec for spec, _ in parts]
    try:
        # OpenImageIO needs to know all parts from the start, and takes a single one only by itself.
        is_open = output.open(path, specs if len(specs) > 1 else specs[0])
        for number, (spec, pixels) in enumerate(parts):
            is_open = is_open and (number == 0 or output.open(path, spec, "AppendSubimage"))
            if not is_open or not output.write_image(np.ascontiguousarray(pixels)):
                raise OSError(output.geterror())
    finally:
        closed = output.close()
    if not closed:
        raise OSError(output.geterror() or _INCOMPLETE)


def _checked(path: str, parts: Sequence[Part], suffix: str) -> bytes:
    """Return the content of a written file.

    Raises:
        OSError: It is incomplete.
    """
    content = Path(path).read_bytes()
    if not content.endswith(_TRAILERS.get(suffix, b"")) or not _is_readable(path, parts):
        raise OSError(_INCOMPLETE)
    return content


def _is_readable(path: str, parts: Sequence[Part]) -> bool:
    """Read back the last line of each part of an EXR, or all lines of other formats.

    The EXR writer misses only failures of its last buffer, which make the last line unreadable. The PNG and TIFF writers
    report no failures.
    """
    source: Any = oiio.ImageInput.open(path)
    if source is None:
        oiio.geterror()  # clear the pending error
        return False
    try:
        is_exr = source.format_name() == "openexr"
        for number, (spec, pixels) in enumerate(parts):
            top, bottom = spec.y + (spec.height - 1 if is_exr else 0), spec.y + spec.height
            lines = source.read_scanlines(number, 0, top, bottom, 0, 0, spec.nchannels, pixels.dtype.name)
            source.geterror()
            if lines is None or not (is_exr or np.array_equal(lines, pixels)):  # some EXR compressions are lossy
                return False
    finally:
        source.close()
    return True


def _raise_system_error(path: str) -> None:
    """Append to an incomplete file to get the system's error.

    Raises:
        OSError: The system cannot extend the file, for example on a full disk.
    """
    with Path(path).open("ab") as file:
        file.write(bytes(1 << 16))


@contextmanager
def _named_file(suffix: str) -> Iterator[str]:
    """Yield the path of a file in memory, or in the temporary folder where the system has no such files."""
    descriptor = _memory_file()
    if descriptor is None:
        try:
            with tempfile.TemporaryDirectory(prefix="stcn-") as folder:
                yield str(Path(folder) / f"image{suffix}")
        except OSError as error:
            if error.errno is None:
                raise
            cause = os.strerror(error.errno).lower()
            raise OSError(f"{cause} in the temporary folder {tempfile.gettempdir()}") from error
        return
    try:
        yield f"{_DESCRIPTORS}/{descriptor}"
    finally:
        os.close(descriptor)


def _memory_file() -> int | None:
    """Return the descriptor of a new file in memory; ``None`` if unsupported, or if it cannot be opened by path."""
    if not hasattr(os, "memfd_create"):
        return None
    try:
        descriptor = os.memfd_create("picture")
    except OSError:  # some containers forbid it
        return None
    try:
        Path(f"{_DESCRIPTORS}/{descriptor}").open("r+b").close()
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
