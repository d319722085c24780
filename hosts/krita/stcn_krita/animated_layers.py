"""Paint layers with keyframes at given frames, which Krita's Python can read but not create.

Krita saves a hidden document with animated layers; the keyframes are added to that file, and Krita opens it again.
Cloning a layer of such a document into another one takes its keyframes along.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from krita import Document, Krita, Node
from PyQt5.QtCore import QRect, QTimer
from PyQt5.QtWidgets import QApplication

from stcn_plugin.errors import HostError

_SIDE = 8
"""Size of the document in pixels: its layers may be larger, and Krita saves and updates only what is inside."""

_ACTIVATION = 300
"""Milliseconds after which Krita has made a new layer active."""

_ENDING = ".keyframes.xml"
_KEYFRAMES = """\
<?xml version="1.0" encoding="UTF-8"?>
<keyframes xmlns="http://www.calligra.org/DTD/krita-keyframes">
 <channel name="content">{keyframes}</channel>
</keyframes>
"""
_KEYFRAME = '<keyframe frame="{file}" time="{frame}" color-label="0"><offset type="point" x="0" y="0"/></keyframe>'


def hidden_document(names: Sequence[str], frames: Iterable[int], *, depth: str, profile: str = "") -> Document:
    """Return a document without a view, with empty paint layers that have keyframes at the same frames.

    They are above the layer that every new document has.

    Args:
        names: Names of the layers, from the bottom.
        frames: Frames of the keyframes.
        depth: Krita's name of the depth of RGBA pixels: ``U8``, ``U16``, ``F16`` or ``F32``.
        profile: Name of the colour profile; empty for Krita's default.

    Raises:
        HostError: Krita cannot save or open the file, or there is no folder for temporary files.
    """
    try:
        return _hidden_document(names, sorted(set(frames)), depth, profile)
    except OSError as error:
        raise HostError(
            f"Krita cannot create animated layers ({error.strerror})",
            where=error.filename or tempfile.gettempdir(),
            fix="Check that the disk for temporary files is not full",
        ) from error


def _hidden_document(names: Sequence[str], frames: Sequence[int], depth: str, profile: str) -> Document:
    application = Krita.instance()
    with tempfile.TemporaryDirectory(prefix="stcn-") as folder, quiet():
        file = Path(folder) / "layers.kra"
        document = application.createDocument(_SIDE, _SIDE, "stcn", "RGBA", depth, profile, 72.0)
        for name in names:
            node = document.createNode(name, "paintlayer")
            document.rootNode().addChildNode(node, None)
            node.enableAnimation()
        document.waitForDone()
        is_saved = document.saveAs(str(file))
        document.waitForDone()
        discard(document)
        if is_saved:
            _add_keyframes(file, frames)
            document = application.openDocument(str(file))
        if not is_saved or document is None:
            raise HostError("Krita cannot create animated layers", where=folder, fix="Check that the disk is not full")
        document.waitForDone()
        return document


def load_file(document: Document, node: Node, frame: int, file: Path) -> bool:
    """Replace the pixels of a layer at a keyframe by those of an image file, in the colour space of the layer.

    Args:
        document: A hidden document; its current frame changes.
        node: Its layer.
        frame: Frame of a keyframe.
        file: The image; several layers are flattened.

    Returns:
        Whether Krita could open the file.
    """
    with quiet():
        opened = Krita.instance().openDocument(str(file))
    if opened is None:
        return False
    opened.waitForDone()
    if len(opened.topLevelNodes()) > 1:
        opened.flatten()
        opened.waitForDone()
    source = opened.topLevelNodes()[0]
    if _colour_space(source) != _colour_space(node):
        opened.setColorSpace("RGBA", node.colorDepth(), node.colorProfile())
        opened.waitForDone()
    document.setCurrentTime(frame)
    document.waitForDone()
    copy_pixels(source, node, (opened.width(), opened.height()))
    discard(opened)
    return True


def copy_pixels(source: Node, target: Node, size: tuple[int, int]) -> None:
    """Replace the pixels of a layer by those of another one of the same colour space, at the current frames of both.

    Only the area that has pixels is written, since Krita stores all pixels of an area that was written, and the bounds
    that Krita returns leave out pixels that are nearly transparent.

    Args:
        source: The layer to copy.
        target: The layer that is changed.
        size: Width and height of the image.
    """
    pixels = bytes(source.pixelData(0, 0, *size))
    area = _area(pixels, size).united(_area(bytes(target.pixelData(0, 0, *size)), size))
    if not area.isEmpty():
        stride, pixel = len(pixels) // size[1], len(pixels) // (size[0] * size[1])
        left, right = area.left() * pixel, (area.right() + 1) * pixel
        rows = (pixels[row * stride + left : row * stride + right] for row in range(area.top(), area.bottom() + 1))
        target.setPixelData(b"".join(rows), area.x(), area.y(), area.width(), area.height())


def activate(document: Document, node: Node) -> None:
    """Make a layer active, which Krita does only in a window that is active itself."""
    if QApplication.activeWindow() is None:
        QApplication.setActiveWindow(Krita.instance().windows()[0].qwindow())
    document.setActiveNode(node)


def keep_active(document: Document, node: Node | None, *, tries: int = 10) -> None:
    """Make a layer active again, after Krita has made a new layer active.

    Args:
        document: The document.
        node: The layer; ``None`` does nothing.
        tries: Number of times to try: Krita ignores a new layer until its window knows it, which takes longer under load.
    """

    def attempt() -> None:
        activate(document, node)
        if document.activeNode() != node:
            keep_active(document, node, tries=tries - 1)

    if node is not None and tries:
        QTimer.singleShot(_ACTIVATION, attempt)


def discard(document: Document) -> None:
    """Close a hidden document without saving it."""
    document.waitForDone()
    document.setModified(False)
    document.close()


@contextmanager
def quiet() -> Iterator[None]:
    """Let Krita open and save files without dialogs."""
    application = Krita.instance()
    before = application.batchmode()
    application.setBatchmode(True)
    try:
        yield
    finally:
        application.setBatchmode(before)


def _add_keyframes(file: Path, frames: Sequence[int]) -> None:
    """Add empty keyframes to all animated layers of a Krita file, which are empty and have no keyframe."""
    with zipfile.ZipFile(file) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    for name in [each for each in contents if each.endswith(_ENDING)]:
        path = name[: -len(_ENDING)]
        keyframes = []
        for number, frame in enumerate(frames):
            copy = (
                f"{path}.f{number}" if number else path
            )  # Krita expects the pixels of the layer among those of the frames
            for ending in ("", ".defaultpixel"):
                contents[copy + ending] = contents[path + ending]
            keyframes.append(_KEYFRAME.format(file=copy.rpartition("/")[2], frame=frame))
        contents[name] = _KEYFRAMES.format(keyframes="".join(keyframes)).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def _colour_space(node: Node) -> tuple[str, str, str]:
    return node.colorModel(), node.colorDepth(), node.colorProfile()


def _area(pixels: bytes, size: tuple[int, int]) -> QRect:
    """Return the smallest area with all pixels that are not 0."""
    stride = len(pixels) // size[1]
    used, merged = [], 0
    for row in range(size[1]):
        bits = int.from_bytes(pixels[row * stride : (row + 1) * stride], "big")
        if bits:
            used.append(row)
            merged |= bits
    if not used:
        return QRect()
    columns, pixel = merged.to_bytes(stride, "big"), stride // size[0]
    left = (stride - len(columns.lstrip(b"\0"))) // pixel
    right = -(-len(columns.rstrip(b"\0")) // pixel)
    return QRect(left, used[0], right - left, used[-1] - used[0] + 1)
