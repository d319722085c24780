"""Names and messages from other people's files in knobs, which Nuke evaluates as TCL: none of them is run."""

from __future__ import annotations

from pathlib import Path

import pytest
from nuke_stage import Misuse
from nuke_stage.tcl import evaluated

from stcn_plugin.bridge import JobRequest, KeyframeFile, Report
from stcn_plugin.errors import HostError

NAMES = [
    "[exec touch /tmp/pwned]",
    "[python -exec {import os}]",
    "a [b [exec id]] c",
    "$HOME",
    "${env(HOME)}",
    "back\\slash\\[exec id]",
    'quo"te [exec id]',
    "]unopened",
    "[unclosed",
    "50% of $ 5",
    "plain",
]
FOLDER = "/m/[exec rm -rf x]/$USER"


def report(names, layout, out):
    patterns = {
        name: out.replace(".####", f".o{number}.####") if layout == "per_object" else out
        for number, name in enumerate(names)
    }
    return Report(
        objects=tuple(names),
        layers={name: f"o{number}" for number, name in enumerate(names)},
        patterns=patterns,
        layout=layout,
        device="cpu",
        precision="float32",
        frames=(1001, 1002),
        first=1001,
        last=1002,
        shot_file=f"{FOLDER}/[exec id].yaml",
    )


@pytest.mark.parametrize(
    ("text", "is_run"),
    [("[exec id]", True), ("a[set x [exec id]]b", True), ("$HOME", True), ("${x}", True), ("[getenv PATH]", False)],
)
def test_the_stand_in_evaluates_tcl_like_nuke(nuke, stage, text, is_run):
    """A label with a command is an error in the stand-in, so the tests below can fail."""
    backdrop = nuke.nodes.BackdropNode()
    if is_run:
        with pytest.raises(Misuse):
            backdrop["label"].setValue(text)
    else:
        backdrop["label"].setValue(text)
        assert backdrop["label"].value() != text
    assert evaluated(r"\[exec id\] \$HOME \\ \x") == r"[exec id] $HOME \ x"


@pytest.mark.parametrize("layout", ["layers", "per_object", "cryptomatte"])
def test_names_of_objects_and_files_are_not_evaluated(nuke, stage, make, tmp_path, layout):
    """Mattes with hostile names are delivered, saved, opened and delivered again, and nothing is run."""
    from stcn_nuke.delivery import deliver
    from stcn_nuke.jobs import KeyframeSource, PropagateJob
    from stcn_nuke.matte_nodes import selected_origin

    make.read()
    out = f"{FOLDER}/[exec id] $x.####.exr"
    job = PropagateJob("Read1", (KeyframeSource("hero", (1001,)),), "1001-1002", out)
    given = report(NAMES, layout, out)
    deliver(job, JobRequest(), given)
    backdrop = next(node for node in nuke.allNodes() if node.Class() == "BackdropNode")
    assert backdrop["label"].evaluate() == "STCN [exec id] $x\n" + ", ".join(NAMES)
    reads = [node for node in nuke.allNodes() if node.Class() == "Read" and node.knob("stcn_out")]
    assert {nuke.filename(read) for read in reads} == set(given.patterns.values())
    if layout == "cryptomatte":
        picks = [node["matteList"].value() for node in nuke.allNodes() if node.Class() == "Cryptomatte"]
        assert sorted(picks) == sorted(
            name if name == "plain" else '"{}"'.format(name.replace("\\", "\\\\").replace('"', '\\"')) for name in NAMES
        )
    before = sorted(node.name() for node in nuke.allNodes())
    nuke.scriptSaveAs(str(tmp_path / "saved.nk"))
    nuke.scriptOpen(str(tmp_path / "saved.nk"))
    deliver(job, JobRequest(), given)
    assert sorted(node.name() for node in nuke.allNodes()) == before
    make.select(*[node for node in nuke.allNodes() if node.Class() == "BackdropNode"])
    origin = selected_origin()
    assert (origin.out, origin.shot_file) == (out, f"{FOLDER}/[exec id].yaml")
    assert stage.commands == []


def test_knobs_of_other_scripts_are_not_evaluated(nuke, stage, make):
    """A script from elsewhere may have nodes with these knobs; reading them runs nothing."""
    from stcn_nuke.delivery import deliver
    from stcn_nuke.jobs import KeyframeSource, PropagateJob
    from stcn_nuke.matte_nodes import selected_origin

    make.read()
    out = "/m/sh010.####.exr"
    deliver(
        PropagateJob("Read1", (KeyframeSource("hero", (1001,)),), "1001-1002", out),
        JobRequest(),
        report(["hero"], "layers", out),
    )
    backdrop = next(node for node in nuke.allNodes() if node.Class() == "BackdropNode")
    for name in ("stcn_out", "stcn_shot", "stcn_plate", "stcn_sources", "stcn_role", "stcn_name"):
        backdrop._op().knob_values[name]._value = "[exec id]"
    make.select(backdrop)
    assert selected_origin().out == "[exec id]"
    assert stage.commands == []


def test_keyframes_are_rendered_into_any_folder(nuke, stage, make, tmp_path):
    """The file of the Write node is escaped."""
    from stcn_nuke.jobs import KeyframeSource
    from stcn_nuke.rotos import render_keyframes

    make.read()
    make.roto("hero")
    folder = tmp_path / "[exec id] $x"
    request = JobRequest(out=f"{folder}/sh[exec id].####.exr")
    sources = [KeyframeSource("hero", (1001,))]
    (keyframe,) = render_keyframes(sources, request, str(folder), nuke.toNode("Read1").format())
    assert isinstance(keyframe, KeyframeFile)
    assert Path(keyframe.file).is_file()
    assert Path(keyframe.file).parent == folder
    assert stage.commands == []


def test_panels_show_names_and_messages_literally(nuke, stage, make, monkeypatch):
    """The script's folder, colour spaces, and messages of the worker."""
    from stcn_nuke import colour
    from stcn_nuke.panels import PropagatePanel
    from stcn_nuke.rotos import sources_of
    from stcn_nuke.selection import read_selection

    read = make.read()
    make.roto("hero")
    make.select(read)
    nuke.root()["name"].setValue("/show/[exec id]/sh010.nk")
    monkeypatch.setattr(colour, "plate_space", lambda _: "Log [exec id] $x")
    selection = read_selection()
    sources = sources_of(selection.sources, range(1001, 1005))
    panel = PropagatePanel(selection, sources, last=None, on_action=print)
    panel.show_description(None, HostError("cannot read [exec id]", where="/w/<object>/$HOME.yaml"))
    job = panel.job()
    assert job.out == "/show/[exec id]/mattes/plate/plate_matte.####.exr"
    assert job.colour == "Log [exec id] $x"
    assert panel._state._shown() == "/w/<object>/$HOME.yaml: cannot read [exec id]."
    assert stage.commands == []
