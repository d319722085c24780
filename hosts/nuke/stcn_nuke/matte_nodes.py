"""The nodes of a job's mattes, identified by custom knobs and not by name or position.

A pasted copy has the same knobs as its original, but its name differs from the one stored in the knobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import nuke

from stcn_nuke.knob_text import get_text, set_text
from stcn_plugin.errors import HostError

_TAB = "stcn"
_OUT, _SHOT, _PLATE, _SOURCES = "stcn_out", "stcn_shot", "stcn_plate", "stcn_sources"
_FILES, _WEIGHTS, _JOB = "stcn_files", "stcn_weights", "stcn_job"
_ROLE, _NAME = "stcn_role", "stcn_name"
_LABELS = {
    _OUT: "mattes",
    _SHOT: "shot file",
    _PLATE: "plate",
    _FILES: "plate files",
    _SOURCES: "keyframes from",
    _WEIGHTS: "weights",
    _JOB: "job",
    _ROLE: "role",
    _NAME: "name",
}
_HIDDEN = (_JOB, _ROLE, _NAME)


@dataclass(frozen=True)
class Origin:
    """The origin of mattes, stored on each of their nodes.

    Args:
        out: Frame pattern of the mattes, which identifies them.
        shot_file: The shot file.
        plate: Name of the plate's node.
        sources: Names of the nodes with the keyframes.
        weights: The weights that were used, with their licence; empty if they were not recorded.
        job: The text of the job, which an update runs again.
        files: Frame pattern of the plate's files that were read, with variables and references evaluated.
    """

    out: str
    shot_file: str
    plate: str
    sources: tuple[str, ...]
    weights: str = ""
    job: str = ""
    files: str = ""


def tag_node(node: nuke.Node, origin: Origin, role: str) -> None:
    """Store origin and role on a node.

    Args:
        node: The node.
        origin: Where its mattes come from.
        role: Its function among the nodes of these mattes.
    """
    texts = {
        _SHOT: origin.shot_file,
        _OUT: origin.out,
        _PLATE: origin.plate,
        _FILES: origin.files,
        _SOURCES: " ".join(origin.sources),
        _WEIGHTS: origin.weights,
        _JOB: origin.job,
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


def read_origin(node: nuke.Node) -> Origin | None:
    """Return the origin of a node's mattes, ``None`` for other nodes."""
    if node.knob(_OUT) is None:
        return None
    out, shot_file, plate, sources = (get_text(node[name]) for name in (_OUT, _SHOT, _PLATE, _SOURCES))
    weights, job, files = (
        get_text(node[name]) if node.knob(name) is not None else "" for name in (_WEIGHTS, _JOB, _FILES)
    )
    return Origin(out, shot_file, plate, tuple(sources.split()), weights, job, files)


def find_nodes(out: str, among: Sequence[nuke.Node]) -> dict[str, nuke.Node]:
    """Return the nodes of these mattes by role: the original, or a pasted copy if the original is gone."""
    copies_first = sorted(_all_nodes(out, among), key=_is_original)
    return {get_text(node[_ROLE]): node for node in copies_first}


def reload_reads(out: str, among: Sequence[nuke.Node]) -> None:
    """Reload every Read of these mattes, including pasted copies."""
    for node in _all_nodes(out, among):
        if node.Class() == "Read":
            cast("nuke.PyScript_Knob", node["reload"]).execute()


def _all_nodes(out: str, among: Sequence[nuke.Node]) -> list[nuke.Node]:
    return [node for node in among if node.knob(_OUT) is not None and get_text(node[_OUT]) == out]


def _is_original(node: nuke.Node) -> bool:
    return node.knob(_NAME) is not None and get_text(node[_NAME]) == node.name()


def origins_selected() -> bool:
    """Return whether mattes are selected."""
    return any(read_origin(node) for node in nuke.selectedNodes())


def selected_origin() -> Origin:
    """Return the origin of the mattes of the selected node.

    Raises:
        HostError: No such node is selected, or nodes of several shots.
    """
    origins = {origin.out: origin for origin in map(read_origin, nuke.selectedNodes()) if origin}
    if len(origins) == 1:
        return next(iter(origins.values()))
    what = "mattes of several shots are selected" if origins else "no mattes are selected"
    raise HostError(what, fix="Select the backdrop or the Read of the mattes of one shot")
