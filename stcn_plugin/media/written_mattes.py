"""Matte files read back as they were written, by the same layout."""

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
    """Make sure that a frame's files are what would be written now: these objects, this layout, this format.

    Args:
        writer: What would write them.
        frame: Frame number.
        display: Format of the plate.

    Raises:
        OutputError: A file is absent, damaged, or of other objects, another layout or another format.
    """
    for path in writer.paths(frame):
        _checked(writer, path, display)


def read_mattes(writer: MatteWriter, frame: int, *, window: Window, display: Window) -> dict[str, Matte]:
    """Read the mattes of a frame; one may be empty, where its object is absent.

    Args:
        writer: What wrote them.
        frame: Frame number.
        window: Where mattes are wanted; 0 where the files have none.
        display: Format of the plate.

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
    """Open a file and make sure that it is what would be written now."""
    file = MatteFile(Source(path, OutputError))
    kind = {"layers": "layers", "cryptomatte": "cryptomatte"}.get(writer.layout)
    wanted = sorted(_selectors(writer).values())
    found = sorted(file.layer_names)
    if (file.layer_kind, found) != (kind, wanted):
        what = f"the file has {', '.join(found) or 'one matte'}, not {', '.join(wanted) or 'one matte'}"
        raise OutputError(what, where=str(path), fix=_RUN_AGAIN)
    header = file.header
    if _source(header, display).shape != header.header.data.shape or header.header.display.shape != display.shape:
        size = header.header.display
        what = f"the matte is {size.width}x{size.height}, but the plate is {display.width}x{display.height}"
        raise OutputError(what, where=str(path), fix="Run the whole shot again")
    return file


def _selectors(writer: MatteWriter) -> dict[str, str]:
    """Return what picks each object in the one file of a frame; nothing where each has a file."""
    if writer.layout == "layers":
        return dict(writer.layers)
    return {name: name for name in writer.layers} if writer.layout == "cryptomatte" else {}


def _source(header: ImageHeader, display: Window) -> Window:
    """Return where a file's pixels are; formats other than EXR know no windows and hold the plate's format."""
    return header.header.data if header.file_format == "openexr" else display


def _fitted(plane: Plane, window: Window, display: Window) -> Matte:
    return as_coverage(place_in_window(plane.pixels, _source(plane.header, display), window))
