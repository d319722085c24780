"""The next day: open the file of the first day in a new process, look at everything, and press Propagate."""

from pathlib import Path

import bpy
import scene as s
from panel_text import panel_lines

given = s.arguments()
s.enable()
folder = Path(given["folder"])
bpy.ops.wm.open_mainfile(filepath=str(folder / "sh010.blend"))
scene = bpy.context.scene
settings = scene.stcn
opened = {
    "panel": panel_lines(),
    "settings": panel_lines("_mattes"),
    "markers": s.marker_list(scene),
    "mask": settings.mask.name,
    "shot_file": settings.shot_file,
    "frame": scene.frame_current,
}
target = s.module("node_trees").output_node(s.tree_of(scene)).inputs[0]
linked = target.links[0].from_socket
renders = s.render_objects(scene, target, given["looked_at"], folder / "morning")
s.tree_of(scene).links.new(linked, target)
nodes = sorted(node.bl_idname for node in s.all_nodes(s.tree_of(scene)))
assert bpy.ops.stcn.propagate() == {"FINISHED"}
s.write_results(
    opened=opened,
    renders=renders,
    panel=panel_lines(),
    markers=s.marker_list(scene),
    times=s.file_times(folder / "mattes"),
    nodes=[nodes, sorted(node.bl_idname for node in s.all_nodes(s.tree_of(scene)))],
)
