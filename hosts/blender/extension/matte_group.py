"""Mattes as a node group, which is an asset: for compositors of any scene, and for compositor modifiers of strips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bpy

from .plates import MATTES_PROPERTY

_IMAGE = "Image"
_ROLE = "stcn_role"
_DESCRIPTION = "Mattes of {objects}. The image has the alpha of all of them; each has an output of its own"


class MatteGroup:
    """The node group of mattes, new unless an earlier job made it. Blender 5 and later.

    Args:
        pattern: Frame pattern of the mattes, which identifies the group.
        objects: Names of the objects.
        name: Name of a new group.
    """

    def __init__(self, pattern: str, objects: Sequence[str], name: str) -> None:
        self.pattern = pattern
        self.tree: Any = next(
            (each for each in bpy.data.node_groups if each.get(MATTES_PROPERTY) == pattern), None
        ) or _new_tree(pattern, name)
        self._sockets = {each.name: each for each in self._outputs()[1:]}
        for socket in [each for each_name, each in self._sockets.items() if each_name not in objects]:
            self.tree.interface.remove(socket)
        for each in objects:
            if each not in self._sockets:
                self._sockets[each] = self.tree.interface.new_socket(
                    each, in_out="OUTPUT", socket_type="NodeSocketFloat"
                )
        self.tree.asset_mark()
        self.tree.asset_data.description = _DESCRIPTION.format(objects=", ".join(objects))

    def socket_of(self, name: str) -> int:
        """Return the index of an object's output."""
        return [each.name for each in self._outputs()].index(name, 1)

    def connect(self, sockets: Mapping[str, Any]) -> None:
        """Connect the objects' mattes to the outputs.

        Args:
            sockets: Object name to the socket of its matte in the group.
        """
        links, output = self.tree.links, self._node("NodeGroupOutput", "output", 3)
        for node in [each for each in self.tree.nodes if each.get(_ROLE) == "union"]:
            self.tree.nodes.remove(node)
        union: Any = None
        for name, socket in sockets.items():
            links.new(socket, output.inputs[self.socket_of(name)])
            union = socket if union is None else self._larger(union, socket)
        alpha = self._node("CompositorNodeSetAlpha", "alpha", 2)
        links.new(self._node("NodeGroupInput", "input", 0).outputs[0], alpha.inputs[_IMAGE])
        links.new(union, alpha.inputs["Alpha"])
        links.new(alpha.outputs[0], output.inputs[0])

    def _outputs(self) -> list[Any]:
        return [item for item in self.tree.interface.items_tree if getattr(item, "in_out", "") == "OUTPUT"]

    def _larger(self, one: Any, other: Any) -> Any:
        """Return the socket with the larger of two values."""
        node = self.tree.nodes.new("ShaderNodeMath")
        node[_ROLE], node.operation = "union", "MAXIMUM"
        self.tree.links.new(one, node.inputs[0])
        self.tree.links.new(other, node.inputs[1])
        return node.outputs[0]

    def _node(self, kind: str, role: str, column: int) -> Any:
        found = next((each for each in self.tree.nodes if each.get(_ROLE) == role), None)
        if found is None:
            found = self.tree.nodes.new(kind)
            found[_ROLE] = role
            found.location = column * 320.0, 0.0
        return found


def _new_tree(pattern: str, name: str) -> Any:
    """Return a new group that takes an image and returns it."""
    tree = bpy.data.node_groups.new(f"{name} mattes", "CompositorNodeTree")
    tree[MATTES_PROPERTY] = pattern
    for in_out in ("INPUT", "OUTPUT"):
        tree.interface.new_socket(_IMAGE, in_out=in_out, socket_type="NodeSocketColor")
    return tree
