"""Use the mattes in the sequencer: a compositor modifier on the strip of the plate, with their node group."""

from pathlib import Path

import bpy
import scene as s

given = s.arguments()
s.enable()
scene = bpy.context.scene
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 160, 96, 100
tree, _ = s.new_tree(scene)
s.plate_node(tree, given["plate"], 1, 1000, 8)
disc = [(40, 30), (80, 30), (80, 70), (40, 70)]
scene.stcn.mask = s.mask_of("roto", hero=(disc, (160, 96)), ball=([(4, 4), (24, 4), (24, 24), (4, 24)], (160, 96)))
scene.stcn.keyframes_at = "1"
scene.stcn.out = str(Path(given["folder"]) / "mattes")
scene.stcn.overrides = "size=96"
assert bpy.ops.stcn.propagate() == {"FINISHED"}

alpha = None
if bpy.app.version >= (5, 2):  # 5.0 and 5.1 crash without a display, whatever the group
    group = next(node.node_tree for node in tree.nodes if node.bl_idname == "CompositorNodeGroup")
    editor = scene.sequence_editor_create()
    folder = Path(given["plate"]).parent
    strip = editor.strips.new_image("plate", given["plate"], channel=1, frame_start=1)
    for file in sorted(folder.glob("*.exr"))[1:]:
        strip.elements.append(file.name)
    strip.modifiers.new("mattes", "COMPOSITOR").node_group = group
    scene.compositing_node_group = None
    scene.render.use_sequencer = True
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    scene.view_settings.view_transform = "Raw"
    scene.frame_set(given["frame"])
    alpha = str(Path(given["folder"]) / "strip.exr")
    scene.render.filepath = alpha
    bpy.ops.render.render(write_still=True)
s.write_results(alpha=alpha)
