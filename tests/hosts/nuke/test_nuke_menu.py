"""The STCN menu in the stand-in: its commands, its panels, and the one message that every error ends in."""

from __future__ import annotations

import runpy
import sys
from typing import ClassVar

import pytest
from nuke_tests import PLUGIN

from stcn_plugin.bridge import Choice, Description, Setting, WorkerClient
from stcn_plugin.errors import CancelledError, WorkerError


@pytest.fixture
def menu(nuke, stage):
    """The menu as Nuke builds it when it starts: label to command."""
    runpy.run_path(str(PLUGIN / "menu.py"))
    bar = stage.menus["Nuke"]
    (stcn,) = [item for item in bar._items if item._name == "STCN"]
    return {item[0]: item[1] for item in stcn._items if item is not None}


@pytest.fixture
def jobs(monkeypatch):
    """The jobs that are started, and cancelled, without a worker process."""
    from stcn_nuke import commands

    description = Description(
        presets=(Choice("default", "balanced"), Choice("show", "of this show")),
        weights=(Choice("starter", "lite, <CC-BY-NC> [x] $x"), Choice("free", "lite, MIT")),
        devices=(Choice("auto", "the fastest"), Choice("cuda:1", "a card")),
        preset_weights={"default": "starter", "show": "free"},
    )
    jobs = []

    class Job:
        ends: ClassVar = []  # of the running jobs

        def __init__(self, host, worker, *, status, plugins):
            jobs.append(host)

        def prepare(self):
            pass

        def run_in_thread(self, *, call_in_main_thread, on_end, display):
            self.ends.append(on_end)

        def cancel(self):
            jobs.append("cancel")

    monkeypatch.setenv("STCN_WORKER_PYTHON", sys.executable)
    monkeypatch.setattr(WorkerClient, "describe", lambda self: description)
    monkeypatch.setattr(commands, "NukeHost", lambda job: job)
    monkeypatch.setattr(commands, "BackgroundJob", Job)
    return jobs


def test_the_menu_is_in_the_bar_and_in_the_toolbar(menu, stage):
    """Both have the same commands."""
    assert list(menu) == ["Propagate roto...", "Update", "Cancel", "Doubtful frames...", "Test the worker"]
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


def values_of(panel):
    """The values of a panel's knobs; of texts, what the artist sees."""
    return {
        name: knob._shown() if knob.Class() == "Text_Knob" else knob.value() for name, knob in panel.knobs().items()
    }


def answering(stage, ok=True, wait_for=None, **values):
    """Fill in the next panel and press OK; return what the panel showed before."""
    seen = {}

    def answer(panel):
        seen.update(values_of(panel))
        if wait_for:
            stage.pump(lambda: panel.knobs()["state"].value() == wait_for, timeout=20)
        stage.answer(panel, **values)
        seen["after"] = values_of(panel)
        seen["presets"] = panel.knobs()["preset"].values() if "preset" in panel.knobs() else None
        return ok

    stage.on_panel = answer
    return seen


@pytest.mark.parametrize(
    ("chosen", "licence"),
    [
        ({}, "starter: lite, <CC-BY-NC> [x] $x"),
        ({"preset": "show"}, "free: lite, MIT"),
        ({"preset": "show", "weights": "starter"}, "starter: lite, <CC-BY-NC> [x] $x"),
        ({"weights": "free"}, "free: lite, MIT"),
    ],
)
def test_the_panel_shows_the_licence_of_the_weights(menu, stage, make, jobs, chosen, licence):
    """Of the chosen weights, or those of the preset, once the worker has answered."""
    make.select(make.read(), make.roto("hero"))
    seen = answering(stage, wait_for="ready", when="at the current frame", **chosen)
    menu["Propagate roto..."]()
    assert seen["licence"] == ""
    assert seen["after"]["licence"] == licence


def test_the_panel_is_filled_in(menu, stage, nuke, make, jobs):
    """Plate, rotos, range, colour and mattes come from the script; presets and devices from the worker."""
    from stcn_nuke.jobs import KeyframeSource, PropagateJob

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
    assert jobs == [
        PropagateJob(
            plate="Read1",
            sources=(KeyframeSource("hero", (1001, 1003), follows_keys=True),),
            range="1001-1004",
            out="/shots/mattes/Read1/Read1.####.exr",
            colour="sRGB",
            preset="show",
            device="cuda:1",
            origins={
                "range": "STCN panel, frame range",
                "out": "STCN panel, mattes",
                "preset": "STCN panel, preset",
                "colour.input": "STCN panel, colour space",
                "weights": "STCN panel, weights",
                "compute.device": "STCN panel, device",
                "output.layout": "STCN panel, files",
            },
        )
    ]


