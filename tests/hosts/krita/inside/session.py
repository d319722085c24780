"""A session of an artist: import the plate, paint, propagate, add a keyframe, cancel, go on, save, and reopen."""

import time
from pathlib import Path

import drive
from krita import Krita
from PyQt5.QtWidgets import QPushButton
from stcn_krita.matte_layers import MATTES
from stcn_krita.object_layers import find_group, object_layers
from stcn_krita.shot_settings import ShotSettings

FOLDER = Path(drive.GIVEN["folder"])
NAME = "hero [é]"
application = Krita.instance()
docker = drive.docker()
results = {}


def press(label):
    button = next(each for each in docker.findChildren(QPushButton) if each.text() == label)
    button.click()


def job():
    return docker.job


def propagate():
    """Press Propagate and wait; returns the seconds until the first matte and until the end, and the longest block."""
    start, first = time.monotonic(), []
    press("Propagate")
    assert job() is not None and job().is_running, docker._view.text
    pressed = time.monotonic() - start

    def is_over():
        if not first and job().status.progress is not None:
            first.append(time.monotonic() - start)
        return not job().is_running

    blocked = drive.wait_until(is_over)
    return {"pressed": pressed, "first": first[:1], "end": time.monotonic() - start, "blocked": blocked}


def dump(document, name, tag):
    """Write the pixels of the mattes at all frames."""
    layer = next(each for each in find_group(document, MATTES).childNodes() if each.name() == name)
    for frame in range(12):
        data = bytes(layer.pixelDataAtTime(0, 0, document.width(), document.height(), frame))
        (FOLDER / f"{tag}.{frame}.raw").write_bytes(data)
    return [layer.colorDepth(), layer.colorModel(), layer.name()]


# Import: the button makes a document of the plate's size.
docker._form._plate.setText(drive.GIVEN["plate"])
press("Import Plate")
drive.wait_until(lambda: not docker.is_importing)
drive.process_events()
document = application.activeDocument()
plate = document.topLevelNodes()[0 if document.topLevelNodes()[0].name() == "Plate" else 1]
results["plate"] = [plate.name(), document.width(), document.height(), document.fullClipRangeEndTime()]
for frame in (0, 7):
    (FOLDER / f"plate.{frame}.raw").write_bytes(
        bytes(plate.pixelDataAtTime(0, 0, document.width(), document.height(), frame))
    )

# Paint the object at frame 2.
drive.go_to(document, 2)
press("Add Object")
drive.process_events()
(layer,) = object_layers(document)
layer.setName(NAME)  # also lets Krita's window learn of the layer, which it does late while a script runs
drive.paint_half(document, layer, drive.grey_of(drive.GIVEN["masks"]["2"]))
docker._form._out.setText(drive.GIVEN["out"])
docker._form._preset.setEditText("draft")
drive.go_to(document, 5)
drive.wait_until(lambda: document.activeNode() == layer, 10)
before = (document.activeNode().uniqueId().toString(), document.currentTime())
results["cold"] = propagate()
results["text"] = docker._view.text
results["notes"] = [note.frame for note in job().status.notes]
results["matte"] = dump(document, NAME, "first")
for _ in range(3):
    drive.process_events()
results["before"], results["after"] = before, (document.activeNode().uniqueId().toString(), document.currentTime())

# Nothing has changed: nothing is written.
results["again"] = propagate()
results["written"] = list(job().status.report.frames)

# A second keyframe starts from the matte; then cancel with the first frame, and go on.
drive.go_to(document, 9)
press("Add Keyframe")
(layer,) = object_layers(document)
(FOLDER / "copied.raw").write_bytes(bytes(layer.pixelDataAtTime(0, 0, document.width(), document.height(), 9)))
drive.paint_half(document, layer, drive.grey_of(drive.GIVEN["masks"]["9"]))
drive.process_events()
docker._refresh()
results["objects"] = [docker._objects.item(row).text() for row in range(docker._objects.count())]
press("Propagate")
drive.wait_until(lambda: job().status.progress is not None or not job().is_running)
press("Cancel")
drive.wait_until(lambda: not job().is_running)
results["cancelled"] = job().text
results["warm"] = propagate()
dump(document, NAME, "second")
results["keyframes"] = [(each.frame, each.file) for each in job()._job._request.keyframes]
(results["pattern"],) = job().status.report.patterns.values()

# What is saved is there the next day.
file = str(FOLDER / "shot.kra")
document.setBatchmode(True)
assert document.saveAs(file)
document.waitForDone()
application.windows()[0].qwindow().grab().save(str(FOLDER / "window.png"))
document.close()
document = application.openDocument(file)
application.windows()[0].addView(document)
drive.process_events()
dump(document, NAME, "reopened")
results["reopened"] = ShotSettings.of(document).plate
drive.process_events()
results["shown"] = docker._form._plate.text()
drive.write_results(**results)
