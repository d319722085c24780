"""Run the check of hosts on the plugin, in this Krita, with a worker in another Python."""

from pathlib import Path

import drive
from krita import Krita
from stcn_krita.animated_layers import discard, hidden_document
from stcn_krita.host import KritaHost
from stcn_krita.matte_layers import MATTES
from stcn_krita.object_layers import OBJECTS, find_group
from stcn_krita.shot_settings import ShotSettings

from stcn_plugin.bridge import WorkerClient, WorkerLaunch
from stcn_plugin.bridge.conformance import check_host

FIRST = 1001
SIZE = 128, 80


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
        if not keyframes:
            return
        group = self.document.createGroupLayer(OBJECTS)
        self.document.rootNode().addChildNode(group, None)
        for name in dict.fromkeys(each.object_name for each in keyframes):
            drawn = {each.frame - FIRST: each.file for each in keyframes if each.object_name == name}
            hidden = hidden_document([name], drawn, depth="U8")
            layer = hidden.topLevelNodes()[-1].clone()
            discard(hidden)
            group.addChildNode(layer, None)
            for frame, file in drawn.items():
                drive.go_to(self.document, frame)
                drive.paint(self.document, layer, drive.grey_of(file))
        drive.go_to(self.document, 0)

    def mattes(self):
        shown = {node.name() for node in find_group(self.document, MATTES).childNodes()}
        patterns = ShotSettings.of(self.document).patterns
        return [(name, pattern) for name, pattern in patterns.items() if name in shown]


with WorkerClient(WorkerLaunch(drive.GIVEN["worker"])) as worker:
    results = list(check_host(KritaScript, worker, folder=Path(drive.GIVEN["folder"]) / "check"))
assert Krita.instance().version()
drive.write_results(findings={each.scenario: [str(finding) for finding in each.findings] for each in results})
