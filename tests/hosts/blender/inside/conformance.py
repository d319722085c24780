"""Run the check of hosts on the extension, in this Blender, with a worker in another Python."""

from pathlib import Path

import bpy
import scene as s

from stcn_plugin.bridge import WorkerClient, WorkerLaunch, hookimpl
from stcn_plugin.bridge.conformance import check_host
from stcn_plugin.errors import STCNError

given = s.arguments()
s.enable()


class Failing:
    """What the operator does if the settings of the panel cannot be read."""

    def __init__(self, error):
        self.error = error

    @hookimpl
    def stcn_collect_shot(self):
        raise self.error


class BlenderScript:
    """A scene with an image sequence as plate, and a mask with a layer for each object."""

    def __init__(self):
        self.scene = bpy.data.scenes.new("Trial")
        bpy.context.window_manager.windows[0].scene = self.scene
        self.scene.frame_set(1001)
        self.image = bpy.data.images.new("plate", 8, 8)
        self.mask = None

    def set_up(self, trial):
        settings = self.scene.stcn
        settings.plate_kind = "IMAGE"
        settings.plate_image = self.image if trial.plate else None
        self.image.source, self.image.filepath = "SEQUENCE", trial.plate.replace("####", "1001")
        settings.out, settings.frame_range, settings.preset = trial.out, trial.range, trial.preset
        self.draw(trial.keyframes)
        settings.mask = self.mask
        settings.keyframes_at = ",".join(map(str, sorted({each.frame for each in trial.keyframes})))
        try:
            return s.module("host").BlenderHost(s.module("shot_settings").ShotSettings.of(self.scene))
        except STCNError as error:
            return Failing(error)

    def draw(self, keyframes):
        """Draw the outlines, and key them at their frames."""
        if self.mask is not None:
            bpy.data.masks.remove(self.mask)
        size = 128, 80
        first = {each.object_name: (each.outline, size) for each in reversed(keyframes)}
        self.mask = s.mask_of("roto", **first)
        for keyframe in keyframes:
            self.scene.frame_set(keyframe.frame)
            layer = self.mask.layers[keyframe.object_name]
            s.set_points(layer.splines[0], keyframe.outline, *size)
            s.insert_keys(self.mask, self.scene, layer.name)
        self.scene.frame_set(1001)

    def mattes(self):
        tree = s.tree_of(self.scene)
        for node in s.all_nodes(tree) if tree else ():
            if node.bl_idname == "CompositorNodeSetAlpha" and node.get("stcn_object"):
                yield node["stcn_object"], node["stcn_mattes"]


with WorkerClient(WorkerLaunch(given["worker"])) as worker:
    results = list(check_host(BlenderScript, worker, folder=Path(given["folder"]) / "check"))
s.write_results(findings={each.scenario: [str(finding) for finding in each.findings] for each in results})
