"""Mattes in the script: Reads, Copies that add them to the plate's channels, and a backdrop around them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import nuke

from stcn_nuke.jobs import PropagateJob
from stcn_nuke.knob_text import forward, set_file, set_text
from stcn_nuke.matte_nodes import Origin, find_nodes, reload_reads, tag_node
from stcn_plugin.bridge import JobRequest, Report
from stcn_plugin.bridge.files import pattern_name
from stcn_plugin.errors import HostError

if TYPE_CHECKING:
    Channels = list[tuple[str, str]]

_PER_COPY = 4  # channels of one Copy
_COLUMN, _ROW = 200, 90
_COLOUR = 0x2A4D5CFF
_UNFINISHED = "not finished"


def deliver(job: PropagateJob, request: JobRequest, report: Report, *, is_done: bool = True) -> None:
    """Add a job's mattes to the script, or reload those of an earlier run.

    Nodes of an earlier run are kept with their connections; missing nodes are added and unused ones removed.

    Args:
        job: The job.
        request: Its request.
        report: Its report.
        is_done: Whether all mattes are on disk. If not, frames without one are a checkerboard instead of an error.

    Raises:
        HostError: The plate's node is gone, and there are no nodes of an earlier run.
    """
    plate = nuke.toNode(job.plate)
    with _undo_step(is_done=is_done), plate.parent() if plate is not None else nuke.root() as group:
        old = find_nodes(job.out, group.nodes())
        if plate is None and not old:
            raise HostError(
                f"'{job.plate}' is no longer in the script, so the mattes cannot be connected",
                fix=f"They are on disk: {job.out}",
            )
        sources = tuple(dict.fromkeys(source.node for source in job.sources))
        shot_file = forward(report.shot_file or request.save_as or "")
        weights = report.weights.text if report.weights else ""
        origin = Origin(job.out, shot_file, job.plate, sources, weights, job.text, request.plate or "")
        nodes = _MatteNodes(plate, origin, old)
        _connect(nodes, _channel_sources(nodes, report, is_done=is_done))
        lines = [f"STCN {pattern_name(job.out)}", ", ".join(report.layers), *([] if is_done else [_UNFINISHED])]
        nodes.arrange("\n".join([*lines, *([f"weights: {weights}"] if weights else [])]))
        reload_reads(job.out, group.nodes())


@contextmanager
def _undo_step(*, is_done: bool) -> Iterator[None]:
    undo = nuke.Undo()
    undo.begin("STCN mattes" if is_done else "STCN mattes to come")
    try:
        yield
    finally:
        undo.end()


@dataclass(frozen=True)
class _ChannelSource:
    """Channels to copy from a node, each with its name among the plate's channels."""

    node: nuke.Node
    channels: Channels


@final
class _MatteNodes:
    """The nodes of a job by role: those of an earlier run and new ones."""

    def __init__(self, plate: nuke.Node | None, origin: Origin, old: dict[str, nuke.Node]) -> None:
        self.plate = plate
        self.origin = origin
        self._old = old
        self._used: dict[str, nuke.Node] = {}
        anchor = old.get("backdrop")
        if anchor is not None:
            self.x, self.y = anchor.xpos() + 30, anchor.ypos() + _ROW
        else:
            self.x, self.y = (plate.xpos() + _COLUMN, plate.ypos()) if plate is not None else (0, 0)

    def node(self, role: str, kind: str, *, column: int = 0, row: int = 0) -> tuple[nuke.Node, bool]:
        """Return the node of a role, and whether it is new."""
        node = self._old.get(role)
        is_new = node is None
        if node is None:
            node = getattr(nuke.nodes, kind)()
            node.setName(f"STCN_{re.sub('[^A-Za-z0-9_]', '_', pattern_name(self.origin.out))}_{kind}1")
            node.setXYpos(self.x + column * _COLUMN, self.y + row * _ROW)
        tag_node(node, self.origin, role)
        self._used[role] = node
        return node, is_new

    def arrange(self, label: str) -> None:
        """Fit the backdrop around the nodes, and remove those that are no longer used."""
        backdrop, is_new = self.node("backdrop", "BackdropNode")
        inside = [node for role, node in self._used.items() if role != "backdrop"]
        left, top = min(node.xpos() for node in inside), min(node.ypos() for node in inside)
        right, bottom = max(node.xpos() for node in inside), max(node.ypos() for node in inside)
        if is_new:
            backdrop["tile_color"].setValue(_COLOUR)
        set_text(backdrop["label"], label)
        backdrop.setXYpos(left - 30, top - _ROW)
        backdrop["bdwidth"].setValue(right - left + _COLUMN)
        backdrop["bdheight"].setValue(bottom - top + 2 * _ROW)
        for role, node in self._old.items():
            if role not in self._used or self._used[role] != node:
                _remove(node)


