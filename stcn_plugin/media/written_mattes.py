"""Checks the mattes that an earlier run of the same shot wrote."""

from __future__ import annotations

from pathlib import Path

from stcn_plugin.errors import OutputError
from stcn_plugin.media.images import ImageHeader
from stcn_plugin.media.matte_reader import MatteFile, Source
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.window import Window

_RUN_AGAIN = "Run the whole shot again; the objects or the layout changed since these mattes were written"


def check_mattes(writer: MatteWriter, frame: int, *, display: Window) -> None:
    """Check that the files of a frame have the objects, layout and size that would be written now.

    Args:
        writer: The writer of this shot's mattes.
        frame: Frame number.
        display: Display window of the plate.

    Raises:
        OutputError: A file is missing or damaged, or has other objects, another layout or another size.
    """
    for path in writer.paths(frame):
        _checked(writer, path, display)


def _checked(writer: MatteWriter, path: Path, display: Window) -> MatteFile:
    """Open a file and check its objects, layout and size."""
    file = MatteFile(Source(path, OutputError))
    kind = {"layers": "layers", "cryptomatte": "cryptomatte"}.get(writer.layout)
    expected = sorted(_selectors(writer).values())
    actual = sorted(file.layer_names)
    if (file.layer_kind, actual) != (kind, expected):
        what = f"the file has {', '.join(actual) or 'one matte'}, not {', '.join(expected) or 'one matte'}"
        raise OutputError(what, where=str(path), fix=_RUN_AGAIN)
    header = file.header
    if _window_of(header, display).shape != header.header.data.shape or header.header.display.shape != display.shape:
        size = header.header.display
        what = f"the matte is {size.width}x{size.height}, but the plate is {display.width}x{display.height}"
        raise OutputError(what, where=str(path), fix="Run the whole shot again")
    return file


def _selectors(writer: MatteWriter) -> dict[str, str]:
    """Return the selector of each object in the file of a frame; empty if each object has its own file."""
    if writer.layout == "layers":
        return dict(writer.layers)
    return {name: name for name in writer.layers} if writer.layout == "cryptomatte" else {}


def _window_of(header: ImageHeader, display: Window) -> Window:
    """Return the window of a file's pixels; formats other than EXR have no windows and cover the plate's format."""
    return header.header.data if header.file_format == "openexr" else display
