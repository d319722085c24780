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
moving = s.mask_of("moving", runner=(given["layers"]["hero"], (1, 1)), still=(given["layers"]["koi"], (1, 1)))
for frame, right in given["keys"]:
    scene.frame_set(frame)
    s.set_points(moving.layers["runner"].splines[0], [(x + right, y) for x, y in given["layers"]["hero"]], 1, 1)
    s.insert_keys(moving, scene)
keys = masks.keyed_frames(moving, range(1, 41))

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
