"""Propagate one frame of a plate whose data window is not its format, from a mask over what Blender shows."""

from pathlib import Path

import bpy
import scene as s

given = s.arguments()
s.enable()
scene = bpy.context.scene
scene.frame_set(1001)
image = bpy.data.images.load(given["plate"])
size = tuple(image.size)
image.source = "SEQUENCE"
scene.stcn.plate_kind, scene.stcn.plate_image = "IMAGE", image
scene.stcn.mask = s.mask_of("roto", hero=(given["outline"], size))
scene.stcn.out = str(Path(given["folder"]) / "mattes" / "hero.####.exr")
scene.stcn.overrides = "size=96"
assert bpy.ops.stcn.propagate() == {"FINISHED"}
s.write_results(size=size)
