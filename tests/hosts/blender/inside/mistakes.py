"""Make the mistakes that an artist may make; collect the messages."""

import importlib
import os
from pathlib import Path

import bpy
import scene as s

given = s.arguments()
s.enable()
STATE = s.module("state").STATE
scene, settings = bpy.context.scene, bpy.context.scene.stcn
preferences = bpy.context.preferences.addons[s.NAME].preferences
messages = {}


def run(name, operator):
    try:
        messages[name] = str(operator())
    except RuntimeError as error:  # raised by Blender for an operator's report
        messages[name] = str(error).strip()


run("worker", bpy.ops.stcn.test_worker)
messages["description"] = [each.name for each in STATE.worker.description.presets]
pid = STATE.worker.client().pid

run("no node", bpy.ops.stcn.propagate)
run("no editor", bpy.ops.stcn.use_editor)
settings.plate_kind = "IMAGE"
run("no image", bpy.ops.stcn.propagate)
settings.plate_image = bpy.data.images.load(given["plate"])
run("single image", bpy.ops.stcn.propagate)
settings.plate_image.source = "SEQUENCE"
settings.plate_image.colorspace_settings.name = "Filmic Log"
run("unsaved file", bpy.ops.stcn.propagate)
settings.out = str(Path(given["folder"]) / "mattes")
run("no mask", bpy.ops.stcn.propagate)
settings.mask = bpy.data.masks.new("roto")
run("empty mask", bpy.ops.stcn.propagate)
settings.mask = s.mask_of("drawn", hero=([(20, 20), (60, 20), (60, 60)], (160, 96)))
settings.keyframes_at = "1001 1004"
run("keyframes", bpy.ops.stcn.propagate)
settings.keyframes_at = "1001"
settings.frame_range = "1008-1001"
run("range", bpy.ops.stcn.propagate)
settings.frame_range = ""
settings.preset = "heroo"
run("preset", bpy.ops.stcn.propagate)
settings.preset = "hero"
settings.keyframes_at = "1100"
run("keyframe outside", bpy.ops.stcn.propagate)
messages["status"] = [STATE.status.text, STATE.status.error.what]
messages["warnings"] = list(STATE.status.warnings)
host, shot_settings = s.module("host"), s.module("shot_settings")
worker = s.module("state").make_worker()
worker._find_python = lambda: ""
try:
    host.create_job(shot_settings.ShotSettings.of(scene), worker)
except importlib.import_module("stcn_plugin.errors").WorkerError as error:
    status = STATE.status
    messages["no python"] = [error is status.error, status.text, status.is_running]
settings.overrides = "memory.interval='3"
run("quotes", bpy.ops.stcn.propagate)
settings.overrides = ""
settings.keyframe_kind = "FILES"
run("no keyframe file", bpy.ops.stcn.propagate)
bpy.ops.stcn.add_keyframe_file()
settings.keyframe_files[0].file = "/absent.exr"
run("absent keyframe", bpy.ops.stcn.propagate)
bpy.ops.stcn.remove_keyframe_file()
preferences.python = "/no/such/python"
run("worker's Python", bpy.ops.stcn.test_worker)
preferences.python = ""

panels = [name for name in dir(bpy.types) if name.startswith("STCN_PT_")]
spaces = sorted({getattr(bpy.types, name).bl_space_type for name in panels})
bpy.ops.stcn.test_worker()
last = STATE.worker.client().pid
importlib.import_module("addon_utils").disable(s.NAME)


def lives(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


s.write_results(
    messages=messages,
    spaces=spaces,
    left=[name for name in dir(bpy.types) if name.startswith("STCN_")]
    + [name for name in dir(bpy.ops.stcn) if hasattr(bpy.types, name)],
    lives=[lives(pid), lives(last)],
    scene_has=hasattr(bpy.types.Scene, "stcn"),
)
