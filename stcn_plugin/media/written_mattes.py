"""Reads and checks the mattes that an earlier run of the same shot wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import OutputError
from stcn_plugin.media.images import ImageHeader
from stcn_plugin.media.matte_reader import MatteFile, Plane, Source
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.pixels import as_coverage, place_in_window
from stcn_plugin.media.window import Window

Matte = NDArray[np.float32]

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


def read_mattes(writer: MatteWriter, frame: int, *, window: Window, display: Window) -> dict[str, Matte]:
    """Read the mattes of a frame; mattes may be empty.

    Args:
        writer: The writer of this shot's mattes.
        frame: Frame number.
        window: Window of the result, padded with 0.
        display: Display window of the plate.

    Returns:
        Object name to ``(H, W)`` coverage over ``window``.

    Raises:
        OutputError: As for `check_mattes`, or pixels are damaged.
    """
    files = [_checked(writer, path, display) for path in writer.paths(frame)]
    if writer.layout == "per_object":
        planes: Mapping[str, Plane] = {name: file.matte() for name, file in zip(writer.layers, files, strict=True)}
    else:
        selectors = _selectors(writer)
        found = files[0].objects(list(selectors.values()))
        planes = {name: found[selector] for name, selector in selectors.items()}
    return {name: _fitted(planes[name], window, display) for name in writer.layers}


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


def _fitted(plane: Plane, window: Window, display: Window) -> Matte:
    return as_coverage(place_in_window(plane.pixels, _window_of(plane.header, display), window))
