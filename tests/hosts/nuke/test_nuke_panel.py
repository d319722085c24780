"""The panel in the stand-in: what it suggests, and the job that it describes."""

from __future__ import annotations

import pytest
from panel_steps import opened, propagated


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
        "out": "/shots/mattes/plate/plate_matte.####.exr",
    }
    assert seen["presets"] == ["default", "show"]
    assert jobs == [
        PropagateJob(
            plate="Read1",
            sources=(KeyframeSource("hero", (1001, 1003), follows_keys=True, name="hero"),),
            range="1001-1004",
            out="/shots/mattes/plate/plate_matte.####.exr",
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
            },
        )
    ]


def test_mattes_are_named_after_the_plate(menu, stage, nuke, make, jobs):
    """After its files, so that two scripts in one folder do not write the same mattes; otherwise after script and node."""
    graded, hero = nuke.nodes.Multiply(), make.roto("hero")
    graded.setInput(0, make.read(name="sh010.v2"))
    nuke.root()["name"].setValue("/shots/comp.nk")
    found = []
    for node in (nuke.toNode("Read1"), graded, nuke.nodes.Read()):
        make.select(node, hero)
        panel, seen = opened(menu, stage)
        found.append(seen["out"])
        stage.press(panel, "close_panel")
    assert found == [
        "/shots/mattes/sh010.v2/sh010.v2_matte.####.exr",
        "/shots/mattes/comp.Multiply1/comp.Multiply1_matte.####.exr",
        "/shots/mattes/comp.Read2/comp.Read2_matte.####.exr",
    ]


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
