"""The STCN menu in the stand-in: what it holds, what it asks, and the one message that every mistake ends in."""

from __future__ import annotations

import runpy
import sys

import pytest
from nuke_tests import PLUGIN

from stcn_plugin.errors import CancelledError


@pytest.fixture
def menu(nuke, stage):
    """The menu as Nuke builds it at its start: label to command."""
    runpy.run_path(str(PLUGIN / "menu.py"))
    bar = stage.menus["Nuke"]
    (stcn,) = [item for item in bar._items if item._name == "STCN"]
    return {item[0]: item[1] for item in stcn._items if item is not None}


@pytest.fixture
def worker(monkeypatch):
    """Stands in for the worker's start: tells what orders came; no process."""
    from stcn_nuke import commands, worker

    from stcn_plugin.bridge.job import Choice, Description

    given = Description(
        presets=(Choice("default", "balanced"), Choice("show", "of this show")),
        weights=(Choice("starter", "lite, MIT"),),
        devices=(Choice("auto", "the fastest"), Choice("cuda:1", "a card")),
    )
    orders = []

    class Job:
        def __init__(self, order, worker, *, on_end):
            orders.append(order)

        def start(self):
            pass

        def cancel(self):
            orders.append("cancel")

    monkeypatch.setattr(worker.Worker, "describe", lambda self: given)
    monkeypatch.setattr(commands, "BackgroundJob", Job)
    return orders


def test_the_menu_is_in_the_bar_and_in_the_toolbar(menu, stage):
    """Both have the same commands, once, also where menu.py runs twice."""
    assert list(menu) == ["Propagate roto...", "Update...", "Cancel", "Test the worker"]
    assert [item._name for item in stage.menus["Nodes"]._items] == ["STCN"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ImportError('no pluggy')", "ImportError: no pluggy"),
        ("def add_menus(:", "SyntaxError: "),
        ("raise RuntimeError('a drive is away')", "RuntimeError: a drive is away"),
        ("def add_menus(): raise KeyError('Nodes')", "KeyError: 'Nodes'"),
    ],
)
def test_nuke_starts_whatever_is_wrong_with_the_plugin(nuke, stage, monkeypatch, tmp_path, source, reason):
    """Where the installation is damaged, menu.py says why and nothing else happens."""
    package = tmp_path / "stcn_nuke"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "menus.py").write_text(source)
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
    assert line.startswith(f"STCN is not available ({reason}")
    assert line.endswith("Run `stcn install nuke` again.")


def test_init_puts_two_folders_on_the_path_and_does_nothing_else(monkeypatch):
    """The plugin's folder and its site, once, behind what is there."""
    monkeypatch.setattr(sys, "path", ["first"])
    for _ in range(2):
        runpy.run_path(str(PLUGIN / "init.py"))
    assert sys.path == ["first", str(PLUGIN), str(PLUGIN / "site")]


def answering(stage, ok=True, wait_for=None, **values):
    """An artist who fills in a panel and presses OK; keeps what the panel showed first."""
    seen = {}

    def answer(panel):
        seen.update({name: knob.value() for name, knob in panel.knobs().items()})
        if wait_for:
            stage.pump(lambda: panel.knobs()["state"].value() == wait_for, timeout=20)
        stage.answer(panel, **values)
        seen["after"] = {name: knob.value() for name, knob in panel.knobs().items()}
        seen["presets"] = panel.knobs()["preset"].values() if "preset" in panel.knobs() else None
        return ok

    stage.on_panel = answer
    return seen


def test_the_panel_knows_the_script(menu, stage, nuke, make, worker):
    """Plate, rotos, range, colour and a place for the mattes are filled in; the menus fill up when the worker answers."""
    from stcn_nuke.orders import Propagation, Source

    read, hero = make.read(), make.roto("hero", {1001: (20.0, 24.0, 8.0), 1003: (30.0, 24.0, 8.0)})
    read["colorspace"].setValue("default (sRGB)")
    nuke.root()["name"].setValue("/shots/sh010.nk")
    make.select(read, hero)
    seen = answering(stage, wait_for="ready", when="at the roto's keys", preset="show", device="cuda:1")
    menu["Propagate roto..."]()
    assert stage.messages == []
    assert {name: seen[name] for name in ("plate", "sources", "range", "colour", "out")} == {
        "plate": "Read1",
        "sources": "hero",
        "range": "1001-1004",
        "colour": "sRGB",
        "out": "/shots/mattes/Read1/Read1.####.exr",
    }
    assert seen["presets"] == ["default", "show"]
    assert worker == [
        Propagation(
            plate="Read1",
            sources=(Source("hero", (1001, 1003)),),
            range="1001-1004",
            out="/shots/mattes/Read1/Read1.####.exr",
            colour="sRGB",
            preset="show",
            device="cuda:1",
        )
    ]


def test_keyframes_are_at_the_current_frame_unless_listed(menu, stage, nuke, make, worker):
    """The list of frames can be filled in only where it counts."""

    read, hero, ball = make.read(), make.roto("hero"), make.roto("ball")
    make.select(read, hero, ball)
    nuke.frame(1002)
    answering(stage)
    menu["Propagate roto..."]()
    assert [(source.node, source.frames) for source in worker[0].sources] == [("hero", (1002,)), ("ball", (1002,))]


