"""The STCN menu in the stand-in: its commands, and the one message that every error ends in."""

from __future__ import annotations

import runpy
import sys

import pytest
from nuke_tests import PLUGIN
from panel_steps import opened, propagated

from stcn_plugin.bridge import WorkerClient
from stcn_plugin.errors import WorkerError


def test_the_menu_is_in_the_bar_and_in_the_toolbar(menu, stage):
    """Both have the same commands; those of the bar have shortcuts."""
    assert list(menu) == [
        "Propagate roto...",
        "Update",
        "Cancel",
        "Cancel all jobs",
        "Doubtful frames...",
        "Test the worker",
    ]
    assert [item._name for item in stage.menus["Nodes"]._items] == ["STCN"]
    assert stage.shortcuts == {"ctrl+alt+m": "Propagate roto...", "ctrl+alt+u": "Update"}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ImportError('no pluggy')", "ImportError: no pluggy"),
        ("def add_menus(:", "SyntaxError: "),
        ("raise RuntimeError('a drive is away')", "RuntimeError: a drive is away"),
        ("def add_menus(): raise KeyError('Nodes')", "KeyError: 'Nodes'"),
    ],
)
def test_nuke_starts_if_the_plugin_is_damaged(nuke, stage, monkeypatch, tmp_path, source, reason):
    """menu.py prints the reason and adds nothing."""
    package = tmp_path / "stcn_nuke"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "commands.py").write_text(source)
    for name in [name for name in sys.modules if name.partition(".")[0] == "stcn_nuke"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        runpy.run_path(str(PLUGIN / "menu.py"))
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "stcn_nuke"]:
            del sys.modules[name]
    assert stage.menus == {}
    (line,) = stage.printed
    assert f"({reason}" in line
    assert "stcn install nuke" in line


def test_init_adds_two_folders_to_the_path(monkeypatch):
    """The plugin's folder and its site folder, once, at the end."""
    monkeypatch.setattr(sys, "path", ["first"])
    for _ in range(2):
        runpy.run_path(str(PLUGIN / "init.py"))
    assert sys.path == ["first", str(PLUGIN), str(PLUGIN / "site")]


def test_jobs_are_queued(menu, stage, make, jobs):
    """Cancel reaches the first, Cancel all every one."""
    make.select(make.read(), make.roto("hero"))
    propagated(menu, stage)
    stage.press(stage.open_panels[0], "propagate")
    assert stage.messages == []
    assert len(jobs) == 2
    menu["Cancel"]()
    assert jobs[2:] == ["cancel"]
    menu["Cancel all jobs"]()
    assert jobs[3:] == ["cancel", "cancel"]


@pytest.mark.parametrize(
    ("select", "values", "words"),
    [
        ((), {}, ["nothing", "plate"]),
        (("hero",), {}, ["rotos", "plate"]),
        (("Read1", "hero"), {"object_0": " "}, ["no object", "take from selection"]),
        (("Read1", "hero"), {"range": "1001 1004"}, ["frame range: ", "'1001 1004'", "1001,1004"]),
        (("Read1", "hero"), {"more": "size"}, ["STCN panel, Settings size", "KEY=VALUE"]),
        (("Read1", "hero"), {"when": "at these frames"}, ["frame range", "empty"]),
    ],
)
def test_wrong_input_ends_in_one_message(menu, stage, nuke, make, jobs, select, values, words):
    """The message names what is wrong; no job is started, nothing is printed."""
    make.read()
    make.roto("hero")
    make.select(*(nuke.toNode(name) for name in select))
    menu["Propagate roto..."]()
    if stage.open_panels:
        stage.answer(stage.open_panels[0], **values)
        stage.press(stage.open_panels[0], "propagate")
    (message,) = stage.messages
    assert message.startswith("STCN: ")
    assert [word for word in words if word not in message] == []
    assert jobs == []
    assert stage.printed == []


def test_errors_at_the_start_of_a_job_end_in_one_message(menu, stage, nuke, make, monkeypatch):
    """A Read without a file, a source without alpha, mattes without a name; the next job can be started."""

    def no_answer(self):
        raise WorkerError("it is not there")

    monkeypatch.setattr(WorkerClient, "describe", no_answer)
    monkeypatch.setenv("STCN_WORKER_PYTHON", sys.executable)
    make.select(nuke.nodes.Read(), make.roto("hero"))
    propagated(menu, stage)
    assert "'Read1' has no file" in stage.messages[0]
    stage.press(stage.open_panels[0], "close_panel")
    rgb = make.read()
    make.select(make.read(name="other"), nuke.nodes.Multiply())
    nuke.toNode("Multiply1").setInput(0, rgb)
    propagated(menu, stage)
    assert "'Multiply1' has no alpha" in stage.messages[1]
    stage.answer(stage.open_panels[0], out="")
    stage.press(stage.open_panels[0], "propagate")
    assert "the mattes have no file name" in stage.messages[2]
    assert len(stage.messages) == 3


def test_without_a_python_for_the_worker_the_panel_shows_the_error(menu, stage, make):
    """In its state line, and in one message if the job is started all the same."""
    make.select(make.read(), make.roto("hero"))
    problem = "no Python is set for the worker"
    panel, _ = opened(menu, stage)
    stage.pump(lambda: problem in panel.knobs()["state"].value(), timeout=20)
    assert "stcn_install.json" in panel.knobs()["state"].value()
    stage.press(panel, "propagate")
    assert problem in stage.messages[0]
    menu["Cancel"]()
    assert [message for message in stage.messages[1:] if "no job is running" not in message] == []
    assert len(stage.messages) == 2


def test_testing_the_worker_shows_what_it_offers(menu, stage, jobs):
    """Devices, weights and presets by name, with their labels."""
    menu["Test the worker"]()
    stage.pump(lambda: stage.messages, timeout=20)
    for line in ("The worker is running.", "  cuda:1: a card", "  free: lite, MIT", "  show: of this show"):
        assert line in stage.messages[0]


def test_with_several_views_a_warning_names_the_first(stage, make):
    """Only that view is propagated."""
    from stcn_nuke.host import NukeHost
    from stcn_nuke.jobs import KeyframeSource, PropagateJob

    stage.views = ["left", "right"]
    make.read()
    make.roto("hero")
    job = PropagateJob("Read1", (KeyframeSource("hero", (1001,)),), "1001-1004", "/m/a.####.exr")
    warnings = []
    NukeHost(job).stcn_collect_shot(warnings.append)
    (warning,) = warnings
    assert "'left'" in warning


def test_an_unexpected_exception_ends_in_one_message(menu, stage, make, monkeypatch):
    """Its traceback goes to the terminal."""
    from stcn_nuke import commands

    monkeypatch.setattr(commands, "read_selection", lambda: 1 / 0)
    menu["Propagate roto..."]()
    assert "ZeroDivisionError" in stage.messages[0]
    assert "Traceback" in stage.printed[0]