def test_keyframes_are_at_the_current_frame_by_default(menu, stage, nuke, make, jobs):
    """All sources get the frame that the artist is at."""
    read, hero, ball = make.read(), make.roto("hero"), make.roto("ball")
    make.select(read, hero, ball)
    nuke.frame(1002)
    answering(stage)
    menu["Propagate roto..."]()
    assert [(source.node, source.frames) for source in jobs[0].sources] == [("hero", (1002,)), ("ball", (1002,))]


def test_listed_keyframes(menu, stage, make, jobs):
    """Listed frames apply to every source."""
    make.select(make.read(), make.roto("hero"))
    answering(stage, when="at these frames", frames="1001,1003-1004")
    menu["Propagate roto..."]()
    assert jobs[0].sources[0].frames == (1001, 1003, 1004)


def test_another_plate_has_its_own_range(menu, stage, nuke, make, jobs):
    """Changing the plate in the panel updates the frame range."""
    first, second = make.read(), make.read(frames=range(1, 4), name="other")
    make.select(first, second, make.roto("hero"))
    seen = answering(stage, plate="Read2")
    menu["Propagate roto..."]()
    assert (seen["plate"], seen["range"]) == ("Read1", "1001-1004")
    assert seen["after"]["range"] == "1-3"
    assert jobs[0].plate == "Read2"


def test_a_panel_that_is_closed_does_nothing(menu, stage, make, jobs):
    """An answer of the worker that arrives later does not touch the deleted knobs."""
    make.select(make.read(), make.roto("hero"))
    seen = answering(stage, ok=False)
    menu["Propagate roto..."]()
    stage.pump(lambda: not stage.calls.empty(), timeout=20)
    call, args, _ = stage.calls.get()
    call(*args)
    assert jobs == []
    assert seen["state"] == "starting..."


def test_one_job_runs_at_a_time(menu, stage, make, jobs):
    """The second command ends in one message, without a panel; Cancel reaches the running job."""
    make.select(make.read(), make.roto("hero"))
    answering(stage)
    menu["Propagate roto..."]()
    menu["Propagate roto..."]()
    (message,) = stage.messages
    assert "a job is running" in message
    menu["Cancel"]()
    assert jobs[-1] == "cancel"


@pytest.mark.parametrize(
    ("select", "values", "words"),
    [
        ((), {}, ["nothing", "plate"]),
        (("hero",), {}, ["rotos", "plate"]),
        (("Read1", "hero"), {"sources": ""}, ["keyframes", "Roto"]),
        (("Read1", "hero"), {"sources": "hero nobody"}, ["'nobody'"]),
        (("Read1", "hero"), {"range": "1001 1004"}, ["frame range: ", "'1001 1004'", "1001,1004"]),
        (("Read1", "hero"), {"range": "1002-1004", "when": "at the roto's keys"}, ["'hero'", "1002", "1004"]),
        (("Read1", "hero"), {"when": "at these frames"}, ["frame range", "empty"]),
    ],
)
def test_wrong_input_ends_in_one_message(menu, stage, nuke, make, jobs, select, values, words):
    """The message names what is wrong; no job is started, nothing is printed."""
    make.read()
    make.roto("hero")
    make.select(*(nuke.toNode(name) for name in select))
    answering(stage, **values)
    menu["Propagate roto..."]()
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
    answering(stage)
    menu["Propagate roto..."]()
    assert "'Read1' has no file" in stage.messages[0]
    make.select(make.read(), nuke.toNode("hero"))
    answering(stage, sources="Read2")
    menu["Propagate roto..."]()
    assert "'Read2' has no alpha" in stage.messages[1]
    answering(stage, out="")
    menu["Propagate roto..."]()
    assert "the mattes have no file name" in stage.messages[2]
    assert len(stage.messages) == 3


def test_without_a_python_for_the_worker_the_panel_shows_the_error(menu, stage, make):
    """In its state line, and in one message if the job is started all the same."""
    make.select(make.read(), make.roto("hero"))
    problem = "no Python is set for the worker"
    seen = {}

    def answer(panel):
        stage.pump(lambda: problem in panel.knobs()["state"].value(), timeout=20)
        seen["state"] = panel.knobs()["state"].value()
        return True

    stage.on_panel = answer
    menu["Propagate roto..."]()
    assert "stcn_install.json" in seen["state"]
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


@pytest.fixture
def mattes(nuke):
    """Adds the Read of the mattes of a job to the script."""
    from stcn_nuke.matte_nodes import Origin, tag_node

    def add(job=None):
        read = nuke.nodes.Read(first=1001, last=1004)
        sources = tuple(source.node for source in job.sources) if job else ("hero",)
        text = job.text if job else ""
        tag_node(read, Origin("/m/a.####.exr", "/m/a.yaml", "Read1", sources, job=text), "read")
        return read

    return add


