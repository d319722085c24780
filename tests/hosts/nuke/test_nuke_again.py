"""Jobs that are run again: an update of selected mattes, and the last job of the script."""

from __future__ import annotations

from dataclasses import replace

import pytest
from panel_steps import opened, propagated

from stcn_plugin.bridge import Setting


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
            settings={
                "size": Setting("96", "--set size=96", is_yaml=True),
                "output.layout": Setting("per_object", "STCN panel, Layout", is_yaml=True),
            },
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
    assert (seen["preset"], seen["weights"], seen["device"], seen["output_layout"]) == (
        "show",
        "free",
        "cuda:1",
        "per_object",
    )
    assert (seen["range"], seen["more"]) == ("1001-1004", "size=96")
    assert "object_1" not in seen
    stage.answer(
        panel, output_layout="cryptomatte", use_matte_black=True, matte_black=0.3, more="size=96 memory.interval=3"
    )
    stage.press(panel, "propagate")
    assert stage.messages == []
    assert jobs[0].out == before.out
    assert jobs[0].sources == job(("hero", (1001, 1003), True, "left arm")).sources
    assert {key: each.value for key, each in jobs[0].settings.items()} == {
        "output.layout": "cryptomatte",
        "matte.black": "0.3",
        "size": "96",
        "memory.interval": "3",
    }


def test_the_panel_suggests_the_last_job_of_the_script(menu, stage, nuke, make, jobs):
    """All of it for the same plate, so that a cancelled job goes on at any frame; the settings for another plate."""
    read, hero = make.read(), make.roto("hero", {900: (20.0, 24.0, 8.0)})
    make.select(read, hero)
    nuke.frame(1002)
    chosen = {
        "preset": "show",
        "device": "cuda:1",
        "output_layout": "per_object",
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
