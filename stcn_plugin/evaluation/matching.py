"""Which object of the mattes is which object of the truth."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stcn_plugin.errors import MatteError


@dataclass(frozen=True)
class Side:
    """The objects of the mattes, or those of the truth.

    Args:
        label: ``mattes`` or ``truth``, as errors call them.
        where: The pattern.
        names: Objects that the files show, one at least.
        open_ended: Whether an object that no file shows is empty and not missing, as an index of a palette picture is.
    """

    label: str
    where: str
    names: tuple[str, ...]
    open_ended: bool = False


def match_objects(
    mattes: Side, truth: Side, *, objects: Sequence[str] = (), renamed: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the name in the truth of each object to score, and its name in the mattes.

    Objects are the same where their names are. Where one is left on each side, they are the same by any names.

    Args:
        mattes: What is to be scored.
        truth: What it is scored against.
        objects: Names in the truth of the objects to score, or of the mattes where the truth has a single object;
            none scores every object of the truth.
        renamed: Name in the mattes to name in the truth, for objects that have two.

    Raises:
        MatteError: An object has no counterpart, or a name is unknown.
    """
    renamed = renamed or {}
    for name in renamed:
        if name not in mattes.names and not mattes.open_ended:
            raise _absent(name, mattes, "--map is the name in the mattes, then '=', then the name in the truth")
    ours = {renamed.get(name, name): name for name in (*mattes.names, *renamed)}
    for name in objects:
        if name not in truth.names and name not in ours:
            raise _absent(name, truth, "Give --object one of these")
    wanted, available = _chosen(truth.names, objects), _chosen(tuple(ours), objects)
    if len(wanted) == len(available) == 1 and len(objects) <= 1:
        return {wanted[0]: ours[available[0]]}
    for name in objects:
        if name not in wanted:
            raise _absent(name, truth, "Give --object one of these")
    for name in wanted:
        if name not in ours and not mattes.open_ended:
            raise _absent(name, mattes, f"Write --map NAME={name} where it has another name, or choose with --object")
    return {name: ours.get(name, name) for name in wanted}


def _chosen(names: tuple[str, ...], objects: Sequence[str]) -> tuple[str, ...]:
    """Return the names that were asked for; all of them where none was."""
    return tuple(name for name in names if name in objects) or names


def _absent(name: str, side: Side, fix: str) -> MatteError:
    near = difflib.get_close_matches(name, side.names, n=1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    verb = "has" if side.label == "truth" else "have"
    what = f"the {side.label} {verb} no object '{name}', only {', '.join(side.names)}"
    return MatteError(what, where=side.where, fix=hint + fix)
