"""Save a .blend with a plate, a mask and settings, for a batch to run."""

import bpy
import scene as s

given = s.arguments()
s.enable()
scene = bpy.context.scene
scene.name = "Comp"
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 160, 96, 100
scene.render.filepath = "//render/comp."
settings = scene.render.image_settings
settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
scene.view_settings.view_transform = "Raw"
tree, target = s.new_tree(scene)
s.plate_node(tree, given["plate"], 1001, 1000, 8)
scene.stcn.mask = s.mask_of("roto", hero=(given["outline"], (160, 96)))
scene.stcn.keyframes_at = "1001"
scene.stcn.overrides = "size=96"
scene.stcn.preset = "draft"
scene.frame_set(1004)
bpy.ops.wm.save_as_mainfile(filepath=given["folder"] + "/shot.blend")
s.write_results()
