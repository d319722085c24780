"""The objects in a roto: its groups of shapes, their names, and the frames at which they have keys."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import nuke
import nuke.rotopaint

from stcn_nuke.rendering import first_view
from stcn_nuke.selection import ROTOS

_GIVEN_BY_NUKE = re.compile(
    r"(?:Roto|RotoPaint|Layer|Bezier|BSpline|Ellipse|Rectangle|OpenSpline|Brush|Eraser|Clone|Reveal|Blur|Sharpen|Smear|Dodge|Burn)\d*"
)
_PLACE = ("name", "xpos", "ypos", "selected")
"""Knobs that a copy of a node does not share."""


@dataclass(frozen=True)
class RotoObject:
    """An object that an artist drew in a roto.

    Args:
        name: Name of the object.
        elements: Names of its groups and shapes among those of the roto; empty for all of them.
    """

    name: str
    elements: tuple[str, ...] = ()


def objects_in(node: nuke.Node) -> tuple[RotoObject, ...]:
    """Return the objects in a node.

    Each group of shapes is an object named after it, and the shapes outside of groups are one more. A roto without groups,
    or with one, is a single object. It is named after the group or the shape if the artist named that, otherwise after
    the node. So is any other node.
    """
    name = node.fullName().replace(".", "_")
    if node.Class() not in ROTOS:
        return (RotoObject(name),)
    elements = list(_root_of(node))
    groups = [each.name for each in elements if isinstance(each, nuke.rotopaint.Layer) and len(each)]
    shapes = [each.name for each in elements if not isinstance(each, nuke.rotopaint.Layer)]
    if len(groups) + bool(shapes) > 1:
        found = [RotoObject(group, (group,)) for group in groups]
        return (*found, RotoObject(name, tuple(shapes))) if shapes else tuple(found)
    named = [each for each in (groups or shapes) if not _GIVEN_BY_NUKE.fullmatch(each)]
    is_shape_name = bool(named) and not groups  # a single shape; the artist may have named the node instead
    if len(named) != 1 or len(groups or shapes) != 1 or (is_shape_name and not _GIVEN_BY_NUKE.fullmatch(node.name())):
        return (RotoObject(name),)
    return (RotoObject(named[0]),)


def keys_in(node: nuke.Node, elements: Collection[str] = ()) -> set[int]:
    """Return the frames at which an object has keys.

    Of a roto, these are the keys of its shapes, strokes and groups at frames where they are visible, or where they are
    switched on or off; of another node, those of its knobs.

    Args:
        node: The node.
        elements: The object's groups and shapes; empty for all.
    """
    if node.Class() not in ROTOS:
        return {round(time) for knob in node.allKnobs() if knob.isAnimated() for time in knob.getKeyList()}
    root = _root_of(node)
    times = set(root.getTransform().getTransformKeyTimes())
    for element in root:
        if not elements or element.name in elements:
            times.update(_times(element, ()))
    return {round(time) for time in times}


def is_empty(node: nuke.Node) -> bool:
    """Return whether nothing is drawn in a roto."""
    return node.Class() in ROTOS and not any(_has_shapes(element) for element in _root_of(node))


@contextmanager
def only_elements(node: nuke.Node, elements: Collection[str]) -> Iterator[nuke.Node]:
    """Yield a temporary copy of a roto that has only some of its groups and shapes; without any, the roto itself.

    Call it in the roto's group, with undo off.
    """
    if not elements:
        yield node
        return
    copy = getattr(nuke.nodes, node.Class())()
    try:
        for name, knob in node.knobs().items():
            if name not in _PLACE and copy.knob(name) is not None:
                copy[name].fromScript(knob.toScript())
        root = _root_of(copy)
        for index in reversed(range(len(root))):
            if root[index].name not in elements:
                root.remove(index)
        cast("Any", copy["curves"]).changed()
        yield copy
    finally:
        nuke.delete(copy)


def _root_of(node: nuke.Node) -> nuke.rotopaint.Layer:
    return cast("nuke.rotopaint.Layer", cast("Any", node["curves"]).rootLayer)


def _times(element: Any, parents: Sequence[Any]) -> Iterator[float]:
    """Yield the times of the keys in an element, including nested ones."""
    chain = (*parents, element)
    for time in {*_own_times(element), *_visibility_times(element)}:
        if _is_visible(chain, time) or _is_visible(chain, time - 1):  # on, or just switched off
            yield time
    if isinstance(element, nuke.rotopaint.Layer):
        for child in element:
            yield from _times(child, chain)


def _has_shapes(element: Any) -> bool:
    return any(map(_has_shapes, element)) if isinstance(element, nuke.rotopaint.Layer) else True


def _own_times(element: Any) -> Iterator[float]:
    yield from element.getTransform().getTransformKeyTimes()
    if isinstance(element, nuke.rotopaint.Shape):
        for point in element:
            yield from point.center.getControlPointKeyTimes()
    elif isinstance(element, nuke.rotopaint.Stroke):
        for stroke_point in element:
            yield from stroke_point.getControlPointKeyTimes()


def _visibility_times(element: Any) -> list[float]:
    curve = element.getAttributes().getCurve(nuke.rotopaint.AnimAttributes.kVisibleAttribute, first_view())
    return [curve.getKey(index).time for index in range(curve.getNumberOfKeys())]


def _is_visible(chain: Sequence[Any], time: float) -> bool:
    return all(element.getVisible(time) for element in chain)