def test_listed_keyframes(menu, stage, make, worker):
    """Frames that the artist lists count for every source."""
    make.select(make.read(), make.roto("hero"))
    answering(stage, when="at these frames", frames="1001,1003-1004")
    menu["Propagate roto..."]()
    assert worker[0].sources[0].frames == (1001, 1003, 1004)


def test_another_plate_in_the_panel_brings_its_own_range(menu, stage, nuke, make, worker):
    """Range, colour and place follow the plate."""
    first, second = make.read(), make.read(frames=range(1, 4), name="other")
    make.select(first, second, make.roto("hero"))
    seen = answering(stage, plate="Read2")
    menu["Propagate roto..."]()
    assert (seen["plate"], seen["range"]) == ("Read1", "1001-1004")
    assert seen["after"]["range"] == "1-3"
    assert worker[0].plate == "Read2"


def test_a_panel_that_is_closed_does_nothing(menu, stage, make, worker):
    """And an answer of the worker that comes after it is not told to knobs that are gone."""
    make.select(make.read(), make.roto("hero"))
    seen = answering(stage, ok=False)
    menu["Propagate roto..."]()
    stage.pump(lambda: not stage.calls.empty(), timeout=20)
    call, args, _ = stage.calls.get()
    call(*args)
    assert worker == []
    assert seen["state"] == "is asked what it offers..."


def test_a_second_job_waits_for_the_first(menu, stage, make, worker):
    """One message; the panel does not even open. Cancel reaches the job that runs."""
    make.select(make.read(), make.roto("hero"))
    answering(stage)
    menu["Propagate roto..."]()
    menu["Propagate roto..."]()
    assert stage.messages == ["STCN: a job is running. Wait for it, or cancel it first."]
    menu["Cancel"]()
    assert worker[-1] == "cancel"


@pytest.mark.parametrize(
    ("select", "values", "says"),
    [
        ((), {}, "nothing is selected. Select the plate"),
        (("hero",), {}, "only rotos are selected"),
        (("Read1", "hero"), {"sources": ""}, "no node is named for the keyframes"),
        (("Read1", "hero"), {"sources": "hero nobody"}, "the script has no node 'nobody'"),
        (("Read1", "hero"), {"range": "1001 1004"}, "frame range: '1001 1004' is not a frame range. Write 1001,1004"),
        (
            ("Read1", "hero"),
            {"range": "1002-1004", "when": "at the roto's keys"},
            "'hero' has no key between 1002 and 1004",
        ),
        (("Read1", "hero"), {"when": "at these frames"}, "the frame range is empty"),
    ],
)
def test_mistakes_end_in_one_message(menu, stage, nuke, make, worker, select, values, says):
    """Told what is wrong and what to do; no job, no node, nothing printed."""
    make.read()
    make.roto("hero")
    make.select(*(nuke.toNode(name) for name in select))
    answering(stage, **values)
    menu["Propagate roto..."]()
    (message,) = stage.messages
    assert message.startswith("STCN: ")
    assert says in message
    assert worker == []
    assert stage.printed == []


def test_mistakes_that_show_only_when_the_job_starts(menu, stage, nuke, make, monkeypatch):
    """A Read without a file, a source without alpha, no place for the mattes: one message, and the next job may start."""
    from stcn_nuke import worker

    from stcn_plugin.errors import WorkerError

    def no_answer(self):
        raise WorkerError("it is not there")

    monkeypatch.setattr(worker.Worker, "describe", no_answer)
    monkeypatch.setenv("STCN_WORKER_PYTHON", sys.executable)
    make.select(nuke.nodes.Read(), make.roto("hero"))
    answering(stage)
    menu["Propagate roto..."]()
    assert stage.messages == ["STCN: 'Read1' reads no file. Choose its file, or select another plate."]
    make.select(make.read(), nuke.toNode("hero"))
    answering(stage, sources="Read2")
    menu["Propagate roto..."]()
    assert "'Read2' has no alpha" in stage.messages[1]
    answering(stage, out="")
    menu["Propagate roto..."]()
    assert "the mattes have no file" in stage.messages[2]
    assert len(stage.messages) == 3


def test_without_a_worker_the_panel_says_so(menu, stage, make):
    """The state line of the panel, and one message where the job starts all the same."""
    make.select(make.read(), make.roto("hero"))
    told = "no Python is set for the worker"
    seen = {}

    def answer(panel):
        stage.pump(lambda: told in panel.knobs()["state"].value(), timeout=20)
        seen["state"] = panel.knobs()["state"].value()
        return True

    stage.on_panel = answer
    menu["Propagate roto..."]()
    assert "stcn_install.json" in seen["state"]
    assert told in stage.messages[0]
    menu["Cancel"]()
    assert stage.messages[1:] == ["STCN: no job is running."]


