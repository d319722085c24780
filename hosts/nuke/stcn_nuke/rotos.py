"""Keyframes out of a script: at which frames a roto has keys, and its alpha there as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import nuke
import nuke.rotopaint

from stcn_nuke.orders import Source
from stcn_nuke.paths import frame_file
from stcn_nuke.rendering import full_size, write_frames
from stcn_nuke.selection import ROTOS, node_named, object_names
from stcn_plugin.bridge import KeyframeFile
from stcn_plugin.errors import HostError

_ALPHA = "rgba.alpha"


def key_frames(node: nuke.Node, within: Sequence[int]) -> tuple[int, ...]:
    """Return the frames at which a roto has keys: its shapes, strokes and layers, or any node's animated knobs.

    Args:
        node: The roto.
        within: Frames of the shot; keys outside of it do not count.

    Raises:
        HostError: There is no key among these frames.
    """
    keys = _keys(node).intersection(within)
    if not keys:
        raise HostError(
            f"'{node.name()}' has no key between {min(within)} and {max(within)}",
            fix="Draw or key it there, or name the keyframes' frames",
        )
    return tuple(sorted(keys))


def sources_to_update(known: Sequence[str], frame: int) -> tuple[str, ...]:
    """Return the sources that an update is most likely about: what was not redrawn must not become a keyframe.

    Those that are selected: any roto, or another node that gave keyframes before. Else those of before that have a key
    at the frame. Else all of them.

    Args:
        known: Names of the nodes that gave keyframes before.
        frame: The frame that the artist looks at.
    """
    nodes = reversed(nuke.selectedNodes())
    picked = [node.fullName() for node in nodes if node.Class() in ROTOS or node.fullName() in known]
    there = [(name, nuke.toNode(name)) for name in known]
    keyed = [name for name, node in there if node is not None and frame in _keys(node)]
    return tuple(picked or keyed or known)


def render_keyframes(sources: Sequence[Source], folder: str, stem: str, like: nuke.Format) -> tuple[KeyframeFile, ...]:
    """Write the alpha of every source at its frames, at the plate's format.

    Args:
        sources: Nodes and frames.
        folder: Where the files go.
        stem: What their names begin with.
        like: The plate's format.

    Raises:
        HostError: A source is not there, has no alpha or cannot be rendered.
        CancelledError: The artist cancelled the rendering.
    """
    names = object_names([source.node for source in sources])
    keyframes = []
    with full_size():
        for source in sources:
            node, name = node_named(source.node), names[source.node]
            if _ALPHA not in node.channels():
                raise HostError(
                    f"'{source.node}' has no alpha", fix="Choose a Roto, or a node with a matte in its alpha"
                )
            pattern = f"{folder}/{stem}.{name}.####.exr".replace("\\", "/")
            files = {frame: frame_file(pattern, frame) for frame in source.frames}
            write_frames(node, files, channels="alpha", like=like)
            keyframes += [KeyframeFile(frame, file, {name: "A"}) for frame, file in files.items()]
    return tuple(keyframes)


def _keys(node: nuke.Node) -> set[int]:
    curves = node.knob("curves")
    times = _curve_times(curves.rootLayer) if curves is not None else _knob_times(node)
    return {round(time) for time in times}


def _curve_times(layer: nuke.rotopaint.Layer) -> Iterator[float]:
    """Yield the times of all keys in a layer of curves and in those inside it."""
    yield from layer.getTransform().getTransformKeyTimes()
    for element in layer:
        if isinstance(element, nuke.rotopaint.Layer):
            yield from _curve_times(element)
        elif isinstance(element, nuke.rotopaint.Shape):
            yield from element.getTransform().getTransformKeyTimes()
            for point in element:
                yield from point.center.getControlPointKeyTimes()
        elif isinstance(element, nuke.rotopaint.Stroke):
            for point in element:
                yield from point.getControlPointKeyTimes()


def _knob_times(node: nuke.Node) -> Iterator[float]:
    for knob in node.allKnobs():
        if knob.isAnimated():
            yield from knob.getKeyList()
