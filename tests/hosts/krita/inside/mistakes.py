"""What the docker shows when something is missing or wrong, and what becomes of unusual documents."""

from pathlib import Path

import drive
from krita import Krita
from PyQt5.QtWidgets import QPushButton
from stcn_krita.animated_layers import hidden_document, load_file
from stcn_krita.object_layers import OBJECTS, find_group, object_layers, save_matte

FOLDER = Path(drive.GIVEN["folder"])
application, docker = Krita.instance(), drive.docker()
results = {}


def press(label):
    next(each for each in docker.findChildren(QPushButton) if each.text() == label).click()
    drive.process_events()
    return docker._view.text


results["no document"] = press("Propagate")
results["no plate"] = press("Import Plate")
document = drive.new_document(160, 96)
results["nothing chosen"] = press("Propagate")
docker._form._plate.setText("/gone/plate.1001.exr")
results["gone"] = press("Import Plate")
docker._form._plate.setText(drive.GIVEN["plate"])
docker._form._out.setText(str(FOLDER / "mattes.####.png"))
results["not exr"] = press("Propagate")
docker._form._out.setText(str(FOLDER / "mattes.####.exr"))
docker._form._more.setText("size='480")
results["setting"] = press("Propagate")
docker._form._more.setText("")
results["no object"] = press("Propagate")
press("Add Object")
results["nothing painted"] = press("Propagate")
results["keyframe twice"] = press("Add Keyframe")
press("Add Object")
results["names"] = [layer.name() for layer in object_layers(document)]
for layer in object_layers(document):
    layer.setName("hero")
results["same name"] = press("Propagate")

# A layer without keyframes is a keyframe at the current frame, and gets one of its own with the next.
group = find_group(document, OBJECTS)
for layer in group.childNodes():
    layer.remove()
still = document.createNode("still", "paintlayer")
group.addChildNode(still, None)
document.waitForDone()
drive.go_to(document, 3)
drive.paint(document, still, drive.grey_of(drive.GIVEN["mask"]))
text = press("Propagate")
results["still"] = docker.job._job._request.keyframes[0].frame if docker.job else text
press("Cancel")
drive.wait_until(lambda: not docker.job.is_running)
drive.go_to(document, 6)
results["made a keyframe"] = press("Add Keyframe")
drive.process_events()
(layer,) = object_layers(document)
results["keys"] = [frame for frame in range(12) if layer.hasKeyframeAtTime(frame)]
save_matte(document, layer, 3, FOLDER / "still.png")
results["empty at 6"] = not save_matte(document, layer, 6, FOLDER / "none.png")

# Every depth: the alpha of the keyframe is what was painted.
for depth in ("U8", "U16", "F16", "F32"):
    hidden = hidden_document(["layer"], [4], depth=depth)
    target = hidden.topLevelNodes()[-1]
    assert load_file(hidden, target, 4, Path(drive.GIVEN["ramp"]))
    canvas = drive.new_document(256, 16)
    results[depth] = save_matte(canvas, target, 4, FOLDER / f"{depth}.png")

# The document is closed while the job runs: the mattes are on disk, and the docker goes on.
application.windows()[0].addView(document)
drive.process_events()
document = application.activeDocument()
docker._form._preset.setEditText("draft")
press("Propagate")
job = docker.job
drive.wait_until(lambda: job.status.progress is not None)
document.setModified(False)
document.close()
drive.wait_until(lambda: not job.is_running)
results["closed"] = [
    job.status.error is not None and job.status.error.what,
    sorted(p.name for p in FOLDER.glob("*.exr")),
]
drive.write_results(**results)
