"""Correct one of a mask's two layers, with keys, after the node with the mattes was deleted."""

from pathlib import Path

import bpy
import scene as s

given = s.arguments()
s.enable()
scene, settings = bpy.context.scene, bpy.context.scene.stcn
tree, _ = s.new_tree(scene)
s.plate_node(tree, given["plate"], 1001, 1000, 8)
size = 160, 96
mask = s.mask_of("roto", **{name: (points, size) for name, points in given["layers"].items()})
settings.mask = mask
settings.overrides = f"size=96 output.layout={given['layout']}"
settings.out = str(Path(given["folder"]) / given["out"])
scene.frame_set(1001)
assert bpy.ops.stcn.propagate() == {"FINISHED"}


def spans():
    return [[node.frame_start, node.frame_offset, node.frame_duration] for node in s.matte_images(tree)]


spans_before, warnings = spans(), [list(s.module("state").STATE.status.warnings)]
for node in s.matte_images(tree):
    node.id_data.nodes.remove(node)
s.insert_keys(mask, scene, "hero")
scene.frame_set(1004)
s.set_points(mask.layers["hero"].splines[0], given["moved"], *size)
s.insert_keys(mask, scene, "hero")
assert bpy.ops.stcn.propagate() == {"FINISHED"}
spans_after = spans()
warnings.append(list(s.module("state").STATE.status.warnings))

report = s.module("compositing").Report(
    objects=tuple(given["layers"]),
    layers={name: name for name in given["layers"]},
    patterns={node["stcn_object"]: node["stcn_mattes"] for node in s.all_nodes(tree) if node.get("stcn_object")},
    layout=given["layout"],
    device="cpu",
    precision="float32",
    first=1001,
    last=1008,
)
settings_now = s.module("shot_settings").ShotSettings.of(scene)
s.module("compositing").deliver(scene, settings_now, report, shot_file=settings.shot_file)
folder = Path(given["folder"]) / "mattes"
s.write_results(
    spans=[spans_before, spans_after, spans()],
    warnings=warnings,
    files=sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix != ".exr"),
    keyframes=sorted(path.name for path in (folder / "keyframes").iterdir()),
    shot_file=settings.shot_file,
)
