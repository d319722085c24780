"""The layers that the artist paints on: one per object, in a group, with keyframes."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from functools import lru_cache
from math import isfinite
from pathlib import Path

from krita import Document, GroupLayer, Node
from PyQt5.QtGui import QImage

from stcn_plugin.errors import HostError

OBJECTS = "Objects"
"""Name of the group."""

_BYTES = {"U8": 1, "U16": 2, "F16": 2, "F32": 4}
_MAXIMUM = 65535
"""Level of an opaque pixel in 16 bits."""


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
    return [frame for frame in keys if frame or _is_painted(_alpha_bytes(document, layer, 0))]


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
    alpha = _alpha_bytes(document, layer, frame)
    if not _is_painted(alpha):
        return False
    depth, size = layer.colorDepth(), (document.width(), document.height())
    grey = alpha if depth == "U8" else _integers(alpha, depth).tobytes()
    form = QImage.Format_Grayscale8 if depth == "U8" else QImage.Format_Grayscale16
    image = QImage(grey, *size, len(grey) // size[1], form)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostError(f"the folder cannot be created ({error.strerror})", where=str(file.parent)) from None
    if not image.save(str(file), "PNG"):
        raise HostError("the keyframe cannot be written", where=str(file), fix="Check the folder of the mattes")
    return True


def _alpha_bytes(document: Document, layer: Node, frame: int | None) -> bytes:
    """Return the alpha of all pixels, the last of their channels, in the numbers of the layer."""
    area = (0, 0, document.width(), document.height())
    data = bytes(layer.pixelData(*area) if frame is None else layer.pixelDataAtTime(*area, frame))
    size, pixel = _BYTES[layer.colorDepth()], len(data) // (area[2] * area[3])
    alpha = bytearray(size * area[2] * area[3] if pixel else 0)
    for byte in range(size if pixel else 0):
        alpha[byte::size] = data[pixel - size + byte :: pixel]
    return bytes(alpha)


def _is_painted(alpha: bytes) -> bool:
    return bool(alpha.strip(b"\0"))


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
    values = struct.unpack("65536e", array("H", range(65536)).tobytes())
    return [_level(value) if isfinite(value) else 0 for value in values]


def _level(value: float) -> int:
    return round(_MAXIMUM * min(1.0, max(0.0, value)))


def _is_group(node: Node) -> bool:
    return bool(node.type() == "grouplayer")
