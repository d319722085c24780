"""Nodes by selection and by name: the plate and the sources of the keyframes."""

from __future__ import annotations

from dataclasses import dataclass

import nuke

from stcn_plugin.errors import HostError

ROTOS = ("Roto", "RotoPaint")
_IGNORED = ("BackdropNode", "StickyNote", "Viewer")


@dataclass(frozen=True)
class Selection:
    """The plate and the keyframe sources, guessed from the selected nodes.

    Args:
        plate: Name of the plate's node.
        candidates: Names of all selected nodes that can be the plate.
        sources: Names of the nodes with the keyframes.
    """

    plate: str
    candidates: tuple[str, ...]
    sources: tuple[str, ...]


def read_selection() -> Selection:
    """Return plate and sources: the plate is the first Read or, without one, the first node that is not a roto.

    If no source is selected, the sources are all Roto and RotoPaint nodes of the script.

    Raises:
        HostError: No node that can be the plate is selected.
    """
    nodes = [node for node in reversed(nuke.selectedNodes()) if node.Class() not in _IGNORED]
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
    """Return the node with a name.

    Raises:
        HostError: There is no such node.
    """
    node = nuke.toNode(name) if name else None
    if node is None:
        raise HostError(f"the script has no node '{name}'", fix="Check the name; a node in a group is Group1.Roto1")
    return node