def test_the_test_shows_what_the_worker_offers(menu, stage, worker):
    """Devices, weights and presets by name; where there is no worker, why."""
    menu["Test the worker"]()
    stage.pump(lambda: stage.messages, timeout=20)
    for line in ("The worker answers.", "  cuda:1: a card", "  starter: lite, MIT", "  show: of this show"):
        assert line in stage.messages[0]


def test_an_update_needs_our_nodes(menu, stage, make):
    """One message where none of them is selected."""
    make.select(make.read())
    menu["Update..."]()
    assert stage.messages == [
        "STCN: no mattes are selected. Select the backdrop, or the Read, that STCN made for one shot."
    ]


def test_an_update_takes_the_keys_inside_the_shot(menu, stage, nuke, make, worker):
    """The frames of the mattes' own Read bound the roto's keys; sources and shot come from the nodes."""
    from stcn_nuke.orders import Source, Update
    from stcn_nuke.own_nodes import Origin, mark

    make.roto("hero", {1001: (20.0, 24.0, 8.0), 1003: (30.0, 24.0, 8.0), 1009: (30.0, 24.0, 8.0)})
    mattes = nuke.nodes.Read(first=1001, last=1004)
    mark(mattes, Origin("/m/a.####.exr", "/m/a.yaml", "Read1", ("hero",)), "read")
    make.select(mattes)
    seen = answering(stage, when="at the roto's keys")
    menu["Update..."]()
    assert (seen["sources"], seen["shot"]) == ("hero", "/m/a.yaml")
    assert worker == [Update("/m/a.yaml", "Read1", (Source("hero", (1001, 1003)),), "/m/a.####.exr")]


@pytest.mark.parametrize(
    ("select", "frame", "filled_in"),
    [
        ((), 1003, "ball"),
        ((), 1001, "hero ball"),
        ((), 1002, "hero ball gone"),
        (("hero",), 1003, "hero"),
        (("new", "hero"), 1003, "hero new"),
        (("Read1",), 1003, "ball"),
    ],
)
def test_an_update_suggests_what_was_redrawn(menu, stage, nuke, make, worker, select, frame, filled_in):
    """The selected rotos, else those with a key at this frame, else all of before; the tooltip says so."""
    from stcn_nuke.own_nodes import Origin, mark

    make.read()
    disc = (20.0, 24.0, 8.0)
    for name, keys in (("hero", (1001,)), ("ball", (1001, 1003)), ("new", (1003,))):
        make.roto(name, dict.fromkeys(keys, disc))
    mattes = nuke.nodes.Read(first=1001, last=1004)
    mark(mattes, Origin("/m/a.####.exr", "/m/a.yaml", "Read1", ("hero", "ball", "gone")), "read")
    make.select(mattes, *(nuke.toNode(name) for name in select))
    nuke.frame(frame)
    seen = {}

    def look(panel):
        knob = panel.knobs()["sources"]
        seen.update(sources=knob.value(), tooltip=knob._tooltip)
        return False

    stage.on_panel = look
    menu["Update..."]()
    assert seen["sources"] == filled_in
    assert "the selected rotos; with none selected, the earlier ones that have a key at the current" in seen["tooltip"]
    assert stage.messages == []


def test_of_several_views_the_first_is_propagated_and_the_artist_told(stage, make):
    """A line in the error console names the view."""
    from stcn_nuke.host import NukeHost
    from stcn_nuke.orders import Propagation, Source
    from stcn_nuke.running import TaskDisplay

    stage.views = ["left", "right"]
    make.read()
    make.roto("hero")
    NukeHost(
        Propagation("Read1", (Source("hero", (1001,)),), "1001-1004", "/m/a.####.exr"), TaskDisplay()
    ).stcn_collect_shot()
    stage.pump(lambda: stage.warnings, timeout=20)
    assert stage.warnings == ["STCN: of the script's views only 'left' is propagated"]


def test_what_nobody_foresaw_is_told_and_logged(menu, stage, make, monkeypatch):
    """A defect ends in one message too; its traceback goes to the terminal."""
    from stcn_nuke import commands

    monkeypatch.setattr(commands, "selected", lambda: 1 / 0)
    menu["Propagate roto..."]()
    assert stage.messages[0].startswith("STCN: unexpected ZeroDivisionError")
    assert "Traceback" in stage.printed[0]


def test_cancel_reaches_a_job_that_waits_for_the_worker(stage, make, monkeypatch, tmp_path):
    """While a panel's question holds the worker, a job that is cancelled ends, and leaves the worker to the panel."""
    from stcn_nuke.orders import Propagation, Source
    from stcn_nuke.running import BackgroundJob
    from stcn_nuke.worker import Worker

    monkeypatch.setenv("STCN_WORKER_PYTHON", sys.executable)
    make.read()
    make.roto("hero")
    worker, ends = Worker(), []
    order = Propagation("Read1", (Source("hero", (1001,)),), "1001-1004", f"{tmp_path.as_posix()}/a.####.exr")
    job = BackgroundJob(order, worker, on_end=ends.append)
    with worker.lock:
        job.start()
        job.cancel()
        stage.pump(lambda: ends, timeout=20)
        assert worker.lock.locked()
    assert isinstance(ends[0], CancelledError)
    assert worker.lock.acquire(blocking=False)
