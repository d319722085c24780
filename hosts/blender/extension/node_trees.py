"""The compositor's node tree: part of the scene up to Blender 4, a node group since Blender 5."""

from __future__ import annotations

from typing import Any

import bpy

HAS_NODE_GROUPS = bpy.app.version >= (5, 0)
"""Whether a scene's compositor is a node group."""


def compositor_tree(scene: Any) -> Any | None:
    """Return the scene's compositor tree, ``None`` if it has none."""
    return scene.compositing_node_group if HAS_NODE_GROUPS else scene.node_tree


def ensure_tree(scene: Any) -> Any:
    """Return the scene's compositor tree; a new one passes the rendered image through."""
    tree = compositor_tree(scene)
    if tree is not None:
        return tree
    if scene.camera is None:  # nothing is rendered
        return empty_tree(scene)[0]
    if not HAS_NODE_GROUPS:
        scene.use_nodes = True  # adds a Render Layers node that is connected to the output
        return scene.node_tree
    tree, output = new_group(scene)
    render = tree.nodes.new("CompositorNodeRLayers")
    render.location = output.location.x - 300, output.location.y
    tree.links.new(render.outputs["Image"], output.inputs[0])
    return tree


def empty_tree(scene: Any) -> tuple[Any, Any]:
    """Give a scene a compositor with only an output; return the tree and the output node."""
    if HAS_NODE_GROUPS:
        return new_group(scene)
    scene.use_nodes = True
    scene.node_tree.nodes.clear()
    return scene.node_tree, scene.node_tree.nodes.new("CompositorNodeComposite")


def new_group(scene: Any) -> tuple[Any, Any]:
    """Give a scene a node group as compositor; return the group and its output node."""
    tree = bpy.data.node_groups.new(scene.name, "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    scene.compositing_node_group = tree
    output = tree.nodes.new("NodeGroupOutput")
    output.location = 600, 0
    return tree, output


def output_node(tree: Any) -> Any | None:
    """Return the output node of the compositor."""
    kind = "NodeGroupOutput" if HAS_NODE_GROUPS else "CompositorNodeComposite"
    found = [node for node in tree.nodes if node.bl_idname == kind]
    return next((node for node in found if getattr(node, "is_active_output", True)), None)
