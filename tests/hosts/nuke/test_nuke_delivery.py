"""The nodes that mattes come into the script with, checked as the .nk text that they are saved as."""

from __future__ import annotations

from dataclasses import replace

import nkparser
import pytest

from stcn_plugin.bridge import JobRequest, Report, WeightsUsed
from stcn_plugin.errors import HostError

OUT = "/m/sh010.####.exr"


def report(objects=("hero",), layout="layers", frames=(1001, 1002, 1003), layers=None, shot=None):
    patterns = {name: OUT.replace(".####", f".{name}.####") if layout == "per_object" else OUT for name in objects}
    return Report(
        objects=tuple(objects),
        layers=layers or {name: name for name in objects},
        patterns=patterns,
        layout=layout,
        device="cpu",
        precision="float32",
        frames=tuple(frames),
        first=min(shot or frames),
        last=max(shot or frames),
        shot_file="/m/sh010.yaml",
    )


@pytest.fixture
def deliver(nuke, make):
    """Delivers a report for mattes of Read1; returns the nodes by name."""
    make.read()

    def run(given):
        from stcn_nuke.delivery import deliver as bring
        from stcn_nuke.jobs import KeyframeSource, PropagateJob

        job = PropagateJob("Read1", (KeyframeSource("hero", (1001,)),), "1001-1003", OUT)
        bring(job, JobRequest(save_as="/m/sh010.yaml"), given)
        return {node.name(): node for node in nuke.allNodes()}

    return run


@pytest.fixture
def saved(nuke, tmp_path):
    """Saves the script and reads it with a parser that is not ours, which has nothing to complain of."""

    def run() -> nkparser.Script:
        nuke.scriptSaveAs(str(tmp_path / "sh010.nk"), overwrite=1)
        script = nkparser.Script.from_file(tmp_path / "sh010.nk")
        assert [str(diagnostic) for diagnostic in script.diagnostics] == []
        return script

    return run


def chain_of(node) -> list[str]:
    """The names from a node up its first inputs."""
    names = []
    while node is not None:
        names.append(node.name())
        node = node.input(0)
    return names


def test_layers_are_added_to_the_plate(deliver, saved):
    """A raw Read, black outside the shot and an error on missing frames; a Copy of hero.alpha onto the plate."""
    deliver(report())
    script = saved()
    read = script.find("STCN_sh010_Read1")
    assert {name: read.get_string(name) for name in ("file", "raw", "on_error", "before", "after")} == {
        "file": OUT,
        "raw": "true",
        "on_error": "error",
        "before": "black",
        "after": "black",
    }
    assert [read.get(name) for name in ("first", "last", "origfirst", "origlast")] == ["1001", "1003", "1001", "1003"]
    copy = script.find("STCN_sh010_Copy1")
    assert (copy.get("from0"), copy.get("to0"), copy.get("from1")) == ("hero.alpha", "hero.alpha", "none")
    # The parser lists inputs from the bottom of the stack up: B, the plate, comes last.
    assert [before.name for before in copy.inputs] == ["STCN_sh010_Read1", "Read1"]
    assert [before.name for before in script.find("STCN_sh010_Dot1").inputs] == ["STCN_sh010_Copy1"]
    backdrop = script.find("STCN_sh010_BackdropNode1")
    assert backdrop.get_string("stcn_shot") == "/m/sh010.yaml"
    assert backdrop.get_string("label") == "STCN sh010\nhero"
    assert "add_layer {hero hero.alpha}" in script.to_nk()


def test_the_licence_is_shown_with_the_mattes(deliver):
    """In the backdrop's label, and on every node of the mattes."""
    used = WeightsUsed("starter", "0" * 64, "CC-BY-NC-4.0", True)
    nodes = deliver(replace(report(), weights=used))
    backdrop = nodes["STCN_sh010_BackdropNode1"]
    assert backdrop["label"].evaluate() == "STCN sh010\nhero\nweights: starter, licence: CC-BY-NC-4.0"
    for name in ("BackdropNode1", "Read1", "Copy1", "Dot1"):
        assert nodes[f"STCN_sh010_{name}"]["stcn_weights"].value() == "starter, licence: CC-BY-NC-4.0"


