"""The layers that the artist paints on: one per object, in a group, with keyframes."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path

from krita import Document, GroupLayer, Node
from PyQt5.QtGui import QImage

from stcn_plugin.errors import HostError

OBJECTS = "Objects"
"""Name of the group."""

_BYTES = {"U8": 1, "U16": 2, "F16": 2, "F32": 4}
_MAXIMUM = 65535
"""Level of an opaque pixel in 16 bits."""

_STRIP = 1_000_000
"""Pixels that are read at a time."""


def find_group(document: Document, name: str) -> GroupLayer | None:
    """Return a group layer at the top level of a document."""
    return next((node for node in document.topLevelNodes() if _is_group(node) and node.name() == name), None)


def object_layers(document: Document) -> list[Node]:
    """Return the layers of all objects, from the bottom.

    Raises:
        HostError: There is none, or two have the same name.
    """
    group = find_group(document, OBJECTS)
    layers = [node for node in group.childNodes() if node.type() == "paintlayer"] if group else []
    names = [layer.name() for layer in layers]
    if not layers:
        raise HostError(
            "there is no object", where=document.name(), fix="Press Add Object, and paint the object on its layer"
        )
    for name in names:
        if names.count(name) > 1:
            raise HostError("two object layers have the same name", where=name, fix="Rename one of them")
    return layers


def key_frames(document: Document, layer: Node, frames: Iterable[int]) -> list[int]:
    """Return the frames at which a layer has a keyframe, without the empty one that Krita adds at frame 0."""
    keys = [frame for frame in frames if layer.hasKeyframeAtTime(frame)]
    return [frame for frame in keys if frame or _is_painted(document, layer, 0)]


def save_matte(document: Document, layer: Node, frame: int | None, file: Path) -> bool:
    """Write the alpha of a layer as a grey image of the document's size, unless nothing is painted.

    Args:
        document: The document.
        layer: A paint layer of any colour space.
        frame: Frame of a keyframe; ``None`` for a layer without keyframes.
        file: The PNG file.

    Returns:
        Whether something is painted.

    Raises:
        HostError: The file cannot be written.
    """
    if not _is_painted(document, layer, frame):
        return False
    depth, size = layer.colorDepth(), (document.width(), document.height())
    alpha = b"".join(map(partial(_alpha_of, layer), _strips(document, layer, frame)))
    grey = alpha if depth == "U8" else _integers(alpha, depth).tobytes()
    form = QImage.Format_Grayscale8 if depth == "U8" else QImage.Format_Grayscale16
    image = QImage(grey, *size, len(grey) // size[1], form)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"the folder cannot be created ({error.strerror})"
        raise HostError(what, where=str(file.parent), fix="Choose another folder in Mattes") from None
    if not image.save(str(file), "PNG"):
        raise HostError("the keyframe cannot be written", where=str(file), fix="Check the folder of the mattes")
    return True


def _strips(document: Document, layer: Node, frame: int | None) -> Iterator[bytes]:
    """Yield the pixels of a layer in strips of rows, since Krita returns less than 2 GiB at a time."""
    width, height = document.width(), document.height()
    rows = max(1, _STRIP // max(1, width))
    for top in range(0, height, rows):
        area = (0, top, width, min(rows, height - top))
        yield bytes(layer.pixelData(*area) if frame is None else layer.pixelDataAtTime(*area, frame))


def _alpha_of(layer: Node, pixels: bytes) -> bytes:
    """Return the alpha of pixels, the last of their channels, in the numbers of the layer."""
    size, pixel = _BYTES[layer.colorDepth()], len(bytes(layer.pixelData(0, 0, 1, 1)))
    alpha = bytearray(len(pixels) // pixel * size)
    for byte in range(size):
        alpha[byte::size] = pixels[pixel - size + byte :: pixel]
    return bytes(alpha)


def _is_painted(document: Document, layer: Node, frame: int | None) -> bool:
    """Return whether any pixel has alpha."""
    strips = _strips(document, layer, frame)
    return any(not _is_zero(strip) and not _is_zero(_alpha_of(layer, strip)) for strip in strips)


def _is_zero(data: bytes) -> bool:
    """Return whether all bytes are 0. Comparing them with zeros is several times faster than looking at each."""
    return data == bytes(len(data))


def _integers(alpha: bytes, depth: str) -> array[int]:
    """Return alpha in 16 bits."""
    if depth == "F16":
        return array("H", map(_half_levels().__getitem__, array("H", alpha)))
    if depth == "F32":
        return array("H", map(_level, array("f", alpha)))
    return array("H", alpha)


@lru_cache(maxsize=1)
def _half_levels() -> list[int]:
    """Return the level of every half float, by its bits."""
    return [_level(value) for value in struct.unpack("65536e", array("H", range(65536)).tobytes())]


def _level(value: float) -> int:
    """Return the level of an alpha, 0 if it is not a number."""
    return round(_MAXIMUM * min(1.0, max(0.0, value)))


def _is_group(node: Node) -> bool:
    return bool(node.type() == "grouplayer")
