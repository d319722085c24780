"""An artist's first day: draw three objects, propagate, cancel, go on, correct two frames, change the levels, Cryptomatte."""

from pathlib import Path

import bpy
import scene as s
from panel_text import panel_lines

given = s.arguments()
s.enable()
folder = Path(given["folder"])
outlines = {int(frame): drawn for frame, drawn in given["outlines"].items()}
SIZE = 160, 96
record = {}


def draw(frame, *layers):
    """Draw the outline of layers at a frame, and insert a shape key."""
    scene.frame_set(frame)
    for layer in layers:
        s.set_points(mask.layers[layer].splines[0], outlines[frame][layer], *SIZE)
    s.insert_keys(mask, scene, *layers)


def press(step):
    """Press Propagate; record what the artist sees, and the files."""
    try:
        ended = sorted(bpy.ops.stcn.propagate())
    except RuntimeError as error:
        ended = str(error)
    tree = s.tree_of(scene)
    record[step] = {
        "ended": ended,
        "panel": panel_lines(),
        "labels": sorted(node.label for node in tree.nodes if node.get("stcn_mattes") and node.label),
        "nodes": sorted(node.bl_idname for node in s.all_nodes(tree)),
        "markers": s.marker_list(scene),
        "times": s.file_times(folder / "mattes"),
        "warnings": s.module("state").STATE.status.warnings,
    }


scene = bpy.context.scene
scene.frame_start, scene.frame_end = 1001, 1012
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = *SIZE, 100
tree, target = s.new_tree(scene)
plate = s.plate_node(tree, given["plate"], 1001, 1000, 12)
tree.links.new(plate.outputs["Image"], target)
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "sh010.blend"))

objects = list(outlines[1001])
scene.frame_set(1001)
mask = s.mask_of("roto", **{name: (outlines[1001][name], SIZE) for name in objects})
scene.stcn.mask = mask
draw(1001, *objects)
draw(1007, *objects)
with s.cancelling_after(3):
    press("cancel")
scene.frame_set(1010)  # the artist has scrubbed to another frame
press("go on")
draw(1003, "hero")
draw(1005, "ball")
press("correct")
s.copy_mattes(folder, "corrected")
settings = scene.stcn
settings.use_matte_black, settings.matte_black = True, 0.3
settings.use_matte_white, settings.matte_white = True, 0.7
press("levels")
s.copy_mattes(folder, "levels")
settings.output_layout = "cryptomatte"
press("cryptomatte")
bpy.ops.wm.save_mainfile()

s.write_results(record=record, renders=s.render_objects(scene, target, given["looked_at"], folder / "evening"))