def test_the_backdrop_surrounds_the_nodes(deliver):
    """All nodes of the mattes are inside it, and the plate is not."""
    nodes = deliver(report(["hero", "ball"]))
    backdrop = nodes["STCN_sh010_BackdropNode1"]
    left, top = backdrop.xpos(), backdrop.ypos()
    right, bottom = left + backdrop["bdwidth"].value(), top + backdrop["bdheight"].value()
    inside = {name for name, node in nodes.items() if left < node.xpos() < right and top < node.ypos() < bottom}
    assert inside == {"STCN_sh010_Read1", "STCN_sh010_Copy1", "STCN_sh010_Dot1"}


def test_five_objects_need_two_copies(deliver, saved):
    """A Copy takes four channels."""
    names = ["a1", "a2", "a3", "a4", "a5"]
    nodes = deliver(report(names))
    assert chain_of(nodes["STCN_sh010_Dot1"]) == ["STCN_sh010_Dot1", "STCN_sh010_Copy2", "STCN_sh010_Copy1", "Read1"]
    first, second = nodes["STCN_sh010_Copy1"], nodes["STCN_sh010_Copy2"]
    assert [first[f"to{slot}"].value() for slot in range(4)] == [f"{name}.alpha" for name in names[:4]]
    assert [second[f"to{slot}"].value() for slot in range(4)] == ["a5.alpha", "none", "none", "none"]
    saved()


def test_layers_have_the_names_in_the_files(deliver):
    """An object with a reserved name uses the layer name that the worker reports."""
    nodes = deliver(report(["mask"], layers={"mask": "mask_matte"}))
    assert nodes["STCN_sh010_Copy1"]["to0"].value() == "mask_matte.alpha"


def test_each_file_per_object_has_a_read(deliver, saved):
    """Each Read's alpha becomes its object's channel."""
    nodes = deliver(report(["hero", "ball"], "per_object"))
    script = saved()
    assert script.find("STCN_sh010_Read1").get_string("file") == "/m/sh010.hero.####.exr"
    assert script.find("STCN_sh010_Read2").get_string("file") == "/m/sh010.ball.####.exr"
    for copy, name, read in (("Copy1", "hero", "Read1"), ("Copy2", "ball", "Read2")):
        node = nodes[f"STCN_sh010_{copy}"]
        assert (node["from0"].value(), node["to0"].value()) == ("rgba.alpha", f"{name}.alpha")
        assert node.input(1).name() == f"STCN_sh010_{read}"


def test_a_cryptomatte_is_picked_by_name(deliver, saved):
    """A Cryptomatte node per object, with its name in the matte list; names with spaces are quoted."""
    nodes = deliver(report(["hero", "left arm"], "cryptomatte", layers={"hero": "hero", "left arm": "left_arm"}))
    picks = [nodes["STCN_sh010_Cryptomatte1"], nodes["STCN_sh010_Cryptomatte2"]]
    assert [pick["matteList"].value() for pick in picks] == ["hero", '"left arm"']
    assert {pick.input(0).name() for pick in picks} == {"STCN_sh010_Read1"}
    assert nodes["STCN_sh010_Copy2"]["to0"].value() == "left_arm.alpha"
    assert nodes["STCN_sh010_Copy2"].input(1) == picks[1]
    saved()


def test_delivering_again_updates_the_nodes(deliver, nuke, make):
    """No node is added; connections that the artist made before, between and after stay."""
    nodes = deliver(report())
    grade = nuke.nodes.Multiply()
    grade.setInput(0, nodes["Read1"])
    nodes["STCN_sh010_Copy1"].setInput(0, grade)  # between the plate and ours
    viewer = nuke.nodes.NoOp()
    viewer.setInput(0, nodes["STCN_sh010_Dot1"])
    before = set(nodes) | {grade.name(), viewer.name()}
    after = deliver(report(frames=(1001, 1002, 1003, 1004)))
    assert set(after) == before
    assert chain_of(viewer) == ["NoOp1", "STCN_sh010_Dot1", "STCN_sh010_Copy1", "Multiply1", "Read1"]
    assert after["STCN_sh010_Read1"]["last"].value() == 1004
    assert after["STCN_sh010_Read1"]._op().reloads == 2


