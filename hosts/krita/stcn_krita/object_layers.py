"""The layers that the artist paints on: one per object, in a group, with keyframes."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable
from pathlib import Path

from krita import Document, GroupLayer, Node
from PyQt5.QtGui import QImage

from stcn_plugin.errors import HostError

OBJECTS = "Objects"
"""Name of the group."""

_BYTES = {"U8": 1, "U16": 2, "F16": 2, "F32": 4}
_MAXIMUM = 65535


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
    return [frame for frame in keys if frame or any(_alpha_at(document, layer, 0))]


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
    alpha = _alpha_at(document, layer, frame)
    if not any(alpha):
        return False
    width, height = document.width(), document.height()
    image = QImage(width, height, QImage.Format_Grayscale16 if isinstance(alpha, array) else QImage.Format_Grayscale8)
    row = width * image.depth() // 8
    for line in range(height):
        pixels = image.scanLine(line)
        pixels.setsize(row)
        pixels[:] = memoryview(alpha).cast("B")[line * row : (line + 1) * row].tobytes()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostError(f"the folder cannot be created ({error.strerror})", where=str(file.parent)) from None
    if not image.save(str(file), "PNG"):
        raise HostError("the keyframe cannot be written", where=str(file), fix="Check the folder of the mattes")
    return True


def _alpha_at(document: Document, layer: Node, frame: int | None) -> bytes | array[int]:
    area = (0, 0, document.width(), document.height())
    data = bytes(layer.pixelData(*area) if frame is None else layer.pixelDataAtTime(*area, frame))
    return _alpha(data, layer.colorDepth(), area[2] * area[3])


def _alpha(data: bytes, depth: str, count: int) -> bytes | array[int]:
    """Return the alpha of pixels, the last of their channels, in 8 bits if it has no more, else in 16."""
    size = _BYTES[depth]
    pixel = len(data) // count if count else 0
    if not pixel:
        return b""
    if depth == "U8":
        return data[pixel - 1 :: pixel]
    alpha = bytearray(size * count)
    for byte in range(size):
        alpha[byte::size] = data[pixel - size + byte :: pixel]
    if depth == "U16":
        return array("H", bytes(alpha))
    values = struct.unpack(f"{'<' if sys.byteorder == 'little' else '>'}{count}{'e' if depth == 'F16' else 'f'}", alpha)
    return array("H", [round(_MAXIMUM * min(1.0, max(0.0, value))) for value in values])


def _is_group(node: Node) -> bool:
    return bool(node.type() == "grouplayer")
