"""The nodes that stand for a job's mattes, known by the knobs they carry; never by name or place.

A copy that the artist pasted carries the same knobs. It has a name of its own, by which the original is told from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import nuke

from stcn_nuke.knob_texts import set_text, text_of
from stcn_plugin.errors import HostError

_TAB = "stcn"
_OUT, _SHOT, _PLATE, _SOURCES = "stcn_out", "stcn_shot", "stcn_plate", "stcn_sources"
_ROLE, _NAME = "stcn_role", "stcn_name"
_LABELS = {
    _OUT: "mattes",
    _SHOT: "shot file",
    _PLATE: "plate",
    _SOURCES: "keyframes from",
    _ROLE: "role",
    _NAME: "name",
}
_HIDDEN = (_ROLE, _NAME)


@dataclass(frozen=True)
class Origin:
    """Where mattes come from; every node of theirs carries it.

    Args:
        out: Their frame pattern, which tells one job's nodes from another's.
        shot_file: The shot that made them, and that an update runs again.
        plate: Name of the plate's node.
        sources: Names of the nodes that the keyframes came from.
    """

    out: str
    shot_file: str
    plate: str
    sources: tuple[str, ...]


def mark(node: nuke.Node, origin: Origin, role: str) -> None:
    """Write on a node what it is.

    Args:
        node: A node of ours, new or from before.
        origin: Where its mattes come from.
        role: What it does among the nodes of these mattes.
    """
    texts = {
        _SHOT: origin.shot_file,
        _OUT: origin.out,
        _PLATE: origin.plate,
        _SOURCES: " ".join(origin.sources),
        _ROLE: role,
        _NAME: node.name(),
    }
    if node.knob(_OUT) is None:
        node.addKnob(nuke.Tab_Knob(_TAB, "STCN"))
    for name, text in texts.items():
        if node.knob(name) is None:
            node.addKnob(nuke.String_Knob(name, _LABELS[name]))
            if name in _HIDDEN:
                node[name].setFlag(nuke.INVISIBLE)
        set_text(node[name], text)


def origin_of(node: nuke.Node) -> Origin | None:
    """Return where the mattes of a node come from, ``None`` where it is not ours."""
    if node.knob(_OUT) is None:
        return None
    texts = {name: text_of(node[name]) for name in (_OUT, _SHOT, _PLATE, _SOURCES)}
    return Origin(texts[_OUT], texts[_SHOT], texts[_PLATE], tuple(texts[_SOURCES].split()))


def nodes_of(out: str, among: Sequence[nuke.Node]) -> dict[str, nuke.Node]:
    """Return the nodes of these mattes by their role; of several with one role the original, where it is there."""
    copies_first = sorted(_all_of(out, among), key=_is_original)
    return {text_of(node[_ROLE]): node for node in copies_first}


def reload_reads(out: str, among: Sequence[nuke.Node]) -> None:
    """Let every Read of these mattes read its files anew, the artist's copies too."""
    for node in _all_of(out, among):
        if node.Class() == "Read":
            node["reload"].execute()


def frames_of(origin: Origin) -> tuple[int, ...]:
    """Return the frames that the Read of these mattes shows; none where it is gone."""
    nodes = nodes_of(origin.out, nuke.allNodes())
    read = next((node for role, node in nodes.items() if role.partition(":")[0] == "read"), None)
    return tuple(range(read["first"].value(), read["last"].value() + 1)) if read is not None else ()


def _all_of(out: str, among: Sequence[nuke.Node]) -> list[nuke.Node]:
    return [node for node in among if node.knob(_OUT) is not None and text_of(node[_OUT]) == out]


def _is_original(node: nuke.Node) -> bool:
    return node.knob(_NAME) is not None and text_of(node[_NAME]) == node.name()


def selected_origin() -> Origin:
    """Return where the mattes of the selected node come from.

    Raises:
        HostError: No node of ours is selected, or nodes of several shots.
    """
    found = {origin.out: origin for origin in map(origin_of, nuke.selectedNodes()) if origin}
    if len(found) == 1:
        return next(iter(found.values()))
    what = "nodes of several shots are selected" if found else "no mattes are selected"
    raise HostError(what, fix="Select the backdrop, or the Read, that STCN made for one shot")
