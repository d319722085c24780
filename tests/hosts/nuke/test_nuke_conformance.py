"""The Nuke plugin, in the stand-in, passes the check of hosts."""

from __future__ import annotations

import sys

import pytest

from stcn_plugin.bridge import WorkerClient, WorkerLaunch
from stcn_plugin.bridge.conformance import SCENARIOS, check_host
from stcn_plugin.cli.hosts import _difference
from stcn_plugin.media.object_names import layer_names

pytestmark = pytest.mark.slow


class NukeScript:
    """A script of the stand-in: a Read for the plate, and a Roto for each object."""

    def __init__(self):
        from nuke_stage import stage
        from nuke_stage.nodes import new_script

        stage.reset()
        new_script()
        stage.frame = 1001

    def set_up(self, trial):
        import nuke
        from nuke_stage.curves import draw
        from stcn_nuke.host import NukeHost
        from stcn_nuke.jobs import KeyframeSource, PropagateJob
        from stcn_nuke.knob_text import set_file

        read = nuke.toNode("Read1") or nuke.nodes.Read()
        set_file(read["file"], trial.plate, frames=tuple(map(int, trial.range.split("-"))))
        names = list(dict.fromkeys(keyframe.object_name for keyframe in trial.keyframes)) or ["hero"]
        sources = []
        for number, name in enumerate(names, 1):
            roto = nuke.toNode(f"Roto{number}") or nuke.nodes.Roto()
            roto.setInput(0, read)
            drawn = {each.frame: disc_of(each.outline) for each in trial.keyframes if each.object_name == name}
            draw(roto._op(), drawn)
            sources.append(KeyframeSource(roto.name(), tuple(drawn), name=name))
        return NukeHost(PropagateJob("Read1", tuple(sources), trial.range, trial.out, preset=trial.preset))

    def mattes(self):
        """The layers that are copied onto the plate, each with the files of its Read."""
        import nuke
        from nuke_stage import stage
        from stcn_nuke.jobs import PropagateJob
        from stcn_nuke.matte_nodes import read_origin

        stage.pump(lambda: stage.calls.empty())
        for copy in [node for node in nuke.allNodes() if node.Class() == "Copy"]:
            sources = PropagateJob.parse(read_origin(copy).job).sources
            layers = layer_names([source.object_name for source in sources])
            channels = {copy[f"to{slot}"].value() for slot in range(4)}
            for name, layer in layers.items():
                if f"{layer}.alpha" in channels:
                    yield name, copy.input(1)["file"].getEvaluatedValue()


def disc_of(outline):
    """Centre and radius of a disc's outline."""
    xs, ys = zip(*outline, strict=True)
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, (max(xs) - min(xs)) / 2


def test_nuke_passes(nuke, tmp_path):
    """In every scenario."""
    with WorkerClient(WorkerLaunch(sys.executable)) as worker:
        results = list(check_host(NukeScript, worker, folder=tmp_path, difference=_difference))
    assert [result.scenario for result in results] == list(SCENARIOS)
    findings = [f"{result.scenario}: {finding}" for result in results for finding in result.findings]
    assert findings == []