def _channel_sources(nodes: _MatteNodes, report: Report, *, is_done: bool) -> list[_ChannelSource]:
    """Return the nodes to copy channels from; creates or updates the Reads."""
    targets = {name: f"{layer}.alpha" for name, layer in report.layers.items()}
    for layer in report.layers.values():
        if layer not in nuke.layers():
            nuke.Layer(layer, [f"{layer}.alpha"])
    reads: dict[str, nuke.Node] = {}
    for name, pattern in report.patterns.items():
        if pattern not in reads:
            role = f"read:{name}" if report.layout == "per_object" else "read"
            reads[pattern] = _read(nodes, role, pattern, report, len(reads))
            reads[pattern]["on_error"].setValue("error" if is_done else "checkerboard")
    if report.layout == "per_object":
        return [
            _ChannelSource(reads[report.patterns[name]], [("rgba.alpha", channel)]) for name, channel in targets.items()
        ]
    (read,) = reads.values()
    if report.layout == "cryptomatte":
        names = list(targets)
        return [
            _ChannelSource(_cryptomatte(nodes, read, name, names.index(name)), [("rgba.alpha", targets[name])])
            for name in names
        ]
    channels = list(targets.values())
    groups = [channels[start : start + _PER_COPY] for start in range(0, len(channels), _PER_COPY)]
    return [_ChannelSource(read, [(channel, channel) for channel in group]) for group in groups]


def _read(nodes: _MatteNodes, role: str, pattern: str, report: Report, column: int) -> nuke.Node:
    """Return the Read of the mattes of the whole shot. Frames outside the shot are black."""
    read, _ = nodes.node(role, "Read", column=column)
    first, last = report.first, report.last  # not `report.frames`, which has only what was missing
    set_file(read["file"], pattern, frames=(first, last))
    for knob, frame in (("first", first), ("last", last), ("origfirst", first), ("origlast", last)):
        read[knob].setValue(frame)
    read["origset"].setValue(True)
    read["before"].setValue("black")
    read["after"].setValue("black")
    read["raw"].setValue(True)
    return read


def _cryptomatte(nodes: _MatteNodes, read: nuke.Node, name: str, column: int) -> nuke.Node:
    """Return the node that extracts one object by name."""
    node, _ = nodes.node(f"pick:{name}", "Cryptomatte", column=column, row=1)
    node.setInput(0, read)
    set_text(node["matteList"], name if re.fullmatch(r"[\w.:/|-]+", name) else _quoted(name))
    return node


def _quoted(name: str) -> str:
    """Return a name as one entry of a list of names."""
    return '"{}"'.format(re.sub(r'["\\]', r"\\\g<0>", name))


def _connect(nodes: _MatteNodes, sources: list[_ChannelSource]) -> None:
    """Add every object's channel to the plate's channels.

    The chain of Copies ends in a Dot, which the artist connects to. Nodes that the artist inserted stay in place: a new
    Copy is inserted right before the Dot.
    """
    end, end_is_new = nodes.node("end", "Dot", row=2 + len(sources))
    if end_is_new:
        end.setInput(0, nodes.plate)
    for number, source in enumerate(sources):
        copy, is_new = nodes.node(f"copy:{number}", "Copy", row=2 + number)
        if is_new:
            copy.setInput(0, end.input(0))
        if is_new or end_is_new:
            end.setInput(0, copy)
        copy.setInput(1, source.node)
        for slot in range(_PER_COPY):
            channel, target = source.channels[slot] if slot < len(source.channels) else ("none", "none")
            copy[f"from{slot}"].setValue(channel)
            copy[f"to{slot}"].setValue(target)


def _remove(node: nuke.Node) -> None:
    """Delete a node and connect the nodes after it to its first input."""
    for child in node.dependent(nuke.INPUTS):
        for index in range(child.inputs()):
            if child.input(index) == node:
                child.setInput(index, node.input(0))
    nuke.delete(node)
