"""What the docker shows when something is missing or wrong, and what becomes of unusual documents."""

import struct
import tempfile
from pathlib import Path

import drive
from krita import Krita
from PyQt5.QtCore import QByteArray
from PyQt5.QtWidgets import QPushButton
from stcn_krita import object_layers as reading
from stcn_krita.animated_layers import hidden_document, load_file
from stcn_krita.matte_layers import MATTES
from stcn_krita.object_layers import OBJECTS, find_group, object_layers, save_matte
from stcn_krita.shot_settings import ShotSettings

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
docker._form._plate.setText("~nobody-by-that-name/plate.1001.exr")
results["no home"] = press("Propagate")
docker._refresh()
docker._form._plate.setText(str(FOLDER / "stray" / "plate.1001.exr"))
results["stray"] = press("Import Plate")

# Files that Krita cannot read are named at the end of the import.
docker._form._plate.setText(str(FOLDER / "damaged" / "plate.1001.exr"))
press("Import Plate")
drive.wait_until(lambda: not docker.is_importing)
results["damaged"] = docker._view.text
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
(layer,) = object_layers(document)
layer.setLocked(True)
results["locked"] = press("Add Keyframe")
layer.setLocked(False)
layer.setVisible(False)
results["hidden"] = press("Add Keyframe")
layer.setVisible(True)
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

# Every depth: the alpha of the keyframe is what was painted, however many pixels are read at a time.
reading._STRIP = 1000
for depth in ("U8", "U16", "F16", "F32"):
    hidden = hidden_document(["layer"], [4], depth=depth)
    target = hidden.topLevelNodes()[-1]
    assert load_file(hidden, target, 4, Path(drive.GIVEN["ramp"]))
    canvas = drive.new_document(256, 16)
    results[depth] = save_matte(canvas, target, 4, FOLDER / f"{depth}.png")

# Alpha that is no number, or above 1.
canvas = drive.new_document(3, 1, "F16")
odd = canvas.createNode("odd", "paintlayer")
canvas.rootNode().addChildNode(odd, None)
canvas.waitForDone()
odd.setPixelData(
    struct.pack("<12e", *(value for alpha in ("nan", "inf", ".5") for value in (1, 1, 1, float(alpha)))), 0, 0, 3, 1
)
save_matte(canvas, odd, None, FOLDER / "odd.png")

# Settings that another program has damaged are the default ones.
results["settings"] = []
for text in drive.GIVEN["damaged settings"]:
    canvas.setAnnotation("stcn", "", QByteArray(text.encode()))
    docker._form.fill(ShotSettings.of(canvas))
    results["settings"].append(ShotSettings.of(canvas) == ShotSettings())

# Without a folder for temporary files, mattes cannot be loaded: the job ends, but does not stop the next one.
application.windows()[0].addView(document)
drive.process_events()
docker._form._preset.setEditText("draft")
tempfile.tempdir = str(FOLDER / "gone")
press("Propagate")
drive.wait_until(lambda: not docker.job.is_running)
results["no folder"] = docker._view.text
tempfile.tempdir = None
press("Propagate")
drive.wait_until(lambda: not docker.job.is_running)
results["next job"] = docker.job.status.report is not None

# Undo brings an older layer of mattes back; the next job loads them again.


def shown():
    (layer,) = find_group(document, MATTES).childNodes()
    return [sum(bytes(layer.pixelDataAtTime(0, 0, 160, 96, frame))) for frame in range(12)]


docker._form._more.setText("matte.grow=-5")
first = shown()
press("Propagate")
drive.wait_until(lambda: not docker.job.is_running)
second = shown()
for _ in range(2):  # the new layer, and the removal of the old one
    application.action("edit_undo").trigger()
    document.waitForDone()
    drive.process_events()
undone = shown()
press("Propagate")
drive.wait_until(lambda: not docker.job.is_running)
results["undone"] = [first != second, undone == first, shown() == second]

# The document is closed while the job runs: the mattes are on disk, and the docker goes on.
docker._form._more.setText("memory.interval=2")
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