def test_more_objects_and_other_layouts_keep_the_chain(deliver, nuke, saved):
    """New Copies are inserted right before the Dot; unused nodes are removed and the chain is closed."""
    nodes = deliver(report(["hero"]))
    between = nuke.nodes.Multiply()
    between.setInput(0, nodes["STCN_sh010_Copy1"])
    nodes["STCN_sh010_Dot1"].setInput(0, between)
    nodes = deliver(report(["hero", "ball"], "per_object"))
    chain = ["STCN_sh010_Dot1", "STCN_sh010_Copy2", "Multiply1", "STCN_sh010_Copy1", "Read1"]
    assert chain_of(nodes["STCN_sh010_Dot1"]) == chain
    nodes = deliver(report(["hero"]))
    assert chain_of(nodes["STCN_sh010_Dot1"]) == ["STCN_sh010_Dot1", "Multiply1", "STCN_sh010_Copy1", "Read1"]
    assert sorted(name for name in nodes if "Read" in name) == ["Read1", "STCN_sh010_Read1"]
    saved()


@pytest.mark.parametrize("frames", [(1003,), ()])
def test_a_later_run_reloads_and_keeps_the_range(deliver, frames):
    """It wrote only what was missing, or nothing; the Read keeps the frames of the shot."""
    shot = (1001, 1002, 1003, 1004)
    deliver(report(frames=shot))
    nodes = deliver(report(frames=frames, shot=shot))
    read = nodes["STCN_sh010_Read1"]
    assert (read["first"].value(), read["last"].value(), read._op().reloads) == (1001, 1004, 2)


@pytest.mark.parametrize("frames", [(1003,), ()])
def test_a_later_run_restores_a_deleted_read(deliver, nuke, frames):
    """The new Read shows all mattes, not only those that this run wrote."""
    shot = (1001, 1002, 1003, 1004)
    nuke.delete(deliver(report(frames=shot))["STCN_sh010_Read1"])
    read = deliver(report(frames=frames, shot=shot))["STCN_sh010_Read1"]
    assert [read[knob].value() for knob in ("first", "last", "origfirst", "origlast")] == [1001, 1004, 1001, 1004]


def test_delivery_without_the_plate(deliver, nuke):
    """Nodes of an earlier run are reloaded; without any, the error has the path of the mattes."""
    nodes = deliver(report())
    nuke.delete(nodes["Read1"])
    assert deliver(report())["STCN_sh010_Read1"]._op().reloads == 2
    for node in nuke.allNodes():
        nuke.delete(node)
    with pytest.raises(HostError, match=r"'Read1'.*/m/sh010.####.exr"):
        deliver(report())


def test_file_names_are_not_evaluated(nuke, make):
    """Brackets and dollars in a folder's name are not expressions."""
    from stcn_nuke.knob_text import set_file

    read = nuke.nodes.Read()
    set_file(read["file"], "/m/[a] $b\\c/x.####.exr")
    assert nuke.filename(read) == "/m/[a] $b/c/x.####.exr"


def test_delivery_is_one_undo_step(deliver, stage):
    """The artist can undo all of it together."""
    deliver(report())
    assert stage.undo_steps == ["STCN mattes", "end"]


def test_every_node_identifies_the_shot(deliver, make):
    """Backdrop and Read do; other nodes do not, and nodes of two shots are an error."""
    from stcn_nuke.jobs import KeyframeSource, PropagateJob
    from stcn_nuke.matte_nodes import Origin, selected_origin, tag_node

    nodes = deliver(report())
    job = PropagateJob("Read1", (KeyframeSource("hero", (1001,)),), "1001-1003", OUT)
    expected = Origin(OUT, "/m/sh010.yaml", "Read1", ("hero",), job=job.text)
    for name in ("STCN_sh010_BackdropNode1", "STCN_sh010_Read1"):
        make.select(nodes[name], nodes["Read1"])
        assert selected_origin() == expected
    make.select(nodes["Read1"])
    with pytest.raises(HostError, match="no mattes are selected"):
        selected_origin()
    tag_node(nodes["Read1"], Origin("/other.####.exr", "/other.yaml", "Read1", ()), "read")
    make.select(nodes["Read1"], nodes["STCN_sh010_Read1"])
    with pytest.raises(HostError, match="several shots"):
        selected_origin()


def pasted(nuke, node):
    """A copy of a node as the artist pastes it: all knobs are the same, and the name is a free one."""
    copy = getattr(nuke.nodes, node.Class())()
    for name, knob in node.knobs().items():
        if name not in copy.knobs():
            copy.addKnob(type(knob)(name, knob.label()))
        if name != "name":
            copy._op().knob_values[name]._value = knob._value
    for index in range(node.inputs()):
        copy.setInput(index, node.input(index))
    copy.setName(node.name())
    return copy


