"""Render masks with the extension's own code, and find their keys."""

from pathlib import Path

import bpy
import scene as s

given = s.arguments()
s.enable()
masks = s.module("masks")

drawn = []
for width, height in given["sizes"]:
    layers = {
        name: ([(x * width, y * height) for x, y in points], (width, height))
        for name, points in given["layers"].items()
    }
    mask = s.mask_of(f"roto {width}x{height}", **layers)
    before = [layer.hide_render for layer in mask.layers]
    mattes = masks.render_layers(
        mask,
        {name: [3] for name in layers},
        scene=bpy.context.scene,
        size=(width, height),
        path=lambda layer, frame, size=f"{width}x{height}": (
            Path(given["folder"]) / "keyframes" / f"{size}.{layer}.{frame}.exr"
        ),
    )
    assert [layer.hide_render for layer in mask.layers] == before
    drawn += [[each.layer, each.frame, str(each.file), width, height] for each in mattes]

scene = bpy.context.scene
layers = dict.fromkeys(("runner", "resting", "bare", "leaving"), (given["layers"]["hero"], (1, 1)))
moving = s.mask_of("moving", **layers)
for frame, right in given["keys"]:
    scene.frame_set(frame)
    s.set_points(moving.layers["runner"].splines[0], [(x + right, y) for x, y in given["layers"]["hero"]], 1, 1)
    s.insert_keys(moving, scene, "runner")
for frame in given["resting"]:
    scene.frame_set(frame)
    s.insert_keys(moving, scene, "resting")
for frame, alpha in given["alphas"]:
    moving.layers["leaving"].alpha = alpha
    moving.layers["leaving"].keyframe_insert("alpha", frame=frame)
scene.frame_set(given["keys"][-1][0])
moving.layers.active = moving.layers["bare"]
bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
bpy.data.objects["Cube"].keyframe_insert("location", frame=5)  # of something else in the scene
scene["other"] = 1.0
scene.keyframe_insert('["other"]', frame=6)
keys = masks.keyed_frames(moving, range(1, 41))
assert moving.layers.active.name == "bare"

between = masks.render_layers(
    moving,
    {"runner": [given["between"]]},
    scene=scene,
    size=(160, 96),
    path=lambda layer, frame: Path(given["folder"]) / f"between.{frame}.exr",
)
assert scene.frame_current == given["keys"][-1][0]
counts = [len(bpy.data.scenes), len(bpy.data.masks), len(bpy.data.node_groups)]
s.write_results(drawn=drawn, keys=keys, between=str(between[0].file), counts=counts)
