"""Propagate in a scene that has a compositor already, twice, and render every matte through the nodes that came of it."""

import math
import time
from pathlib import Path

import bpy
import scene as s

said = s.arguments()
s.enable()
kept = s.room("kept").KEPT
scene = bpy.context.scene
scene.frame_set(said.get("frame", 1))
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 160, 96, 100
tree, target = s.new_tree(scene)
plate = s.plate_node(tree, said["plate"], 1, 1000, 8)
tree.links.new(plate.outputs["Image"], target)

size = 160, 96
disc = [(50 + 22.5 * math.cos(a * math.pi / 16), 48 + 22.5 * math.sin(a * math.pi / 16)) for a in range(32)]
scene.stcn.mask = s.mask_of(
    "roto", **{"hero": (disc, size), "left arm.v2": ([(0, 64), (30, 64), (30, 96), (0, 96)], size)}
)
scene.stcn.keyframes_at = "1"
scene.stcn.plate_node = "Plate"
scene.stcn.out = str(Path(said["folder"]) / "mattes")
scene.stcn.overrides = f"size=96 compute.precision=float32 output.layout={said['layout']}"
scene.stcn.device = "cpu"


def ours():
    return sorted(
        [node.bl_idname, node.get("stcn_object", ""), node.label] for node in tree.nodes if "stcn_mattes" in node
    )


def sockets():
    """The socket of every object's matte, as it is wired to its Set Alpha node."""
    alphas = [node for node in tree.nodes if node.bl_idname == "CompositorNodeSetAlpha"]
    return {node["stcn_object"]: node.inputs["Alpha"].links[0].from_socket for node in alphas}


begun = time.monotonic()
assert bpy.ops.stcn.propagate() == {"FINISHED"}
cold = time.monotonic() - begun
first, pid, images = ours(), kept._client.pid, len(bpy.data.images)

renders = {}
for name, socket in sockets().items():
    for frame in said["frames"]:
        path = Path(said["folder"]) / f"render.{name.split()[0]}.{frame}.exr"
        renders[f"{name}:{frame}"] = s.render(scene, frame, socket, target, path)

begun = time.monotonic()
assert bpy.ops.stcn.propagate() == {"FINISHED"}
warm = time.monotonic() - begun

mattes = next(node for node in tree.nodes if node.bl_idname == "CompositorNodeImage" and "stcn_mattes" in node)
s.answer(
    first=first,
    second=ours(),
    same_worker=kept._client.pid == pid,
    same_images=len(bpy.data.images) == images,
    renders=renders,
    sockets={name: [socket.node.bl_idname, socket.name] for name, socket in sockets().items()},
    plate_links=len(plate.outputs["Image"].links),
    colour_space=mattes.image.colorspace_settings.name,
    source=mattes.image.source,
    span=[mattes.frame_start, mattes.frame_offset, mattes.frame_duration],
    shot_file=scene.stcn.shot_file,
    on_node=mattes["stcn_shot"],
    text=kept.status.text,
    warnings=kept.status.warnings,
    seconds=[cold, warm],
)
