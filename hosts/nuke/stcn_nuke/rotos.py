"""Keyframes from nodes: the frames at which a roto has keys, and its alpha rendered at these frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import nuke
import nuke.rotopaint

from stcn_nuke.jobs import KeyframeSource
from stcn_nuke.knob_text import forward
from stcn_nuke.rendering import full_size, write_frames
from stcn_nuke.selection import ROTOS, node_named, object_names
from stcn_plugin.bridge import JobRequest, KeyframeFile
from stcn_plugin.bridge.files import keyframe_path
from stcn_plugin.errors import HostError

_ALPHA = "rgba.alpha"


def key_frames(node: nuke.Node, within: Sequence[int]) -> tuple[int, ...]:
    """Return the frames at which the shapes, strokes and layers of a roto, or the knobs of another node, have keys.

    Args:
        node: The node.
        within: Frames of the shot; keys outside it are ignored.

    Raises:
        HostError: The node has no key within the shot.
    """
    keys = _keys(node).intersection(within)
    if not keys:
        raise HostError(
            f"'{node.name()}' has no key between {min(within)} and {max(within)}",
            fix="Set a key there, or list the frames of the keyframes",
        )
    return tuple(sorted(keys))


def current_sources(sources: Sequence[KeyframeSource], shot: Sequence[int]) -> tuple[KeyframeSource, ...]:
    """Return the sources of a job with the keyframes that they have now.

    A source that follows its keys is a keyframe where it has keys. Another one keeps its frames, and the current frame is
    added if the source has a key there or is selected. Other selected rotos become sources at the current frame.

    Args:
        sources: The sources of the last job.
        shot: Frames of the shot.

    Raises:
        HostError: A source is gone, or has no key within the shot any more.
    """
    frame = nuke.frame()
    selected = [node.fullName() for node in reversed(nuke.selectedNodes())]
    found = []
    for source in sources:
        node, frames = node_named(source.node), source.frames
        if source.follows_keys:
            frames = key_frames(node, shot)
        elif frame in shot and (source.node in selected or frame in _keys(node)):
            frames = tuple(sorted({*frames, frame}))
        found.append(replace(source, frames=frames))
    known = {source.node for source in sources}
    new = [name for name in selected if name not in known and node_named(name).Class() in ROTOS]
    return (*found, *(KeyframeSource(name, (frame,)) for name in new))


def render_keyframes(
    sources: Sequence[KeyframeSource], request: JobRequest, folder: str, like: nuke.Format
) -> tuple[KeyframeFile, ...]:
    """Render the alpha of every source at its frames.

    Args:
        sources: Nodes and frames.
        request: The job, which names the files.
        folder: Folder of the files.
        like: Format of the plate.

    Raises:
        HostError: A source is missing, has no alpha or cannot be rendered.
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
            files = {frame: forward(keyframe_path(request, folder, name, frame)) for frame in source.frames}
            write_frames(node, files, channels="alpha", like=like)
            keyframes += [KeyframeFile(frame, file, {name: "A"}) for frame, file in files.items()]
    return tuple(keyframes)


def _keys(node: nuke.Node) -> set[int]:
    curves = node.knob("curves")
    times = _curve_times(cast("Any", curves).rootLayer) if curves is not None else _knob_times(node)
    return {round(time) for time in times}


def _curve_times(layer: nuke.rotopaint.Layer) -> Iterator[float]:
    """Yield the times of all keys in a layer of curves, including nested layers."""
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
