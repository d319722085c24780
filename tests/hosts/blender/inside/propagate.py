"""Propagate twice in a scene with a compositor, and render every matte through the added nodes."""

import math
import shutil
import time
from pathlib import Path

import bpy
import scene as s

given = s.arguments()
s.enable()
STATE = s.module("state").STATE
scene = bpy.context.scene
scene.frame_set(given.get("frame", 1))
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 160, 96, 100
tree, target = s.new_tree(scene)
plate = s.plate_node(tree, given["plate"], 1, 1000, 8)
tree.links.new(plate.outputs["Image"], target)

size = 160, 96
disc = [(50 + 22.5 * math.cos(a * math.pi / 16), 48 + 22.5 * math.sin(a * math.pi / 16)) for a in range(32)]
scene.stcn.mask = s.mask_of(
    "roto", **{"hero": (disc, size), "left arm.v2": ([(0, 64), (30, 64), (30, 96), (0, 96)], size)}
)
scene.stcn.keyframes_at = "1"
scene.stcn.plate_node = "Plate"
scene.stcn.out = str(Path(given["folder"]) / "mattes")
scene.stcn.overrides = f"size=96 compute.precision=float32 output.layout={given['layout']}"
scene.stcn.device = "cpu"


def our_nodes():
    return sorted(
        [node.bl_idname, node.get("stcn_object", ""), node.label] for node in s.all_nodes(tree) if "stcn_mattes" in node
    )


begun = time.monotonic()
assert bpy.ops.stcn.propagate() == {"FINISHED"}
cold = time.monotonic() - begun
first, pid, images = our_nodes(), STATE.worker.client().pid, len(bpy.data.images)

renders = {}
for name, socket in s.matte_sockets(tree).items():
    for frame in given["frames"]:
        path = Path(given["folder"]) / f"render.{name.split()[0]}.{frame}.exr"
        renders[f"{name}:{frame}"] = s.render(scene, frame, socket, target, path)

begun = time.monotonic()
assert bpy.ops.stcn.propagate() == {"FINISHED"}
warm = time.monotonic() - begun

shutil.copytree(Path(given["folder"]) / "mattes", Path(given["folder"]) / "before" / "mattes")
# Changed mattes are shown, although the same frame was rendered before.
scene.stcn.use_matte_grow, scene.stcn.matte_grow = True, 3.0
assert bpy.ops.stcn.propagate() == {"FINISHED"}
frame = given["frames"][-1]
again = s.render(scene, frame, s.matte_sockets(tree)["hero"], target, Path(given["folder"]) / "again.exr")

# What the panel shows beside the preset, once the worker has answered.
panels = s.module("panels")
STATE.worker.describe_in_background()
STATE.worker.wait_for_description()
licences = []
for chosen in ("", "starter-free", "unknown"):
    scene.stcn.weights = chosen
    licences.append(panels.licence_of(scene.stcn))

mattes = s.matte_images(tree)[0]
group = next((node.node_tree for node in tree.nodes if node.bl_idname == "CompositorNodeGroup"), None)
s.write_results(
    first=first,
    second=our_nodes(),
    same_worker=STATE.worker.client().pid == pid,
    same_images=len(bpy.data.images) == images,
    renders=renders,
    sockets={name: [socket.node.bl_idname, socket.name] for name, socket in s.matte_sockets(tree).items()},
    plate_links=len(plate.outputs["Image"].links),
    colour_space=mattes.image.colorspace_settings.name,
    source=mattes.image.source,
    span=[mattes.frame_start, mattes.frame_offset, mattes.frame_duration],
    shot_file=scene.stcn.shot_file,
    on_node=mattes["stcn_shot"],
    text=STATE.status.text,
    warnings=STATE.status.warnings,
    weights=STATE.status.report.weights.text,
    licences=licences,
    seconds=[cold, warm],
    again=again,
    viewers=[
        node.inputs[0].links[0].from_node["stcn_object"]
        for node in tree.nodes
        if node.bl_idname == "CompositorNodeViewer"
    ],
    asset=group and [group.asset_data.description, [each.name for each in group.interface.items_tree]],
)
