"""Press Propagate in Blender twice; write the seconds until the nodes of the mattes show the first one."""

import time
from pathlib import Path

import bpy
import scene as s

given = s.arguments()
s.enable()
host = s.module("host")
scene = bpy.context.scene
scene.camera = None
scene.frame_set(1001)
shot, folder, settings = Path(given["shot"]), Path(given["folder"]), scene.stcn
settings.plate_kind, settings.plate_image = "IMAGE", s.sequence(str(shot / "plates" / "two_objects.1001.exr"))
settings.keyframe_kind = "FILES"
entry = settings.keyframe_files.add()
entry.frame, entry.file = 1001, str(shot / "keyframes" / "keyframe.1001.exr")
settings.preset, settings.frame_range = given["preset"], "1001-1004"
show_frame, shown = host.BlenderHost.stcn_show_frame, []


@host.hookimpl
def recording(self, frame, files):
    show_frame(self, frame, files)
    shown.append(time.perf_counter())


host.BlenderHost.stcn_show_frame = recording
seconds = []
for name in ("cold", "warm"):
    settings.out = str(folder / name / "matte.####.exr")
    shown.clear()
    pressed = time.perf_counter()
    assert bpy.ops.stcn.propagate() == {"FINISHED"}
    seconds.append(shown[0] - pressed)
s.write_results(seconds=seconds)
