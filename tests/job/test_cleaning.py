"""Cleaned mattes of a job: from the cache, per object, and never those of keyframes."""

from __future__ import annotations

import numpy as np
import pytest
from clip_files import state

from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.matte.edges import grow
from stcn_plugin.shot.file import load_shot, make_shot
from stcn_plugin.shot.writer import save_shot

FRAMES = range(1001, 1009)
OBJECTS = "a0", "a2"


@pytest.fixture
def run(clip, engine):
    """Build the clip with matte settings by object; return the report, and how often the network was loaded."""

    def run(*settings, objects=None, **options):
        path = clip.folder / "shot.yaml"
        shot = make_shot(
            plate=clip.plate,
            out=clip.out,
            keyframes={1001: clip.keyframe(1001, 0, 2), 1006: clip.keyframe(1006, 0)},
            overrides=["compute.precision=float32", "size=64", "output.depth=float", *settings],
        )
        save_shot(shot, path)
        if objects:
            path.write_text(f"{path.read_text()}objects: {objects}\n")
        loaded = []
        report = build(
            prepare(load_shot(path)), lambda _: (loaded.append(1), engine)[1], options=BuildOptions(**options)
        )
        return report, len(loaded)

    return run


def mattes(clip):
    return {(frame, name): clip.matte(frame, name) for frame in FRAMES for name in OBJECTS}


def test_a_changed_setting_loads_no_network(clip, run):
    """The mattes are those of a whole run with this setting, file by file."""
    run()
    report, loaded = run("matte.grow=-1.5")
    assert (list(report.frames), loaded) == (list(FRAMES), 0)
    assert report.plan.segments[0].reasons == ("matte.grow has changed from 0.0 to -1.5",)
    found = {name: content for name, (content, _, _) in state(clip.folder / "out").items()}
    assert run("matte.grow=-1.5", rebuild=True)[1] == 1
    assert {name: content for name, (content, _, _) in state(clip.folder / "out").items()} == found


def test_settings_that_change_nothing_write_nothing(run):
    """The defaults, written out."""
    run()
    settings = "matte.grow=0", "matte.remove_specks=0", "matte.fill_holes=0", "matte.feather=0"
    assert run(*settings)[0].frames == ()


def test_an_object_is_finished_with_its_own_settings(clip, run):
    """The mattes of the other object stay the same, and keyframes are delivered as they were drawn."""
    run()
    before = mattes(clip)
    report, loaded = run(objects="{a0: {matte: {grow: -2}}}")
    assert (list(report.frames), loaded) == (list(FRAMES), 0)
    assert report.plan.segments[0].reasons == ("objects.a0.matte.grow has changed from none to -2.0",)
    after = mattes(clip)
    for frame in FRAMES:
        np.testing.assert_array_equal(after[frame, "a2"], before[frame, "a2"])
        is_keyframe = frame in (1001, 1006)
        wanted = clip.mask(frame, 0) if is_keyframe else grow(before[frame, "a0"], -2)
        np.testing.assert_array_equal(after[frame, "a0"], wanted)
    report, loaded = run(objects="{a0: {matte: {grow: -1}}}")
    assert report.plan.segments[0].reasons == ("objects.a0.matte.grow has changed from -2.0 to -1.0",)
    assert (len(report.frames), loaded, run(objects="{a0: {matte: {grow: -1}}}")[0].frames) == (8, 0, ())


def test_the_settings_of_an_object_override_those_of_the_shot(clip, run):
    """Those that it leaves out are the shot's."""
    run("matte.black=0.4", "matte.grow=1")
    both = mattes(clip)
    run("matte.black=0.4")
    level = mattes(clip)
    run("matte.black=0.4", "matte.grow=1", objects="{a2: {matte: {grow: 0}}}")
    mixed = mattes(clip)
    for frame in (1003, 1004):
        np.testing.assert_array_equal(mixed[frame, "a0"], grow(level[frame, "a0"], 1))
        np.testing.assert_array_equal(mixed[frame, "a2"], level[frame, "a2"])
        assert (both[frame, "a2"] != mixed[frame, "a2"]).any()


def test_overlays_show_the_cleaned_mattes(clip, run):
    """With another picture than without cleaning."""
    pictures = []
    for setting in ("matte.grow=0", "matte.grow=-6"):
        run(setting, f"overlay.folder={clip.folder / 'look'}")
        pictures.append({path.name: path.read_bytes() for path in (clip.folder / "look").iterdir()})
    assert pictures[0].keys() == pictures[1].keys()
    frames = [name for name in pictures[0] if "1004" in name]
    assert frames
    assert all(pictures[0][name] != pictures[1][name] for name in frames)
