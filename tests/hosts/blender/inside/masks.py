"""Draw masks by the extension's own code, and find their keys."""

from pathlib import Path

import bpy
import scene as s

said = s.arguments()
s.enable()
masks = s.room("masks")

drawn = []
for width, height in said["sizes"]:
    layers = {
        name: ([(x * width, y * height) for x, y in points], (width, height)) for name, points in said["layers"].items()
    }
    mask = s.mask_of(f"roto {width}x{height}", **layers)
    before = [layer.hide_render for layer in mask.layers]
    mattes = masks.render_layers(
        mask,
        {name: [3] for name in layers},
        scene=bpy.context.scene,
        size=(width, height),
        folder=Path(said["folder"]) / "keyframes",
        stem=f"{width}x{height}",
        shift=1000,
    )
    assert [layer.hide_render for layer in mask.layers] == before
    drawn += [[each.layer, each.frame, each.file, width, height] for each in mattes]

scene = bpy.context.scene
moving = s.mask_of("moving", runner=(said["layers"]["hero"], (1, 1)), still=(said["layers"]["koi"], (1, 1)))
for frame, right in said["keys"]:
    scene.frame_set(frame)
    s.set_points(moving.layers["runner"].splines[0], [(x + right, y) for x, y in said["layers"]["hero"]], 1, 1)
    s.insert_keys(moving, scene)
keys = masks.keyed_frames(moving, range(1, 41))

between = masks.render_layers(
    moving,
    {"runner": [said["between"]]},
    scene=scene,
    size=(160, 96),
    folder=Path(said["folder"]),
    stem="between",
    shift=0,
)
assert scene.frame_current == said["keys"][-1][0]
counts = [len(bpy.data.scenes), len(bpy.data.masks), len(bpy.data.node_groups)]
s.answer(drawn=drawn, keys=keys, between=between[0].file, counts=counts)
