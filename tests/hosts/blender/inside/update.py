"""Propagate a movie clip from a mask's own keys where there is no compositor yet; add a key; press again; cancel; go on."""

from pathlib import Path

import bpy
import scene as s

given = s.arguments()
s.enable()
STATE = s.module("state").STATE
scene = bpy.context.scene
scene.camera = None
folder = Path(given["folder"]) / "mattes"

clip = bpy.data.movieclips.load(given["plate"])
clip.frame_start = 11
mask = s.mask_of("roto", hero=(given["outlines"][0][1], (160, 96)))
for frame, outline in given["outlines"][:2]:
    scene.frame_set(frame)
    s.set_points(mask.layers[0].splines[0], outline, 160, 96)
    s.insert_keys(mask, scene)

settings = scene.stcn
settings.plate_kind, settings.plate_clip, settings.mask = "CLIP", clip, mask
settings.out = str(folder / "hero.####.exr")
settings.overrides = "size=96 memory.interval=2"
settings.wiring = given["wiring"]
assert bpy.ops.stcn.propagate() == {"FINISHED"}
tree = s.tree_of(scene)
before = sorted(node.bl_idname for node in tree.nodes)
shot_before = Path(settings.shot_file).read_text()


def state():
    return {path.name: [path.read_bytes().hex(), path.stat().st_mtime_ns] for path in folder.glob("*.exr")}


files = state()

frame, outline = given["outlines"][2]
scene.frame_set(frame)
s.set_points(mask.layers[0].splines[0], outline, 160, 96)
s.insert_keys(mask, scene)
assert bpy.ops.stcn.propagate() == {"FINISHED"}
again, text, reasons = state(), STATE.status.text, STATE.status.reasons
assert bpy.ops.stcn.propagate() == {"FINISHED"}
third, nothing = state(), STATE.status.text

settings.overrides = "size=96 memory.interval=3"
with s.cancelling_after(2):
    assert bpy.ops.stcn.propagate() == {"CANCELLED"}
cancelled = STATE.status.text
stopped = state()
assert bpy.ops.stcn.propagate() == {"FINISHED"}
resumed = state()

mattes = next(node for node in s.all_nodes(tree) if node.bl_idname == "CompositorNodeImage")
output = s.module("node_trees").output_node(tree)
s.write_results(
    before=before,
    after=sorted(node.bl_idname for node in tree.nodes),
    untouched=sorted(name for name in files if files[name] == again[name]),
    texts=[text, *reasons, nothing],
    third_is_the_same=third == again,
    cancelled=cancelled,
    written_before_cancel=sorted(name for name in stopped if stopped[name] != third[name]),
    written_after_cancel=sorted(name for name in resumed if resumed[name] != stopped[name]),
    written=sorted(again),
    keyframes=sorted(path.name for path in (folder / "keyframes").iterdir()),
    shot_before=shot_before,
    shot=Path(settings.shot_file).read_text(),
    span=[mattes.frame_start, mattes.frame_offset, mattes.frame_duration],
    output=output.inputs[0].links[0].from_node.bl_idname if output.inputs[0].is_linked else None,
    outputs=[socket.name for socket in mattes.outputs if not socket.is_unavailable],
    warnings=STATE.status.warnings,
)
