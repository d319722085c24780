"""The STCN menu in the stand-in: its commands, its panels, and the one message that every error ends in."""

from __future__ import annotations

import runpy
import sys
from dataclasses import replace
from typing import ClassVar

import pytest
from nuke_tests import PLUGIN

from stcn_plugin.bridge import Choice, Description, Setting, WorkerClient
from stcn_plugin.errors import WorkerError


@pytest.fixture
def menu(nuke, stage):
    """The menu as Nuke builds it when it starts: label to command."""
    runpy.run_path(str(PLUGIN / "menu.py"))
    bar = stage.menus["Nuke"]
    (stcn,) = [item for item in bar._items if item._name == "STCN"]
    return {item[0]: item[1] for item in stcn._items if item is not None}


class Host:
    """A host whose plate need not be rendered."""

    def __init__(self, job, *, renders_plate):
        self.job = job
        assert not renders_plate

    def plate_rendering(self, *, is_cancelled):
        return None


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
            jobs.append(host.job)
            self.status = status

        def prepare(self):
            pass

        def run_in_thread(self, *, call_in_main_thread, on_end, display):
            self.ends.append(on_end)

        def cancel(self):
            jobs.append("cancel")

    monkeypatch.setenv("STCN_WORKER_PYTHON", sys.executable)
    monkeypatch.setattr(WorkerClient, "describe", lambda self: description)
    monkeypatch.setattr(commands, "NukeHost", Host)
    monkeypatch.setattr(commands, "BackgroundJob", Job)
    return jobs


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


def values_of(panel):
    """The values of a panel's knobs; of texts, what the artist sees."""
    return {
        name: knob._shown() if knob.Class() == "Text_Knob" else knob.value() for name, knob in panel.knobs().items()
    }


def opened(menu, stage, wait_for=None):
    """Open the panel; return it, and what it shows."""
    menu["Propagate roto..."]()
    (panel,) = stage.open_panels
    seen = values_of(panel)
    if wait_for:
        stage.pump(lambda: panel.knobs()["state"].value() == wait_for, timeout=20)
    return panel, seen


def propagated(menu, stage, wait_for=None, **values):
    """Open the panel, fill it in and press Propagate; return what it showed before."""
    panel, seen = opened(menu, stage, wait_for)
    stage.answer(panel, **values)
    seen["after"] = values_of(panel)
    seen["presets"] = panel.knobs()["preset"].values()
    stage.press(panel, "propagate")
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
    seen = propagated(menu, stage, wait_for="ready", **chosen)
    assert seen["licence"] == ""
    assert seen["after"]["licence"] == licence


