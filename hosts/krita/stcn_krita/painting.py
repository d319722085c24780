"""Adds objects and keyframes to paint on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from krita import Document, GroupLayer, Krita, Node
from PyQt5.QtWidgets import QApplication

from stcn_plugin.bridge.files import frame_path
from stcn_plugin.errors import HostError

from .animated_layers import activate, copy_pixels, discard, hidden_document, keep_active, load_file
from .object_layers import OBJECTS, find_group, object_layers
from .shot_settings import ShotSettings


def add_object(document: Document, name: str = "") -> None:
    """Add an empty layer with a keyframe at the current frame, and make it active.

    Args:
        document: The active document.
        name: Name of the object; empty for ``object 1`` and so on.
    """
    group = find_group(document, OBJECTS)
    if group is None:
        group = document.createGroupLayer(OBJECTS)
        document.rootNode().addChildNode(group, None)
    document.waitForDone()
    names = {node.name() for node in group.childNodes()}
    free = next(f"object {number}" for number in count(1) if f"object {number}" not in names)
    _add_layer(document, group, name or free, [document.currentTime()])


def add_keyframe(document: Document) -> None:
    """Add a keyframe at the current frame to the object whose layer is active, with its matte there, if there is one.

    Raises:
        HostError: The layer of no object is active, it is locked or hidden, or the frame has a keyframe.
    """
    settings, frame = ShotSettings.of(document), document.currentTime()
    layer = _active_object(document)
    name = layer.name()
    if layer.locked() or not layer.visible():
        raise HostError("Krita does not change a layer that is locked or hidden", where=name, fix="Unlock and show it")
    if not layer.animated():
        still = settings.still.get(layer.uniqueId().toString(), frame)
        layer = _animated(document, layer, still, frame)
        if still == frame:
            return
    elif layer.hasKeyframeAtTime(frame):
        raise HostError("there is a keyframe at this frame", where=name, fix="Paint on it, or go to another frame")
    else:
        QApplication.processEvents()  # the timeline follows the active layer with the next event
        Krita.instance().action("add_blank_frame").trigger()
        document.waitForDone()
    if not layer.hasKeyframeAtTime(frame):
        raise HostError("Krita added no keyframe", where=name, fix="Add one on the timeline: Create Blank Frame")
    if name in settings.patterns:
        _copy_matte(document, layer, Path(frame_path(settings.patterns[name], frame + settings.shift)))
    document.refreshProjection()


def _active_object(document: Document) -> Node:
    """Return the object layer that is active, or the only one."""
    layers, active = object_layers(document), document.activeNode()
    for layer in layers:
        if len(layers) == 1 or layer == active:
            activate(document, layer)
            return layer
    raise HostError("no object is selected", where=document.name(), fix=f"Select a layer of the group {OBJECTS}")


def _animated(document: Document, layer: Node, frame: int, other: int) -> Node:
    """Replace a layer without keyframes by one that has its pixels at a keyframe, and an empty one at another frame."""
    new = _add_layer(document, layer.parentNode(), layer.name(), [frame, other], source=layer)
    layer.remove()
    document.waitForDone()
    return new


def _add_layer(
    document: Document, group: GroupLayer, name: str, frames: Sequence[int], *, source: Node | None = None
) -> Node:
    """Add a layer with keyframes, and make it active.

    Args:
        document: The document.
        group: Where the layer is added.
        name: Name of the layer.
        frames: Frames of the keyframes.
        source: The layer below, whose pixels are copied to the first of them; ``None`` for an empty layer at the top.
    """
    model = source or document
    is_rgb = model.colorModel() == "RGBA"
    hidden = hidden_document(
        [name],
        frames,
        depth=model.colorDepth() if is_rgb else "U8",
        profile=model.colorProfile() if is_rgb else "",
    )
    layer = hidden.topLevelNodes()[-1]
    if source is not None:
        hidden.setCurrentTime(frames[0])
        hidden.waitForDone()
        copy_pixels(source, layer, (document.width(), document.height()))
    new = layer.clone()
    discard(hidden)
    group.addChildNode(new, source)
    document.waitForDone()
    keep_active(document, new)
    return new


def _copy_matte(document: Document, layer: Node, file: Path) -> None:
    """Paint a matte on a layer at the current frame."""
    if not file.is_file():
        return
    hidden = hidden_document(["matte"], [0], depth=layer.colorDepth(), profile=layer.colorProfile())
    matte = hidden.topLevelNodes()[-1]
    if load_file(hidden, matte, 0, file):
        copy_pixels(matte, layer, (document.width(), document.height()))
    discard(hidden)
