"""The mattes in the compositor: image nodes beside the plate's, Cryptomatte where asked for, wired by object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from stcn_plugin.bridge import Report
from stcn_plugin.frames import padded

from .choices import Choices
from .plates import MATTES_MARK, Plate, shows_plate
from .sequences import Numbered
from .trees import ensure_tree, output_node

_OBJECT = "stcn_object"
_SHOT = "stcn_shot"
_COLUMN = 320.0
_IMAGE, _CRYPTOMATTE, _ALPHA = 640.0, 480.0, 220.0
"""Height of a row of such nodes."""


@dataclass(frozen=True)
class FrameSpan:
    """Which files a node shows, and where.

    Args:
        first: Number of the first file.
        count: Number of files.
        shift: Number of a file minus the scene's frame it stands at.
    """

    first: int
    count: int
    shift: int

    def set_on(self, node: Any) -> None:
        """Have a node show them: file number = frame - start + 1 + offset."""
        node.frame_start = self.first - self.shift
        node.frame_offset = self.first - 1
        node.frame_duration = self.count
        node.use_auto_refresh = True


def deliver(scene: bpy.types.Scene, choices: Choices, report: Report, *, shot_file: str) -> None:
    """Bring the mattes of a report into a scene's compositor; what an earlier job brought is refreshed.

    Args:
        scene: The scene.
        choices: What was chosen for the job.
        report: What was written; nodes show the whole shot, also where only some frames of it were.
        shot_file: The shot file, kept on the nodes.
    """
    tree = ensure_tree(scene)
    span = FrameSpan(report.first, report.last - report.first + 1, choices.plate.shift)
    plate = _plate_node(tree, choices.plate, span)
    nodes = _Nodes(tree, plate.location, shot_file)
    for row, (name, pattern, socket) in enumerate(_sockets(nodes, report, span)):
        if choices.wiring == "SET_ALPHA":
            _wire(nodes, plate, pattern, name, socket, row)
    output = output_node(tree)
    if output and not output.inputs[0].is_linked and nodes.alphas:
        tree.links.new(nodes.alphas[0].outputs[0], output.inputs[0])


class _Nodes:
    """The nodes that this extension keeps in a tree, known by the mattes they are about and not by their names."""

    def __init__(self, tree: Any, origin: Any, shot_file: str) -> None:
        self.tree = tree
        self.alphas: list[Any] = []
        self._origin = tuple(origin)
        self._shot_file = shot_file

    def keep(self, kind: str, pattern: str, name: str, column: int, down: float) -> tuple[Any, bool]:
        """Return the node of a kind for mattes and an object, and whether it is new."""
        for node in self.tree.nodes:
            if node.bl_idname == kind and node.get(MATTES_MARK) == pattern and node.get(_OBJECT, "") == name:
                node[_SHOT] = self._shot_file
                return node, False
        node = self.tree.nodes.new(kind)
        node[MATTES_MARK], node[_OBJECT], node[_SHOT] = pattern, name, self._shot_file
        node.location = self._origin[0] + column * _COLUMN, self._origin[1] - down
        return node, True


def _sockets(nodes: _Nodes, report: Report, span: FrameSpan) -> Iterator[tuple[str, str, Any]]:
    """Yield every object with its pattern and the socket that has its matte."""
    below: dict[str, Any] = {}
    for row, name in enumerate(report.objects):
        pattern = report.patterns[name]
        if pattern not in below:
            below[pattern] = _matte_node(nodes, pattern, span, row=len(below) + 1)
            below[pattern].label = name if report.layout == "per_object" else "Mattes"
        node = below[pattern]
        if report.layout == "cryptomatte":
            yield name, pattern, _cryptomatte(nodes, node, pattern, name, row).outputs["Matte"]
        elif report.layout == "layers":
            yield name, pattern, node.outputs[report.layers[name]]
        else:
            has_alpha = pattern.lower().endswith(".exr")
            yield name, pattern, node.outputs["Alpha" if has_alpha else "Image"]


def _matte_node(nodes: _Nodes, pattern: str, span: FrameSpan, *, row: int) -> Any:
    """Return the image node of matte files, showing what is on disk now."""
    node, _ = nodes.keep("CompositorNodeImage", pattern, "", 0, row * _IMAGE)
    image = next((each for each in bpy.data.images if each.get(MATTES_MARK) == pattern), None)
    first = _file(pattern, span.first)
    if image is None:
        image = bpy.data.images.load(first)
        image.name = f"{Numbered.parse(first).stem} mattes"
        image[MATTES_MARK] = pattern
    else:
        image.filepath = first
    image.colorspace_settings.name = "Non-Color"
    node.image = image  # while it is a single file: its layers become sockets whatever frame the scene is at
    if image.source != "SEQUENCE":
        image.source = "SEQUENCE"
    span.set_on(node)
    image.reload()
    return node


def _cryptomatte(nodes: _Nodes, mattes: Any, pattern: str, name: str, row: int) -> Any:
    """Return the Cryptomatte node that picks an object by its name."""
    node, _ = nodes.keep("CompositorNodeCryptomatteV2", pattern, name, 1, _IMAGE + row * _CRYPTOMATTE)
    node.label = name
    node.source = "IMAGE"
    node.image = mattes.image
    node.frame_start, node.frame_offset = mattes.frame_start, mattes.frame_offset
    node.frame_duration, node.use_auto_refresh = mattes.frame_duration, True
    node.matte_id = name
    # Blender 4.2 takes the first picture wrong unless the same image comes in here.
    nodes.tree.links.new(mattes.outputs[0], node.inputs["Image"])
    return node


def _wire(nodes: _Nodes, plate: Any, pattern: str, name: str, socket: Any, row: int) -> None:
    """Give the plate an object's matte as its alpha; links that the artist made stay."""
    node, is_new = nodes.keep("CompositorNodeSetAlpha", pattern, name, 2, row * _ALPHA)
    node.label = name
    alpha = node.inputs["Alpha"]
    if is_new:
        nodes.tree.links.new(plate.outputs["Image"], node.inputs["Image"])
    if not alpha.is_linked or MATTES_MARK in alpha.links[0].from_node:
        nodes.tree.links.new(socket, alpha)
    nodes.alphas.append(node)


def _plate_node(tree: Any, plate: Plate, span: FrameSpan) -> Any:
    """Return the node that shows the plate; made where the plate was chosen elsewhere."""
    found = next((node for node in tree.nodes if shows_plate(node, plate)), None)
    if found:
        return found
    left = min((node.location.x for node in tree.nodes), default=0.0)
    low = min((node.location.y for node in tree.nodes), default=0.0)
    node = tree.nodes.new("CompositorNodeMovieClip" if plate.is_clip else "CompositorNodeImage")
    node.location = left, low - _IMAGE
    node.label = Path(plate.files.pattern).name
    if plate.is_clip:
        node.clip = bpy.data.movieclips[plate.block]
    else:
        node.image = bpy.data.images[plate.block]
        span.set_on(node)
    return node


def _file(pattern: str, number: int) -> str:
    """Return the file of a frame pattern of the worker, whose frame number is the last run of ``#``."""
    path = Path(pattern)
    last = list(re.finditer("#+", path.name))[-1]
    return str(path.with_name(f"{path.name[: last.start()]}{padded(number, len(last[0]))}{path.name[last.end() :]}"))
