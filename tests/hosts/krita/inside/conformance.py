"""Run the check of hosts on the plugin, in this Krita, with a worker in another Python."""

from functools import partial
from pathlib import Path

import drive
from krita import Krita
from stcn_krita.animated_layers import activate
from stcn_krita.host import KritaHost
from stcn_krita.matte_layers import MATTES
from stcn_krita.object_layers import OBJECTS, find_group, object_layers
from stcn_krita.painting import add_keyframe, add_object
from stcn_krita.shot_settings import ShotSettings

from stcn_plugin.bridge import WorkerClient, WorkerLaunch
from stcn_plugin.bridge.conformance import check_host

FIRST = 1001
SIZE = 128, 80


def is_ready(document, name):
    """Whether the layer of an object is active, if there is one, as an artist would have it."""
    group = find_group(document, OBJECTS)
    layers = [each for each in group.childNodes() if each.name() == name] if group else []
    if not layers or document.activeNode() == layers[0]:
        return True
    activate(document, layers[0])
    return False


class KritaScript:
    """A document with a painted layer for each object; file 1001 is at frame 0."""

    def __init__(self):
        for document in Krita.instance().documents():
            document.setModified(False)
            document.close()
        drive.process_events()
        self.document = drive.new_document(*SIZE)
        drive.wait_until(lambda: Krita.instance().activeDocument() == self.document, 30)

    def set_up(self, trial):
        settings = ShotSettings.of(self.document)
        settings.plate = trial.plate.replace("####", str(FIRST))
        settings.out, settings.preset = trial.out, trial.preset
        first, last = map(int, trial.range.split("-"))
        settings.range = f"{first - FIRST}-{last - FIRST}"
        settings.store(self.document)
        self.paint(trial.keyframes)
        return KritaHost(self.document)

    def paint(self, keyframes):
        """Paint all keyframes anew."""
        if (group := find_group(self.document, OBJECTS)) is not None:
            group.remove()
            self.document.waitForDone()
        for name in dict.fromkeys(each.object_name for each in keyframes):
            for number, keyframe in enumerate(each for each in keyframes if each.object_name == name):
                drive.go_to(self.document, keyframe.frame - FIRST)
                drive.wait_until(partial(is_ready, self.document, name), 30)
                if number == 0:
                    add_object(self.document, name)
                else:
                    add_keyframe(self.document)
                layer = next(each for each in object_layers(self.document) if each.name() == name)
                drive.paint(self.document, layer, drive.grey_of(keyframe.file))
        drive.go_to(self.document, 0)

    def mattes(self):
        shown = {node.name() for node in find_group(self.document, MATTES).childNodes()}
        patterns = ShotSettings.of(self.document).patterns
        return [(name, pattern) for name, pattern in patterns.items() if name in shown]


with WorkerClient(WorkerLaunch(drive.GIVEN["worker"])) as worker:
    results = list(check_host(KritaScript, worker, folder=Path(drive.GIVEN["folder"]) / "check"))
assert Krita.instance().version()
drive.write_results(findings={each.scenario: [str(finding) for finding in each.findings] for each in results})
