"""A picture as the bytes of a file, by OpenImageIO, which writes to named files only and does not report every failure."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses
from numpy.typing import NDArray

_DESCRIPTORS = "/proc/self/fd"
_ENDS = {".png": b"\x00\x00\x00\x00IEND\xaeB`\x82"}
"""How files end whose readers do not mind where their end is missing."""

_INCOMPLETE = "the file could not be completed"


def encode(spec: oiio.ImageSpec, pixels: NDArray[np.generic], suffix: str) -> bytes:
    """Return the bytes of a picture file, which are known to be complete.

    Args:
        spec: Size, windows, channels, number format and metadata.
        pixels: ``(H, W, C)`` in the number format of ``spec``.
        suffix: Says the file format, such as ``.exr``.

    Raises:
        OSError: The format cannot hold the picture, or there is no memory for it.
    """
    with _named_file(suffix) as path:
        try:
            _write(path, spec, pixels, suffix)
            return _checked(path, spec, pixels, suffix)
        except OSError as error:
            if error.errno is None:
                _ask_system(path)  # a format does not pass on why the system refused
            raise


def _write(path: str, spec: oiio.ImageSpec, pixels: NDArray[np.generic], suffix: str) -> None:
    output = oiio.ImageOutput.create(f"picture{suffix}")
    if output is None:
        raise OSError(oiio.geterror() or f"{suffix} files cannot be written")
    try:
        if not output.open(path, spec) or not output.write_image(np.ascontiguousarray(pixels)):
            raise OSError(output.geterror())
    finally:
        closed = output.close()
    if not closed:
        raise OSError(output.geterror() or _INCOMPLETE)


def _checked(path: str, spec: oiio.ImageSpec, pixels: NDArray[np.generic], suffix: str) -> bytes:
    """Return the content of a file that was written.

    Raises:
        OSError: It is incomplete.
    """
    content = Path(path).read_bytes()
    if not content.endswith(_ENDS.get(suffix, b"")) or not _reads_back(path, spec, pixels):
        raise OSError(_INCOMPLETE)
    return content


def _reads_back(path: str, spec: oiio.ImageSpec, pixels: NDArray[np.generic]) -> bool:
    """Read the last line of an EXR, and all lines of other formats.

    The EXR writer reports every failure but those of its last buffer, without which the last lines cannot be read. The
    writers of PNG and TIFF report none.
    """
    source: Any = oiio.ImageInput.open(path)
    if source is None:
        oiio.geterror()  # what it says of the incomplete file is no news
        return False
    try:
        is_exr = source.format_name() == "openexr"
        top, bottom = spec.y + (spec.height - 1 if is_exr else 0), spec.y + spec.height
        lines = source.read_scanlines(0, 0, top, bottom, 0, 0, spec.nchannels, pixels.dtype.name)
        source.geterror()
    finally:
        source.close()
    return lines is not None and (is_exr or np.array_equal(lines, pixels))  # some EXR compressions are lossy


def _ask_system(path: str) -> None:
    """Find out why a file could not be completed.

    Raises:
        OSError: The system refuses to make the file longer, and says why.
    """
    with Path(path).open("ab") as file:
        file.write(bytes(1 << 16))


@contextmanager
def _named_file(suffix: str) -> Iterator[str]:
    """Give a file that has a name and is in memory alone; in the temporary folder where the system has no such files."""
    descriptor = _memory_file()
    if descriptor is None:
        try:
            with tempfile.TemporaryDirectory(prefix="stcn-") as folder:
                yield str(Path(folder) / f"picture{suffix}")
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
    """Return the descriptor of a new file in memory; ``None`` where it cannot be had, or not be opened by a name."""
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
