"""In Blender's window: propagate while Blender stays usable, ignore ESC, and stop by the Cancel button.

blender --enable-event-simulate -P modal.py -- SITE EXTENSION SHOT FOLDER PYTHON
"""

import importlib
import importlib.util
import json
import os
import sys
import time
import traceback
from pathlib import Path

import bpy

site, extension, shot, folder, python = sys.argv[sys.argv.index("--") + 1 :]
sys.path[:0] = [site, str(Path(__file__).parent)]
helpers = importlib.import_module("scene")
spec = importlib.util.spec_from_file_location(
    "stcn_blender", f"{extension}/__init__.py", submodule_search_locations=[extension]
)
package = importlib.util.module_from_spec(spec)
sys.modules["stcn_blender"] = package
spec.loader.exec_module(package)
package.register()
os.environ["STCN_WORKER_PYTHON"] = python  # this Blender is too old for extensions and their preferences
STATE = sys.modules["stcn_blender.state"].STATE

bpy.context.preferences.view.show_splash = False
window = bpy.context.window_manager.windows[0]
area = max(window.screen.areas, key=lambda each: each.width * each.height)
area.ui_type = "CompositorNodeTree"
area.spaces.active.show_region_ui = True
scene = bpy.context.scene
scene.camera = None
tree, _ = helpers.new_tree(scene)
helpers.plate_node(tree, f"{shot}/plates/two_objects.1001.exr", 1001, 1000, 40)
settings = scene.stcn
settings.keyframe_kind = "FILES"
settings.keyframe_files.add().frame = 1001
settings.keyframe_files[0].file = f"{shot}/keyframes/keyframe.1001.exr"
settings.preset, settings.frame_range = "draft", "1001-1004"
settings.out = f"{folder}/mattes/matte.####.exr"

results = {"ticks": 0, "ends": []}


def within(call):
    region = next(each for each in area.regions if each.type == "WINDOW")
    with bpy.context.temp_override(window=window, screen=window.screen, area=area, region=region):
        return call()


def wait_until(ready):
    """Let Blender run until a condition holds; on every tick the artist could work."""
    end = time.monotonic() + 300
    while not ready():
        assert time.monotonic() < end, STATE.status.text
        results["ticks"] += 1
        scene.frame_current = 1001 + results["ticks"] % 40
        yield


def work():
    assert within(lambda: bpy.ops.stcn.propagate("INVOKE_DEFAULT")) == {"RUNNING_MODAL"}
    yield from wait_until(lambda: STATE.status.progress or not STATE.status.is_running)
    results["is_running_at_escape"] = STATE.status.is_running
    within(escape)
    yield from wait_until(lambda: not STATE.status.is_running)
    results["ends"].append(STATE.status.text)
    results["nodes"] = sorted(each.bl_idname for each in tree.nodes)
    results["shot_file"] = settings.shot_file
    settings.frame_range = ""
    within(lambda: bpy.ops.stcn.propagate("INVOKE_DEFAULT"))
    yield from wait_until(lambda: STATE.status.progress and STATE.status.progress.done >= 2)
    within(bpy.ops.stcn.cancel)
    yield from wait_until(lambda: not STATE.status.is_running)
    results["ends"].append(STATE.status.text)
    results["done"] = STATE.status.progress.done
    results["nodes_after"] = sorted(each.bl_idname for each in tree.nodes)
    settings.frame_range = "1001-1002"
    for name in ("one", "two"):
        settings.out = f"{folder}/{name}/{name}.####.exr"
        within(lambda: bpy.ops.stcn.propagate("INVOKE_DEFAULT"))
    yield
    results["queue"] = [each.is_running for each in STATE.running]
    seen = set()
    yield from wait_until(lambda: seen.add(STATE.status.text) or not STATE.running)
    results["seen"] = sorted(text for text in seen if text.startswith("Waiting"))
    results["files"] = sorted(file.name for name in ("one", "two") for file in Path(folder, name).glob("*.exr"))


def escape():
    window.event_simulate(type="ESC", value="PRESS", x=area.x + 200, y=area.y + 200)
    window.event_simulate(type="ESC", value="RELEASE", x=area.x + 200, y=area.y + 200)


steps = work()


def tick():
    try:
        next(steps)
    except StopIteration:
        pass
    except Exception:  # noqa: BLE001 - reported to the test; nothing else would end this Blender
        results["error"] = traceback.format_exc()
    else:
        return 0.05
    Path(folder, "results.json").write_text(json.dumps(results))
    package.unregister()
    bpy.ops.wm.quit_blender()
    return None


bpy.app.timers.register(tick, first_interval=1.0)
