"""The list of doubtful frames after a job: its buttons go to the frames, and nothing in it is evaluated."""

from __future__ import annotations

import html
import sys
from typing import ClassVar

import pytest
from nuke_stage import Misuse
from nuke_stage.knobs import displayed
from test_nuke_tcl import NAMES

from stcn_plugin.bridge import Report
from stcn_plugin.bridge.assessment import Assessment, DoubtfulFrame, Problem
from stcn_plugin.errors import CancelledError

MARKUP = ["<img src='http://a/b.png'>", "<b>bold</b>", "<object>", "a < b & c", "R&D", "&lt;b&gt;", "&amp;"]
OUT = "/m/sh010.####.exr"


def report(doubtful=(), keys=(), problems=(), objects=("hero",)):
    found = Assessment({}, tuple(doubtful), len(doubtful), tuple(keys), tuple(problems))
    return Report(objects, {}, {}, "layers", "cpu", "float32", frames=(1001,), assessment=found)


@pytest.fixture
def finish(nuke, stage, make, monkeypatch):
    """Runs a job from the menu that ends with a report or an error."""
    from stcn_nuke import commands
    from stcn_nuke.jobs import KeyframeSource, PropagateJob

    class Job:
        running: ClassVar = []

        def __init__(self, host, worker, *, status, plugins):
            self.status = status

        def prepare(self):
            pass

        def run_in_thread(self, *, call_in_main_thread, on_end, display):
            self.running.append((self.status, on_end))

    monkeypatch.setenv("STCN_WORKER_PYTHON", sys.executable)
    monkeypatch.setattr(commands, "BackgroundJob", Job)
    menu = commands.Commands()

    def run(result, out=OUT):
        menu._start(PropagateJob("Read1", (KeyframeSource("hero", (1001,)),), "1001-1100", out))
        status, on_end = Job.running.pop()
        if isinstance(result, Exception):
            on_end(result)
        else:
            status.report = result
            on_end(None)
        return menu

    return run


def rows(panel):
    """The buttons of a panel with the text beside them."""
    knobs = panel.knobs()
    buttons = [name for name in knobs if name.startswith("frame_")]
    return [(int(knobs[name].label()), knobs[name.replace("frame", "text")]._shown()) for name in buttons]


def test_a_finished_job_lists_its_doubtful_frames(stage, finish):
    """Doubtful frames with their confidence, worst first, next keyframes and problems, above the name of the mattes."""
    problem = Problem(1043, "hero", "'hero' vanishes at 1043", "Draw it at 1043")
    finish(report([DoubtfulFrame(1022, "hero", 0.41), DoubtfulFrame(1007, "hero", 0.55)], (1022, 1061), [problem]))
    (panel,) = stage.open_panels
    assert rows(panel) == [
        (1022, "look, key: hero, confidence 41 %"),
        (1007, "look: hero, confidence 55 %"),
        (1061, "key: hero"),
        (1043, "'hero' vanishes at 1043. Draw it at 1043."),
    ]
    assert panel.knobs()["mattes"]._shown() == OUT
    assert stage.warnings == ["STCN: 'hero' vanishes at 1043. Draw it at 1043."]
    assert stage.messages == []


def test_a_button_goes_to_its_frame(nuke, stage, finish):
    """As often as the artist presses it; the list stays open."""
    finish(report([DoubtfulFrame(1022, "hero", 0.41), DoubtfulFrame(1007, "hero", 0.55)]))
    (panel,) = stage.open_panels
    for name, frame in (("frame_0", 1022), ("frame_1", 1007), ("frame_0", 1022)):
        stage.press(panel, name)
        assert nuke.frame() == frame
    assert stage.open_panels == [panel]


def test_each_row_is_a_button_and_the_text_beside_it(nuke, stage, finish):
    finish(report([DoubtfulFrame(1022, "hero", 0.41)]))
    knobs = stage.open_panels[0].knobs()
    assert knobs["frame_0"].getFlag(nuke.STARTLINE)
    assert not knobs["text_0"].getFlag(nuke.STARTLINE)


def test_the_next_job_replaces_the_list(stage, finish):
    """By its own, or by none if its mattes are in order; a failed job leaves it."""
    finish(report([DoubtfulFrame(1022, "hero", 0.41)]))
    finish(report([DoubtfulFrame(1030, "hero", 0.6)]))
    (panel,) = stage.open_panels
    assert rows(panel) == [(1030, "look: hero, confidence 60 %")]
    finish(CancelledError("the artist cancelled"))
    assert stage.open_panels == [panel]
    finish(report())
    assert stage.open_panels == []


def test_the_menu_shows_the_list_again(stage, finish):
    """After the artist closed it; without a list there is one message."""
    menu = finish(report([DoubtfulFrame(1022, "hero", 0.41)]))
    stage.open_panels.clear()
    menu.show_frames()
    (panel,) = stage.open_panels
    assert rows(panel) == [(1022, "look: hero, confidence 41 %")]
    menu.show_frames()
    assert len(stage.open_panels) == 1
    finish(report()).show_frames()
    assert "no doubtful frame" in stage.messages[0]


def test_before_any_job_there_is_one_message(stage, nuke):
    from stcn_nuke.commands import Commands

    Commands().show_frames()
    assert "no job of this script is finished yet" in stage.messages[0]
    assert stage.open_panels == []


def test_the_list_is_there_the_next_day(nuke, stage, finish, tmp_path):
    """It is stored in the script, with what the job did; a new script has none, and a damaged one is ignored."""
    from stcn_nuke.commands import Commands
    from stcn_nuke.remembered import last_result

    finish(report([DoubtfulFrame(1022, "[exec id] $x", 0.41)]))
    nuke.scriptSaveAs(str(tmp_path / "sh010.nk"))
    stage.reset()
    nuke.scriptOpen(str(tmp_path / "sh010.nk"))
    Commands().show_frames()
    (panel,) = stage.open_panels
    assert rows(panel) == [(1022, "look: [exec id] $x, confidence 41 %")]
    assert panel.knobs()["mattes"]._shown() == OUT
    assert last_result().label == "sh010: 1 frame (1001) of hero"
    nuke.root()["stcn_last_result"].setValue("damaged")
    assert last_result() is None
    assert stage.commands == []


@pytest.mark.parametrize("name", [*NAMES, *MARKUP])
def test_names_are_shown_literally(stage, finish, name):
    """Names of objects and files are neither run as TCL nor interpreted as markup."""
    problem = Problem(1043, name, f"'{name}' vanishes", f"Draw '{name}'")
    finish(report([DoubtfulFrame(1022, name, 0.41)], problems=[problem]), out=f"/m/{name}.####.exr")
    (panel,) = stage.open_panels
    assert rows(panel) == [(1022, f"look: {name}, confidence 41 %"), (1043, f"'{name}' vanishes. Draw '{name}'.")]
    assert panel.knobs()["mattes"]._shown() == f"/m/{name}.####.exr"
    assert stage.commands == []
    assert stage.messages == []


def test_the_stand_in_displays_markup_like_qt():
    """Plain text stays as it is, entities too; a tag of a name is an error, so the test above can fail."""
    assert displayed("R&amp;D") == "R&amp;D"
    assert displayed("a < b") == "a < b"
    assert displayed(f"<span>{html.escape('<b> &amp;')}</span>") == "<b> &amp;"
    with pytest.raises(Misuse):
        displayed("look: <img src='x'>")
