"""Matching of objects in mattes and ground truth."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stcn_plugin.errors import MatteError


@dataclass(frozen=True)
class Side:
    """The objects of the mattes, or of the ground truth.

    Args:
        label: ``mattes`` or ``truth``, for errors.
        where: The pattern.
        names: Objects in the files, at least one.
        open_ended: Whether an object that is in no file is empty instead of missing, like an index of a palette image.
    """

    label: str
    where: str
    names: tuple[str, ...]
    open_ended: bool = False


def match_objects(
    mattes: Side, truth: Side, *, objects: Sequence[str] = (), renamed: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the objects to score: name in the ground truth to name in the mattes.

    Objects are matched by name. A single object on each side is matched by any name.

    Args:
        mattes: Objects of the mattes.
        truth: Objects of the ground truth.
        objects: Names of the objects to score, in the ground truth or, if that has a single object, in the mattes; all
            if empty.
        renamed: Name in the mattes to name in the ground truth, for objects with different names.

    Raises:
        MatteError: An object has no counterpart, or a name is unknown.
    """
    renamed = renamed or {}
    for name in renamed:
        if name not in mattes.names and not mattes.open_ended:
            raise _absent(
                name, mattes, "Write --map MATTES=TRUTH: the name in the mattes, '=', and the name in the truth"
            )
    ours = {renamed.get(name, name): name for name in (*mattes.names, *renamed)}
    for name in objects:
        if name not in truth.names and name not in ours:
            raise _absent(name, truth, "Use one of these for --object")
    wanted, available = _chosen(truth.names, objects), _chosen(tuple(ours), objects)
    if len(wanted) == len(available) == 1 and len(objects) <= 1:
        return {wanted[0]: ours[available[0]]}
    for name in objects:
        if name not in wanted:
            raise _absent(name, truth, "Use one of these for --object")
    for name in wanted:
        if name not in ours and not mattes.open_ended:
            raise _absent(
                name, mattes, f"Write --map NAME={name} if it has another name, or choose others with --object"
            )
    return {name: ours.get(name, name) for name in wanted}


def _chosen(names: tuple[str, ...], objects: Sequence[str]) -> tuple[str, ...]:
    """Return the names in ``objects``; all names if there are none."""
    return tuple(name for name in names if name in objects) or names


def _absent(name: str, side: Side, fix: str) -> MatteError:
    near = difflib.get_close_matches(name, side.names, n=1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    verb = "has" if side.label == "truth" else "have"
    what = f"the {side.label} {verb} no object '{name}', only {', '.join(side.names)}"
    return MatteError(what, where=side.where, fix=hint + fix)
