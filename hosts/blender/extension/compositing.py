"""Mattes in the compositor: Image and Cryptomatte nodes, connected to one Set Alpha node per object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from stcn_plugin.bridge import Report
from stcn_plugin.bridge.files import frame_path, pattern_name
from stcn_plugin.bridge.numbered_file import NumberedFile

from .matte_group import MatteGroup
from .node_trees import HAS_NODE_GROUPS, ensure_tree, output_node
from .plates import MATTES_PROPERTY, Plate, shows_plate
from .shot_settings import ShotSettings

_OBJECT = "stcn_object"
_SHOT = "stcn_shot"
_UNFINISHED = ", not finished"
_COLUMN_WIDTH = 320.0
_IMAGE_HEIGHT, _CRYPTOMATTE_HEIGHT, _SET_ALPHA_HEIGHT = 640.0, 480.0, 220.0


@dataclass(frozen=True)
class FrameSpan:
    """The files that a node shows.

    Args:
        first: Number of the first file.
        count: Number of files.
        shift: Number of a file minus the frame of the scene that shows it.
    """

    first: int
    count: int
    shift: int

    def set_on(self, node: Any) -> None:
        """Make a node show them: file number = frame - start + 1 + offset."""
        node.frame_start = self.first - self.shift
        node.frame_offset = self.first - 1
        node.frame_duration = self.count
        node.use_auto_refresh = True


def deliver(
    scene: bpy.types.Scene, settings: ShotSettings, report: Report, *, shot_file: str, written: int | None = None
) -> None:
    """Add the mattes of a job to a scene's compositor; nodes of an earlier job are updated.

    Since Blender 5, the mattes are in a node group, which is an asset.

    Args:
        scene: The scene.
        settings: The settings of the job.
        report: The result of the job; nodes show the whole shot even if only some of its frames were written.
        shot_file: The shot file, stored on the nodes.
        written: A frame whose mattes are on disk, while others may be missing; ``None`` if all are.
    """
    tree = ensure_tree(scene)
    span = FrameSpan(report.first, report.last - report.first + 1, settings.plate.shift)
    plate = _plate_node(tree, settings.plate)
    nodes = _MatteNodes(tree, plate.location, shot_file)
    if HAS_NODE_GROUPS:
        group = MatteGroup(settings.out_pattern, report.objects, pattern_name(settings.out_pattern))
        inside = _MatteNodes(group.tree, (0.0, 0.0), shot_file)
        group.connect({name: socket for name, _, socket in _sockets(inside, report, span, written)})
        inside.remove_unused()
        sockets = _group_sockets(nodes, group, plate, report, is_done=written is None)
    else:
        sockets = list(_sockets(nodes, report, span, written))
    for row, (name, pattern, socket) in enumerate(sockets):
        if settings.wiring == "SET_ALPHA":
            _connect(nodes, plate, pattern, name, socket, row)
    nodes.remove_unused()
    output = output_node(tree)
    if output and not output.inputs[0].is_linked and nodes.alphas:
        tree.links.new(nodes.alphas[0].outputs[0], output.inputs[0])
    _add_viewer(nodes)


def reload_images(frame: int, files: Sequence[str]) -> None:
    """Reload the images that show the mattes of a frame.

    Args:
        frame: Frame number of the plate.
        files: The files of the frame.
    """
    for image in bpy.data.images:
        pattern = image.get(MATTES_PROPERTY)
        if pattern and frame_path(pattern, frame) in files:
            image.reload()


class _MatteNodes:
    """The nodes of this extension in a tree, identified by custom properties and not by name."""

    def __init__(self, tree: Any, origin: Any, shot_file: str) -> None:
        self.tree = tree
        self.alphas: list[Any] = []
        self._used: set[tuple[str, str, str]] = set()
        self._origin = tuple(origin)
        self._shot_file = shot_file

    def node(self, kind: str, pattern: str, name: str, column: int, down: float) -> tuple[Any, bool]:
        """Return the node of a type for mattes and an object, and whether it is new."""
        self._used.add((kind, pattern, name))
        for node in self.tree.nodes:
            if _identity(node) == (kind, pattern, name):
                node[_SHOT] = self._shot_file
                return node, False
        node = self.tree.nodes.new(kind)
        node[MATTES_PROPERTY], node[_OBJECT], node[_SHOT] = pattern, name, self._shot_file
        node.location = self._origin[0] + column * _COLUMN_WIDTH, self._origin[1] - down
        return node, True

    def remove_unused(self) -> None:
        """Remove the nodes of an earlier layout or of objects that are gone, unless the artist has connected them."""
        for node in [each for each in self.tree.nodes if each.get(_SHOT) == self._shot_file]:
            if _identity(node) not in self._used and not any(socket.is_linked for socket in node.outputs):
                self.tree.nodes.remove(node)


def _identity(node: Any) -> tuple[str, str, str]:
    """Return type, mattes and object of a node; a pasted copy has the same."""
    return node.bl_idname, node.get(MATTES_PROPERTY, ""), node.get(_OBJECT, "")


def _group_sockets(
    nodes: _MatteNodes, group: MatteGroup, plate: Any, report: Report, *, is_done: bool
) -> list[tuple[str, str, Any]]:
    """Return every object with the pattern and the socket of its matte, which are those of the group's node."""
    node, is_new = nodes.node("CompositorNodeGroup", group.pattern, "", 1, _IMAGE_HEIGHT)
    if is_new:
        node.node_tree = group.tree
        nodes.tree.links.new(plate.outputs["Image"], node.inputs[0])
    node.label = group.tree.name if is_done else f"{group.tree.name}{_UNFINISHED}"
    return [(name, report.patterns[name], node.outputs[group.socket_of(name)]) for name in report.objects]