@pytest.fixture
def job():
    """A job with all settings that a panel has."""
    from stcn_nuke.jobs import KeyframeSource, PropagateJob

    def build(*sources):
        return PropagateJob(
            plate="Read1",
            sources=tuple(KeyframeSource(*source) for source in sources),
            range="1001-1004",
            out="/m/[a] $b.####.exr",
            colour="sRGB",
            preset="show",
            weights="free",
            device="cuda:1",
            layout="per_object",
            settings={"size": Setting("96", "--set size=96", is_yaml=True)},
        )

    return build


def test_an_update_needs_selected_mattes(menu, stage, make, mattes):
    """Otherwise there is one message; also for mattes whose job is not stored with them."""
    make.select(make.read())
    menu["Update"]()
    assert "no mattes are selected" in stage.messages[0]
    make.select(mattes())
    menu["Update"]()
    assert "the settings of these mattes cannot be read" in stage.messages[1]
    assert len(stage.messages) == 2


def test_an_update_asks_nothing(menu, stage, make, jobs, job, mattes):
    """The same job runs with the keys that the rotos have now, inside the shot: added, moved or removed."""
    make.roto("hero", dict.fromkeys((1001, 1003, 1009), (20.0, 24.0, 8.0)))
    make.roto("ball", {1002: (20.0, 24.0, 8.0)})
    stage.on_panel = lambda panel: pytest.fail("a panel is shown")
    make.select(mattes(job(("hero", (1001,), True), ("ball", (1001, 1004), True))))
    menu["Update"]()
    assert stage.messages == []
    assert jobs == [job(("hero", (1001, 1003), True), ("ball", (1002,), True))]


@pytest.mark.parametrize(
    ("select", "frame", "frames"),
    [
        ((), 1002, {"hero": (1001,), "ball": (1001,)}),
        ((), 1003, {"hero": (1001,), "ball": (1001, 1003)}),
        (("hero",), 1002, {"hero": (1001, 1002), "ball": (1001,)}),
        (("hero",), 1001, {"hero": (1001,), "ball": (1001,)}),
        (("hero",), 1009, {"hero": (1001,), "ball": (1001,)}),
        (("new",), 1002, {"hero": (1001,), "ball": (1001,), "new": (1002,)}),
        (("Read1",), 1002, {"hero": (1001,), "ball": (1001,)}),
    ],
)
def test_an_update_adds_the_current_frame_to_listed_keyframes(
    menu, stage, nuke, make, jobs, job, mattes, select, frame, frames
):
    """Of sources that have a key there or are selected, inside the shot; other selected rotos are new objects."""
    make.read()
    disc = (20.0, 24.0, 8.0)
    for name, keys in (("hero", (1001,)), ("ball", (1001, 1003)), ("new", (1003,))):
        make.roto(name, dict.fromkeys(keys, disc))
    make.select(mattes(job(("hero", (1001,)), ("ball", (1001,)))), *(nuke.toNode(name) for name in select))
    nuke.frame(frame)
    menu["Update"]()
    assert stage.messages == []
    assert {source.node: source.frames for source in jobs[0].sources} == frames


def test_the_panel_suggests_the_last_job_of_its_plate(menu, stage, nuke, make, jobs):
    """After a cancelled job, OK goes on with it at any frame; another plate or script has its own settings."""
    from stcn_nuke import commands

    read, hero = make.read(), make.roto("hero")
    make.select(read, hero)
    nuke.frame(1002)
    chosen = {
        "preset": "show",
        "device": "cuda:1",
        "layout": "per_object",
        "out": "/m/sh010.####.exr",
        "range": "1001-1003",
    }
    answering(stage, wait_for="ready", when="at the current frame", **chosen)
    menu["Propagate roto..."]()
    commands.BackgroundJob.ends.pop()(CancelledError("the artist cancelled"))
    nuke.frame(1004)
    seen = _open_again(menu, stage)
    assert {name: seen[name] for name in chosen} == chosen
    assert (seen["when"], seen["frames"]) == ("at these frames", "1002")
    other = make.read(frames=range(1, 4), name="other")
    make.select(other, hero)
    assert _open_again(menu, stage)["range"] == "1-3"
    make.select(read, hero)
    nuke.root()["name"].setValue("/shots/other.nk")
    assert _open_again(menu, stage)["range"] == "1001-1004"


def _open_again(menu, stage):
    """Open the panel and close it; return what it shows."""
    seen = answering(stage, ok=False)
    menu["Propagate roto..."]()
    assert stage.messages == []
    return seen


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
