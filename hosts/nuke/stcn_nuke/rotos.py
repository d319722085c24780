"""Keyframes from nodes: which objects there are and at which frames, and their alpha rendered at these frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import nuke

from stcn_nuke.jobs import KeyframeSource
from stcn_nuke.knob_text import forward
from stcn_nuke.rendering import full_size, write_frames
from stcn_nuke.roto_objects import is_empty, keys_in, objects_in, only_elements
from stcn_nuke.selection import ROTOS, node_named
from stcn_plugin.bridge import JobRequest, KeyframeFile
from stcn_plugin.bridge.files import keyframe_path
from stcn_plugin.errors import HostError

_ALPHA = "rgba.alpha"


def sources_of(names: Sequence[str], shot: Sequence[int]) -> tuple[KeyframeSource, ...]:
    """Return the objects of nodes, each with the frames of its keyframes.

    Objects are keyframes where they have keys in the shot, and those without keys at the current frame.

    Args:
        names: Names of the nodes.
        shot: Frames of the shot.

    Raises:
        HostError: A node does not exist.
    """
    sources = []
    for name in names:
        node = node_named(name)
        for each in objects_in(node):
            source = KeyframeSource(node.fullName(), (), name=each.name, elements=each.elements)
            sources.append(at_own_keys(source, shot))
    return unique_names(sources)


def at_own_keys(source: KeyframeSource, shot: Sequence[int]) -> KeyframeSource:
    """Return a source at the keys that it has in the shot; at the current frame if it has none."""
    keys = tuple(sorted(keys_in(node_named(source.node), source.elements).intersection(shot)))
    return replace(source, frames=keys or (nuke.frame(),), follows_keys=bool(keys))


def unique_names(sources: Sequence[KeyframeSource]) -> tuple[KeyframeSource, ...]:
    """Return sources of which no two have the same object name: others of the same name are numbered."""
    taken: set[str] = set()
    found = []
    for source in sources:
        name, number = source.object_name, 1
        while name in taken:
            number += 1
            name = f"{source.object_name}_{number}"
        taken.add(name)
        found.append(replace(source, name=name))
    return tuple(found)


def key_frames(source: KeyframeSource, within: Sequence[int]) -> tuple[int, ...]:
    """Return the frames at which an object has keys.

    Args:
        source: The object.
        within: Frames of the shot; keys outside it are ignored.

    Raises:
        HostError: It has no key within the shot, or its node does not exist.
    """
    keys = keys_in(node_named(source.node), source.elements).intersection(within)
    if not keys:
        raise HostError(
            f"'{source.object_name}' has no key between {min(within)} and {max(within)}",
            where=source.node,
            fix="Set a key there, or list the frames of the keyframes",
        )
    return tuple(sorted(keys))


def current_sources(sources: Sequence[KeyframeSource], shot: Sequence[int]) -> tuple[KeyframeSource, ...]:
    """Return the sources of a job with the keyframes that they have now.

    A source that follows its keys is a keyframe where it has keys. Another one keeps its frames, and the current frame is
    added if the source has a key there or is selected. Other selected rotos become sources, and so do new groups of a
    roto that is a source.

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
            frames = key_frames(source, shot)
        elif frame in shot and (source.node in selected or frame in keys_in(node, source.elements)):
            frames = tuple(sorted({*frames, frame}))
        found.append(replace(source, frames=frames))
    known = {(source.node, source.elements) for source in sources}
    grouped = {source.node for source in sources if source.elements}
    others = [name for name in selected if name not in {source.node for source in sources}]
    names = [*sorted(grouped), *(name for name in others if node_named(name).Class() in ROTOS)]
    new = [source for source in sources_of(names, shot) if (source.node, source.elements) not in known]
    return unique_names((*found, *new))


def render_keyframes(
    sources: Sequence[KeyframeSource], request: JobRequest, folder: str, like: nuke.Format
) -> tuple[KeyframeFile, ...]:
    """Render the alpha of every source at its frames.

    Args:
        sources: Objects and frames.
        request: The job, which names the files.
        folder: Folder of the files.
        like: Format of the plate.

    Raises:
        HostError: A source is missing, has no alpha or cannot be rendered, or two have the same name.
        CancelledError: The artist cancelled the rendering.
    """
    _check_names(sources)
    keyframes = []
    with full_size():
        for source in sources:
            node, name = node_named(source.node), source.object_name
            if _ALPHA not in node.channels():
                raise HostError(
                    f"'{source.node}' has no alpha", fix="Choose a Roto, or a node with a matte in its alpha"
                )
            if is_empty(node):
                raise HostError(f"nothing is drawn in '{source.node}'", fix="Draw the object on one frame")
            files = {frame: forward(keyframe_path(request, folder, name, frame)) for frame in source.frames}
            with node.parent(), only_elements(node, source.elements) as drawn:
                write_frames(drawn, files, channels="alpha", like=like)
            keyframes += [KeyframeFile(frame, file, {name: "A"}) for frame, file in files.items()]
    return tuple(keyframes)


def _check_names(sources: Sequence[KeyframeSource]) -> None:
    names = [source.object_name for source in sources]
    for source in sources:
        if names.count(source.object_name) > 1:
            raise HostError(
                f"two objects have the name '{source.object_name}'", where=source.node, fix="Give each its own name"
            )