def _add_viewer(nodes: _MatteNodes) -> None:
    """Show the first object in the backdrop of the compositor, unless the artist has a Viewer."""
    kind = "CompositorNodeViewer"
    if nodes.alphas and not any(node.bl_idname == kind for node in nodes.tree.nodes):
        viewer = nodes.tree.nodes.new(kind)
        viewer.location = nodes.alphas[0].location.x + _COLUMN_WIDTH, nodes.alphas[0].location.y
        nodes.tree.links.new(nodes.alphas[0].outputs[0], viewer.inputs[0])


def _sockets(
    nodes: _MatteNodes, report: Report, span: FrameSpan, written: int | None
) -> Iterator[tuple[str, str, Any]]:
    """Yield every object with the pattern and the socket of its matte."""
    image_nodes: dict[str, Any] = {}
    for row, name in enumerate(report.objects):
        pattern = report.patterns[name]
        if pattern not in image_nodes:
            image_nodes[pattern] = _image_node(nodes, pattern, span, written, row=len(image_nodes) + 1)
            label = name if report.layout == "per_object" else "Mattes"
            image_nodes[pattern].label = label if written is None else f"{label}{_UNFINISHED}"
        node = image_nodes[pattern]
        if report.layout == "cryptomatte":
            yield name, pattern, _cryptomatte(nodes, node, pattern, name, row).outputs["Matte"]
        elif report.layout == "layers":
            yield name, pattern, node.outputs[report.layers[name]]
        else:
            has_alpha = pattern.lower().endswith(".exr")
            yield name, pattern, node.outputs["Alpha" if has_alpha else "Image"]


def _image_node(nodes: _MatteNodes, pattern: str, span: FrameSpan, written: int | None, *, row: int) -> Any:
    """Return the Image node of matte files, reloaded from disk."""
    node, _ = nodes.node("CompositorNodeImage", pattern, "", 0, row * _IMAGE_HEIGHT)
    image = next((each for each in bpy.data.images if each.get(MATTES_PROPERTY) == pattern), None)
    first = frame_path(pattern, span.first if written is None else written)
    if image is None:
        image = bpy.data.images.load(first)
        image.name = f"{NumberedFile.parse(first).stem} mattes"
        image[MATTES_PROPERTY] = pattern
    else:
        image.filepath = first
    image.colorspace_settings.name = "Non-Color"
    node.image = image  # as a single file, so that its layers become sockets at any frame of the scene
    if image.source != "SEQUENCE":
        image.source = "SEQUENCE"
    span.set_on(node)
    image.reload()
    return node


def _cryptomatte(nodes: _MatteNodes, mattes: Any, pattern: str, name: str, row: int) -> Any:
    """Return the Cryptomatte node that extracts an object by name."""
    node, _ = nodes.node("CompositorNodeCryptomatteV2", pattern, name, 1, _IMAGE_HEIGHT + row * _CRYPTOMATTE_HEIGHT)
    node.label = name
    node.source = "IMAGE"
    node.image = mattes.image
    node.frame_start, node.frame_offset = mattes.frame_start, mattes.frame_offset
    node.frame_duration, node.use_auto_refresh = mattes.frame_duration, True
    node.matte_id = name
    # Blender 4.2 renders the first image wrong unless the same image is connected here.
    nodes.tree.links.new(mattes.outputs[0], node.inputs["Image"])
    return node


def _connect(nodes: _MatteNodes, plate: Any, pattern: str, name: str, socket: Any, row: int) -> None:
    """Connect plate and matte to the object's Set Alpha node, unless the artist has connected other nodes."""
    node, is_new = nodes.node("CompositorNodeSetAlpha", pattern, name, 2, row * _SET_ALPHA_HEIGHT)
    node.label = name
    alpha = node.inputs["Alpha"]
    if is_new:
        nodes.tree.links.new(plate.outputs["Image"], node.inputs["Image"])
    if not alpha.is_linked or MATTES_PROPERTY in alpha.links[0].from_node:
        nodes.tree.links.new(socket, alpha)
    nodes.alphas.append(node)


def _plate_node(tree: Any, plate: Plate) -> Any:
    """Return the node that shows the plate; a new one, of all its frames, if there is none."""
    found = next((node for node in tree.nodes if shows_plate(node, plate)), None)
    if found:
        return found
    left = min((node.location.x for node in tree.nodes), default=0.0)
    lowest = min((node.location.y for node in tree.nodes), default=0.0)
    node = tree.nodes.new("CompositorNodeMovieClip" if plate.is_clip else "CompositorNodeImage")
    node.location = left, lowest - _IMAGE_HEIGHT
    node.label = Path(plate.files.pattern).name
    if plate.is_clip:
        node.clip = bpy.data.movieclips[plate.block]
    else:
        node.image = bpy.data.images[plate.block]
        numbers = plate.files.numbers_on_disk() or [int(plate.files.number)]
        FrameSpan(numbers[0], numbers[-1] - numbers[0] + 1, plate.shift).set_on(node)
    return node
