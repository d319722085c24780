"""Matte files read back as they were written, by the same layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import OutputError
from stcn_plugin.media.cryptomatte import cryptomattes, decode, hash_id, rank_channels
from stcn_plugin.media.images import Image, ImageHeader, read_header, read_image
from stcn_plugin.media.mattes import MatteWriter
from stcn_plugin.media.placing import as_coverage, placed
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
    layers = sorted(writer.layers.values()) if writer.layout == "layers" else []
    named = sorted(writer.layers) if writer.layout == "cryptomatte" else []
    for path in writer.paths(frame):
        header = read_header(path, error=OutputError)
        if (_layers(header), _cryptomatte_names(header)) != (layers, named):
            found = ", ".join(_layers(header) or _cryptomatte_names(header)) or "one matte"
            wanted = ", ".join(layers or named) or "one matte"
            raise OutputError(f"the file has {found}, not {wanted}", where=str(path), fix=_RUN_AGAIN)
        if _source(header, display).shape != header.header.data.shape or header.header.display.shape != display.shape:
            size = header.header.display
            what = f"the matte is {size.width}x{size.height}, but the plate is {display.width}x{display.height}"
            raise OutputError(what, where=str(path), fix="Run the whole shot again")


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
    check_mattes(writer, frame, display=display)
    found: dict[str, Matte] = {}
    if writer.layout == "per_object":
        for name, path in zip(writer.layers, writer.paths(frame), strict=True):
            found[name] = _fitted(_read_one(path), window, display)
        return found
    image = read_image(writer.paths(frame)[0], error=OutputError)
    for name, layer in writer.layers.items():
        pixels = image.channel(f"{layer}.A") if writer.layout == "layers" else _decoded(image, name)
        found[name] = _fitted((image, pixels), window, display)
    return found


def _layers(header: ImageHeader) -> list[str]:
    return sorted(channel.removesuffix(".A") for channel in header.channels if channel.endswith(".A"))


def _cryptomatte_names(header: ImageHeader) -> list[str]:
    return sorted({name for one in cryptomattes(header.metadata) for name in one.ids})


def _read_one(path: Path) -> tuple[Image, Matte]:
    image = read_image(path, error=OutputError)
    return image, image.channel("A") if "A" in image.channels else image.pixels[..., 0]


def _decoded(image: Image, name: str) -> Matte:
    (one,) = cryptomattes(image.metadata)
    ranks = [image.channel(channel) for pair in rank_channels(one.name, image.channels) for channel in pair]
    return decode(np.stack(ranks, axis=-1), hash_id(name))


def _source(header: ImageHeader, display: Window) -> Window:
    """Return where a file's pixels are; formats other than EXR know no windows and hold the plate's format."""
    return header.header.data if header.file_format == "openexr" else display


def _fitted(read: tuple[Image, Matte], window: Window, display: Window) -> Matte:
    image, pixels = read
    return as_coverage(placed(pixels, _source(image, display), window))