def test_pasted_copies_are_reloaded_but_not_changed(deliver, nuke):
    """The original stays one of the mattes' nodes; a copy keeps its range and connections."""
    nodes = deliver(report())
    read, copy = (pasted(nuke, nodes[f"STCN_sh010_{kind}1"]) for kind in ("Read", "Copy"))
    read["last"].setValue(1002)
    copy.setInput(1, read)
    nodes = deliver(report(frames=(1001, 1002, 1003, 1004)))
    assert (read.name(), copy.name()) == ("STCN_sh010_Read2", "STCN_sh010_Copy2")
    assert (nodes["STCN_sh010_Read1"]["last"].value(), read["last"].value()) == (1004, 1002)
    assert (nodes["STCN_sh010_Read1"]._op().reloads, read._op().reloads) == (2, 1)
    assert nodes["STCN_sh010_Copy1"].input(1).name() == "STCN_sh010_Read1"
    assert copy.input(1) == read
    assert chain_of(nodes["STCN_sh010_Dot1"]) == ["STCN_sh010_Dot1", "STCN_sh010_Copy1", "Read1"]


def test_a_copy_replaces_a_deleted_original(deliver, nuke):
    """No second Read is added."""
    nodes = deliver(report())
    copy = pasted(nuke, nodes["STCN_sh010_Read1"])
    nuke.delete(nodes["STCN_sh010_Read1"])
    nodes = deliver(report(frames=(1001, 1002, 1003, 1004)))
    assert [name for name in nodes if "Read" in name] == ["Read1", "STCN_sh010_Read2"]
    assert copy["last"].value() == 1004
    assert nodes["STCN_sh010_Copy1"].input(1) == copy


def test_an_original_may_be_renamed(deliver, nuke):
    """It stays the original, also after the next delivery, unless a copy is pasted before."""
    nodes = deliver(report())
    read = nodes["STCN_sh010_Read1"]
    read.setName("mattes")
    deliver(report())
    copy = pasted(nuke, read)
    deliver(report(frames=(1001, 1002, 1003, 1004)))
    assert (read["last"].value(), copy["last"].value()) == (1004, 1003)


@pytest.fixture
def ordered(nuke, make):
    """Begins a job in the open script, with a Read and a roto; returns what delivers its mattes."""
    from stcn_nuke.host import NukeHost
    from stcn_nuke.jobs import KeyframeSource, PropagateJob

    make.read()
    make.roto("hero")
    job = PropagateJob("Read1", (KeyframeSource("hero", (1001,)),), "1001-1003", OUT)
    host = NukeHost(job)

    def begin():
        request = host.stcn_collect_shot(print)
        return lambda: host.stcn_deliver_mattes(request, report())

    return begin


@pytest.mark.parametrize("is_saved", [True, False])
@pytest.mark.parametrize("other_is_saved", [True, False])
def test_mattes_are_not_added_to_another_script(ordered, nuke, make, tmp_path, is_saved, other_is_saved):
    """Even if its plate has the same name; the error has the path of the mattes."""
    from nuke_stage.nodes import new_script

    if is_saved:
        nuke.root()["name"].setValue("/shots/sh010.nk")
    deliver = ordered()
    new_script()
    make.read()
    make.roto("hero")
    if other_is_saved:
        nuke.root()["name"].setValue("/shots/sh020.nk")
    with pytest.raises(HostError, match=r"another script is open.*/m/sh010\.####\.exr"):
        deliver()
    assert sorted(node.name() for node in nuke.allNodes()) == ["Read1", "hero"]


@pytest.mark.parametrize("name", ["", "/shots/sh010.nk"])
def test_mattes_are_added_to_a_script_that_was_renamed(ordered, nuke, name):
    """Its nodes are the same, whatever its file is called."""
    nuke.root()["name"].setValue(name)
    deliver = ordered()
    nuke.root()["name"].setValue("/shots/sh010_v002.nk")
    deliver()
    assert nuke.toNode("STCN_sh010_Read1") is not None


def test_mattes_are_added_to_a_script_that_was_reopened(ordered, nuke, tmp_path):
    """Its nodes are new, its file is the same."""
    script = str(tmp_path / "sh010.nk")
    nuke.scriptSaveAs(script)
    deliver = ordered()
    nuke.scriptSaveAs(script, overwrite=1)
    nuke.scriptOpen(script)
    deliver()
    assert nuke.toNode("STCN_sh010_Read1") is not None
