"""Jobs whose reports name frames: what the timeline has after each of them, and what the panel shows."""

from dataclasses import replace
from pathlib import Path

import bpy
import scene as s
from panel_text import frame_buttons, panel_lines

from stcn_plugin.bridge import Report
from stcn_plugin.bridge.assessment import Assessment

given = s.arguments()
package = s.enable()
STATE = s.module("state").STATE
scene = bpy.context.scene
scene.camera = None
tree, _ = s.new_tree(scene)
s.plate_node(tree, given["plate"], 1, 1000, 8)
settings = scene.stcn
settings.plate_node = "Plate"
settings.mask = s.mask_of("roto", hero=(given["outline"], (160, 96)))
settings.keyframes_at = "1"
settings.out = str(Path(given["folder"]) / "mattes")
settings.overrides = "size=96"

read_report = Report.from_json
reports = []


def assessed(data):
    """Read a report from the worker, with the assessment of the test."""
    if data["plan"] is None:  # of mattes that are about to be written
        return read_report(data)
    reports.append(read_report(data))
    found = given["assessments"][len(reports) - 1]
    return replace(reports[-1], assessment=found and Assessment.from_json(found))


Report.from_json = assessed


def run():
    """Propagate; return the markers, the buttons and the labels of the panel."""
    assert bpy.ops.stcn.propagate() == {"FINISHED"}
    return {
        "markers": s.marker_list(scene),
        "buttons": frame_buttons(),
        "labels": " ".join(line for line in panel_lines() if not line.startswith("[")),
    }


scene.timeline_markers.new("look: hero", frame=6)  # the artist's own, under a name like ours
first = run()
assert [marker.select for marker in scene.timeline_markers] == [True, *[False] * (len(first["markers"]) - 1)]
assert bpy.ops.stcn.go_to_frame(frame=first["buttons"][0][2]) == {"FINISHED"}
went_to = scene.frame_current

named = {(marker.frame, marker.name): marker for marker in scene.timeline_markers}
named[4, "look, key: hero"].name = "hand is wrong"
named[7, "look: hero"].frame = 8
second = run()

bpy.ops.wm.save_as_mainfile(filepath=given["folder"] + "/shot.blend")
bpy.ops.wm.open_mainfile(filepath=given["folder"] + "/shot.blend")
scene = bpy.context.scene
opened = [[each.frame, each.text, each.is_next_keyframe] for each in s.module("frame_markers").marked_frames(scene)]
third = run()
fourth = run()

s.write_results(first=first, went_to=went_to, second=second, opened=opened, third=third, fourth=fourth)
