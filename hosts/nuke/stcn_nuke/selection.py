"""Which node is the plate and which ones hold the keyframes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import nuke

from stcn_plugin.errors import HostError

ROTOS = ("Roto", "RotoPaint")
_PASSIVE = ("BackdropNode", "StickyNote", "Viewer")


@dataclass(frozen=True)
class Selection:
    """What the selected nodes suggest.

    Args:
        plate: Name of the plate's node.
        candidates: Names of all nodes that may be the plate.
        sources: Names of the nodes whose alpha is a keyframe.
    """

    plate: str
    candidates: tuple[str, ...]
    sources: tuple[str, ...]


def selected() -> Selection:
    """Read the selection: a Read, or the one node that is no roto, is the plate; the others are keyframe sources.

    Without a source among them, every Roto and RotoPaint of the script is suggested.

    Raises:
        HostError: Nothing that can be a plate is selected.
    """
    nodes = [node for node in reversed(nuke.selectedNodes()) if node.Class() not in _PASSIVE]
    plates = [node for node in nodes if node.Class() not in ROTOS]
    if not plates:
        what = "only rotos are selected" if nodes else "nothing is selected"
        raise HostError(what, fix="Select the plate (a Read or any other node) and the Roto nodes with the keyframes")
    plate = next((node for node in plates if node.Class() == "Read"), plates[0])
    sources = [node for node in nodes if node != plate and node.Class() != "Read"]
    if not sources:
        sources = [node for node in nuke.allNodes() if node.Class() in ROTOS]
        sources.sort(key=lambda node: node.name())
    return Selection(
        plate=plate.fullName(),
        candidates=tuple(node.fullName() for node in plates),
        sources=tuple(node.fullName() for node in sources),
    )


def node_named(name: str) -> nuke.Node:
    """Return a node by its name.

    Raises:
        HostError: There is none.
    """
    node = nuke.toNode(name) if name else None
    if node is None:
        raise HostError(f"the script has no node '{name}'", fix="Check the name; a node in a group is Group1.Roto1")
    return node


def names_in(text: str) -> tuple[str, ...]:
    """Return the names that a person listed, with commas or spaces between them, each once."""
    return tuple(dict.fromkeys(name for name in re.split(r"[\s,;]+", text) if name))


def object_names(sources: Sequence[str]) -> dict[str, str]:
    """Return the object of every source: its node's name; one inside a group carries the group's."""
    return {source: source.replace(".", "_") for source in sources}
