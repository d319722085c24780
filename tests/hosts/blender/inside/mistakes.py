"""Make every mistake that an artist may make; collect what Blender tells of each."""

import importlib
import os
from pathlib import Path

import bpy
import scene as s

said = s.arguments()
s.enable()
kept = s.room("kept").KEPT
scene, settings = bpy.context.scene, bpy.context.scene.stcn
preferences = bpy.context.preferences.addons[s.NAME].preferences
told = {}


def tell(name, operator):
    try:
        told[name] = str(operator())
    except RuntimeError as error:  # what Blender makes of an operator's report
        told[name] = str(error).strip()


tell("worker", bpy.ops.stcn.test_worker)
told["description"] = [each.name for each in kept.description.presets]
pid = kept._client.pid

tell("no node", bpy.ops.stcn.propagate)
tell("no editor", bpy.ops.stcn.use_editor)
settings.plate_kind = "IMAGE"
tell("no image", bpy.ops.stcn.propagate)
settings.plate_image = bpy.data.images.load(said["plate"])
tell("single picture", bpy.ops.stcn.propagate)
settings.plate_image.source = "SEQUENCE"
settings.plate_image.colorspace_settings.name = "Filmic Log"
tell("unsaved file", bpy.ops.stcn.propagate)
settings.out = str(Path(said["folder"]) / "mattes")
tell("no mask", bpy.ops.stcn.propagate)
settings.mask = bpy.data.masks.new("roto")
tell("empty mask", bpy.ops.stcn.propagate)
settings.mask = s.mask_of("drawn", hero=([(20, 20), (60, 20), (60, 60)], (160, 96)))
settings.keyframes_at = "1001 1004"
tell("keyframes", bpy.ops.stcn.propagate)
settings.keyframes_at = "1001"
settings.frame_range = "1008-1001"
tell("range", bpy.ops.stcn.propagate)
settings.frame_range = ""
settings.preset = "heroo"
tell("preset", bpy.ops.stcn.propagate)
settings.preset = "hero"
settings.keyframes_at = "1100"
tell("keyframe outside", bpy.ops.stcn.propagate)
told["status"] = [kept.status.text, kept.status.error]
told["warnings"] = list(kept.status.warnings)
runs, choices = s.room("runs"), s.room("choices")
try:
    runs.Run(choices.Choices.of(scene), "")
except s.room("kept").HostError as error:
    told["no start"] = [str(error), kept.status.text, kept.status.error, kept.status.is_running]
settings.overrides = "memory.interval='3"
tell("quotes", bpy.ops.stcn.propagate)
settings.overrides = ""
settings.keyframe_kind = "FILES"
tell("no keyframe file", bpy.ops.stcn.propagate)
bpy.ops.stcn.add_keyframe_file()
settings.keyframe_files[0].file = "/absent.exr"
tell("absent keyframe", bpy.ops.stcn.propagate)
bpy.ops.stcn.remove_keyframe_file()
tell("nothing to update", bpy.ops.stcn.update)
settings.shot_file = "/gone.stcn.yaml"
tell("shot file gone", bpy.ops.stcn.update)
preferences.python = "/no/such/python"
tell("worker's Python", bpy.ops.stcn.test_worker)
preferences.python = ""

panels = [name for name in dir(bpy.types) if name.startswith("STCN_PT_")]
spaces = sorted({getattr(bpy.types, name).bl_space_type for name in panels})
bpy.ops.stcn.test_worker()
last = kept._client.pid
importlib.import_module("addon_utils").disable(s.NAME)


def lives(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


s.answer(
    told=told,
    spaces=spaces,
    left=[name for name in dir(bpy.types) if name.startswith("STCN_")]
    + [name for name in dir(bpy.ops.stcn) if hasattr(bpy.types, name)],
    lives=[lives(pid), lives(last)],
    scene_has=hasattr(bpy.types.Scene, "stcn"),
)