def test_the_panel_is_filled_in(menu, stage, nuke, make, jobs):
    """Plate, rotos, range, colour and mattes come from the script; presets and devices from the worker."""
    from stcn_nuke.jobs import KeyframeSource, PropagateJob

    read, hero = make.read(), make.roto("hero", {1001: (20.0, 24.0, 8.0), 1003: (30.0, 24.0, 8.0)})
    read["colorspace"].setValue("default (sRGB)")
    nuke.root()["name"].setValue("/shots/sh010.nk")
    make.select(read, hero)
    seen = propagated(menu, stage, wait_for="ready", preset="show", device="cuda:1")
    assert stage.messages == []
    assert {name: seen[name] for name in ("plate", "object_0", "when", "range", "colour", "out")} == {
        "plate": "Read1",
        "object_0": "hero",
        "when": "where the roto has keys",
        "range": "1001-1004",
        "colour": "sRGB",
        "out": "/shots/mattes/Read1/Read1.####.exr",
    }
    assert seen["presets"] == ["default", "show"]
    assert jobs == [
        PropagateJob(
            plate="Read1",
            sources=(KeyframeSource("hero", (1001, 1003), follows_keys=True, name="hero"),),
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


def test_objects_without_keys_are_keyframes_at_the_current_frame(menu, stage, nuke, make, jobs):
    """The others at their keys; keys outside the shot do not count."""
    disc = (20.0, 24.0, 8.0)
    read, hero, ball = make.read(), make.roto("hero", {1001: disc, 1004: disc}), make.roto("ball", {900: disc})
    make.select(read, hero, ball)
    nuke.frame(1002)
    propagated(menu, stage)
    assert [(source.node, source.frames, source.follows_keys) for source in jobs[0].sources] == [
        ("hero", (1001, 1004), True),
        ("ball", (1002,), False),
    ]


def test_all_objects_at_the_current_frame(menu, stage, nuke, make, jobs):
    """If the artist chooses that."""
    make.select(make.read(), make.roto("hero"), make.roto("ball"))
    nuke.frame(1002)
    propagated(menu, stage, when="at the current frame")
    assert [(source.node, source.frames) for source in jobs[0].sources] == [("hero", (1002,)), ("ball", (1002,))]


def test_listed_keyframes(menu, stage, make, jobs):
    """Listed frames apply to every source."""
    make.select(make.read(), make.roto("hero"))
    propagated(menu, stage, when="at these frames", frames="1001,1003-1004")
    assert jobs[0].sources[0].frames == (1001, 1003, 1004)


def test_objects_can_be_renamed_and_left_out(menu, stage, make, jobs):
    """By the name fields of the panel, one for each object; the next panel has the new names."""
    make.select(make.read(), make.roto("Roto1"), make.roto("Roto2"))
    propagated(menu, stage, object_0="left arm", object_1="")
    assert [(source.node, source.object_name) for source in jobs[0].sources] == [("Roto1", "left arm")]
    stage.press(stage.open_panels[0], "close_panel")
    _, seen = opened(menu, stage)
    assert (seen["object_0"], seen["object_1"]) == ("left arm", "Roto2")


def test_another_plate_has_its_own_range(menu, stage, nuke, make, jobs):
    """Changing the plate in the panel updates the frame range."""
    first, second = make.read(), make.read(frames=range(1, 4), name="other")
    make.select(first, second, make.roto("hero"))
    seen = propagated(menu, stage, plate="Read2")
    assert (seen["plate"], seen["range"]) == ("Read1", "1001-1004")
    assert seen["after"]["range"] == "1-3"
    assert jobs[0].plate == "Read2"


def test_settings_are_those_of_the_preset_unless_they_are_turned_on(menu, stage, make, jobs):
    """The text field takes any other setting, and overrides the fields."""
    make.select(make.read(), make.roto("hero"))
    propagated(menu, stage)
    assert jobs[0].settings == {}
    panel = stage.open_panels[0]
    assert not panel.knobs()["matte_grow"].enabled()
    stage.answer(panel, matte_edges="network", use_matte_grow=True, matte_grow=-1.5, output_confidence="yes")
    stage.answer(panel, use_matte_feather=True, matte_feather=900.0, more="memory.interval=3 'read.layer=my layer'")
    stage.press(panel, "propagate")
    assert {key: (each.value, each.origin) for key, each in jobs[1].settings.items()} == {
        "matte.edges": ("network", "STCN panel, Edges"),
        "matte.grow": ("-1.5", "STCN panel, Grow"),
        "matte.feather": ("100", "STCN panel, Feather"),
        "output.confidence": ("yes", "STCN panel, Confidence"),
        "memory.interval": ("3", "STCN panel, Settings memory.interval=3"),
        "read.layer": ("my layer", "STCN panel, Settings read.layer=my layer"),
    }


def test_the_panel_stays_open(menu, stage, make, jobs):
    """It is not modal: another selection is taken with a button, and the button starts one job after another."""
    read, hero = make.read(), make.roto("hero")
    make.select(read, hero)
    propagated(menu, stage)
    (panel,) = stage.open_panels
    make.select(read, hero, make.roto("ball"))
    stage.press(panel, "refresh")
    (other,) = stage.open_panels
    assert other is not panel
    stage.press(other, "propagate")
    assert [[source.object_name for source in job.sources] for job in jobs] == [["hero"], ["hero", "ball"]]
    stage.press(other, "close_panel")
    assert stage.open_panels == []


def test_a_panel_that_is_closed_does_nothing(menu, stage, make, jobs):
    """Also if the worker answers later."""
    make.select(make.read(), make.roto("hero"))
    panel, seen = opened(menu, stage)
    stage.press(panel, "close_panel")
    stage.pump(lambda: not stage.calls.empty(), timeout=20)
    call, args, _ = stage.calls.get()
    call(*args)
    assert jobs == []
    assert panel.knobs()["state"].value() == seen["state"] == "starting..."


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
    make.select(mattes(job(("hero", (1001,), True), ("ball", (1001, 1004), True))))
    menu["Update"]()
    assert stage.messages == []
    assert jobs == [job(("hero", (1001, 1003), True, "hero"), ("ball", (1002,), True, "ball"))]
    assert stage.open_panels == []


def test_the_panel_changes_any_setting_of_selected_mattes(menu, stage, make, jobs, job, mattes):
    """It shows the job of the mattes, with the keys that the rotos have now."""
    make.read()
    make.roto("hero", dict.fromkeys((1001, 1003), (20.0, 24.0, 8.0)))
    make.roto("other")
    before = job(("hero", (1001,), True, "left arm"))
    make.select(mattes(before))
    panel, seen = opened(menu, stage)
    assert (seen["object_0"], seen["when"], seen["out"]) == (
        "left arm",
        "where the roto has keys",
        r"/m/\[a\] \$b.####.exr",
    )
    assert (seen["preset"], seen["weights"], seen["device"], seen["layout"]) == ("show", "free", "cuda:1", "per_object")
    assert (seen["range"], seen["more"]) == ("1001-1004", "size=96")
    assert "object_1" not in seen
    stage.answer(panel, layout="cryptomatte", use_matte_black=True, matte_black=0.3, more="size=96 memory.interval=3")
    stage.press(panel, "propagate")
    assert stage.messages == []
    assert jobs[0].out == before.out
    assert jobs[0].sources == job(("hero", (1001, 1003), True, "left arm")).sources
    assert (jobs[0].layout, jobs[0].settings["matte.black"].value) == ("cryptomatte", "0.3")
    assert {key: each.value for key, each in jobs[0].settings.items() if key != "matte.black"} == {
        "size": "96",
        "memory.interval": "3",
    }


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
    """Of sources that have a key there or are selected, inside the shot; other selected rotos are new objects, at their
    own keys."""
    make.read()
    disc = (20.0, 24.0, 8.0)
    for name, keys in (("hero", (1001,)), ("ball", (1001, 1003)), ("new", (1003,))):
        make.roto(name, dict.fromkeys(keys, disc))
    make.select(mattes(job(("hero", (1001,)), ("ball", (1001,)))), *(nuke.toNode(name) for name in select))
    nuke.frame(frame)
    menu["Update"]()
    assert stage.messages == []
    assert {source.node: source.frames for source in jobs[0].sources if source.node != "new"} == {
        name: keys for name, keys in frames.items() if name != "new"
    }
    assert ("new" in frames) == ("new" in [source.node for source in jobs[0].sources])


def test_the_panel_suggests_the_last_job_of_the_script(menu, stage, nuke, make, jobs):
    """All of it for the same plate, so that a cancelled job goes on at any frame; the settings for another plate."""
    read, hero = make.read(), make.roto("hero", {900: (20.0, 24.0, 8.0)})
    make.select(read, hero)
    nuke.frame(1002)
    chosen = {
        "preset": "show",
        "device": "cuda:1",
        "layout": "per_object",
        "out": "/m/sh010.####.exr",
        "range": "1001-1003",
        "matte_edges": "guided",
        "use_matte_grow": True,
        "matte_grow": 2.5,
        "more": "size=720",
    }
    propagated(menu, stage, wait_for="ready", **chosen)
    stage.press(stage.open_panels[0], "close_panel")
    nuke.frame(1004)

    def opened_again():
        _, seen = opened(menu, stage)
        stage.press(stage.open_panels[0], "close_panel")
        return seen

    seen = opened_again()
    assert {name: seen[name] for name in chosen} == chosen
    assert (seen["when"], seen["frames"]) == ("at these frames", "1002")
    make.select(make.read(frames=range(1, 4), name="other"), hero)
    seen = opened_again()
    assert (seen["range"], seen["when"]) == ("1-3", "where the roto has keys")
    assert {name: seen[name] for name in chosen if name not in ("range", "out")} == {
        name: value for name, value in chosen.items() if name not in ("range", "out")
    }


def test_the_last_job_is_stored_in_the_script(menu, stage, nuke, make, jobs, tmp_path):
    """It is still there the next day; a new script has none, and one that cannot be read is ignored."""
    make.select(make.read(), make.roto("hero"))
    propagated(menu, stage, wait_for="ready", preset="show", more="read.layer='my beauty' size=720")
    stage.press(stage.open_panels[0], "close_panel")
    nuke.scriptSaveAs(str(tmp_path / "sh010.nk"))
    nuke.scriptOpen(str(tmp_path / "sh010.nk"))
    make.select(nuke.toNode("Read1"), nuke.toNode("hero"))
    _, seen = opened(menu, stage)
    assert (seen["preset"], seen["more"]) == ("show", "'read.layer=my beauty' size=720")
    stage.press(stage.open_panels[0], "close_panel")
    from stcn_nuke.remembered import last_job

    assert last_job() == replace(jobs[0], origins={})
    nuke.root()["stcn_last_job"].setValue("damaged")
    assert last_job() is None
    assert stage.commands == []


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
