"""Mattes in the script: Reads, the object's channels beside the plate, and a backdrop that knows the shot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import nuke

from stcn_nuke.knob_texts import set_file, set_text
from stcn_nuke.orders import Order
from stcn_nuke.own_nodes import Origin, mark, nodes_of, origin_of, reload_reads
from stcn_nuke.paths import forward, stem
from stcn_plugin.bridge import JobRequest, Report
from stcn_plugin.errors import HostError

if TYPE_CHECKING:
    Channels = list[tuple[str, str]]

_PER_COPY = 4  # channels that one Copy can take over
_COLUMN, _ROW = 200, 90
_COLOUR = 0x2A4D5CFF


def deliver(order: Order, request: JobRequest, report: Report) -> None:
    """Bring a job's mattes into the script, or bring what is there up to date.

    Nodes from an earlier run of the same mattes are kept, with all that the artist connected to them; what they lack is
    added and what they no longer need is removed.

    Raises:
        HostError: The plate's node is gone, and with it the place for the mattes.
    """
    plate = nuke.toNode(order.plate)
    with _one_step_to_undo(), plate.parent() if plate is not None else nuke.root() as group:
        old = nodes_of(order.out, group.nodes())
        if plate is None and not old:
            raise HostError(
                f"'{order.plate}' is no longer in the script, so the mattes have no place there",
                fix=f"They are on disk: {order.out}",
            )
        known = [name for origin in map(origin_of, old.values()) if origin for name in origin.sources]
        sources = tuple(dict.fromkeys([*known, *(source.node for source in order.sources)]))
        shot_file = forward(report.shot_file or request.save_as or "")
        shelf = _Shelf(plate, Origin(order.out, shot_file, order.plate, sources), old)
        _wire(shelf, _feeds(shelf, report))
        shelf.tidy(f"STCN {stem(order.out)}\n{', '.join(report.layers)}")
        reload_reads(order.out, group.nodes())


@contextmanager
def _one_step_to_undo() -> Iterator[None]:
    undo = nuke.Undo()
    undo.begin("STCN mattes")
    try:
        yield
    finally:
        undo.end()


@dataclass(frozen=True)
class _Feed:
    """Channels that one node gives to the plate, each with the name it gets there."""

    node: nuke.Node
    channels: Channels


@final
class _Shelf:
    """The nodes of a job by their role: those from before, and those that are made now."""

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
            node.setName(f"STCN_{re.sub('[^A-Za-z0-9_]', '_', stem(self.origin.out))}_{kind}1")
            node.setXYpos(self.x + column * _COLUMN, self.y + row * _ROW)
        mark(node, self.origin, role)
        self._used[role] = node
        return node, is_new

    def tidy(self, label: str) -> None:
        """Put the backdrop around the nodes, and remove those that are no longer needed."""
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


def _feeds(shelf: _Shelf, report: Report) -> list[_Feed]:
    """Return what each layout has to give, its Reads made or refreshed."""
    wanted = {name: f"{layer}.alpha" for name, layer in report.layers.items()}
    for layer in report.layers.values():
        if layer not in nuke.layers():
            nuke.Layer(layer, [f"{layer}.alpha"])
    reads: dict[str, nuke.Node] = {}
    for name, pattern in report.patterns.items():
        if pattern not in reads:
            role = f"read:{name}" if report.layout == "per_object" else "read"
            reads[pattern] = _read(shelf, role, pattern, report, len(reads))
    if report.layout == "per_object":
        return [_Feed(reads[report.patterns[name]], [("rgba.alpha", channel)]) for name, channel in wanted.items()]
    (read,) = reads.values()
    if report.layout == "cryptomatte":
        names = list(wanted)
        return [
            _Feed(_cryptomatte(shelf, read, name, names.index(name)), [("rgba.alpha", wanted[name])]) for name in names
        ]
    channels = list(wanted.values())
    groups = [channels[start : start + _PER_COPY] for start in range(0, len(channels), _PER_COPY)]
    return [_Feed(read, [(channel, channel) for channel in group]) for group in groups]


def _read(shelf: _Shelf, role: str, pattern: str, report: Report, column: int) -> nuke.Node:
    """Return the Read of mattes over the whole shot.

    A frame without a matte is an error, not silent black: `on_error` is ``error``. Outside the shot it is black.
    """
    read, _ = shelf.node(role, "Read", column=column)
    first, last = report.first, report.last  # not those of `frames`: an update writes a part of the shot alone
    set_file(read["file"], pattern, frames=(first, last))
    for knob, frame in (("first", first), ("last", last), ("origfirst", first), ("origlast", last)):
        read[knob].setValue(frame)
    read["origset"].setValue(True)
    read["before"].setValue("black")
    read["after"].setValue("black")
    read["raw"].setValue(True)
    read["on_error"].setValue("error")
    return read


def _cryptomatte(shelf: _Shelf, read: nuke.Node, name: str, column: int) -> nuke.Node:
    """Return the node that picks one object, by its name, as an alpha."""
    node, _ = shelf.node(f"pick:{name}", "Cryptomatte", column=column, row=1)
    node.setInput(0, read)
    set_text(node["matteList"], name if re.fullmatch(r"[\w.:/|-]+", name) else _quoted(name))
    return node


def _quoted(name: str) -> str:
    """Return a name as one entry of a list of names."""
    return '"{}"'.format(re.sub(r'["\\]', r"\\\g<0>", name))


def _wire(shelf: _Shelf, feeds: list[_Feed]) -> None:
    """Lay every object's channel beside the plate's own.

    The chain ends in a Dot that stays where it is: the artist connects there. What the artist put between stays too,
    since a new Copy goes right before the Dot.
    """
    end, end_is_new = shelf.node("end", "Dot", row=2 + len(feeds))
    if end_is_new:
        end.setInput(0, shelf.plate)
    for number, feed in enumerate(feeds):
        copy, is_new = shelf.node(f"copy:{number}", "Copy", row=2 + number)
        if is_new:
            copy.setInput(0, end.input(0))
        if is_new or end_is_new:
            end.setInput(0, copy)
        copy.setInput(1, feed.node)
        for slot in range(_PER_COPY):
            source, target = feed.channels[slot] if slot < len(feed.channels) else ("none", "none")
            copy[f"from{slot}"].setValue(source)
            copy[f"to{slot}"].setValue(target)


def _remove(node: nuke.Node) -> None:
    """Delete a node; what was connected to it is connected to what came before it."""
    for child in node.dependent(nuke.INPUTS):
        for index in range(child.inputs()):
            if child.input(index) == node:
                child.setInput(index, node.input(0))
    nuke.delete(node)
