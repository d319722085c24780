"""Added keyframes: only the frames that they affect are propagated again, and the nodes are kept."""

from __future__ import annotations

import math

import numpy as np
import pytest
import yaml
from blender_shot import FIRST, read_channels

pytestmark = pytest.mark.slow

AT = [11, 15, 13]  # the clip starts at frame 11 of the scene; the last is added later
SHIFT = FIRST - 11


def outline(frame: int) -> list[tuple[float, float]]:
    """The object's outline at a frame of the scene; at the corrected one, it is above the line between the other two."""
    up = 4 if frame == AT[2] else 0
    angles = [step * math.pi / 16 for step in range(32)]
    return [(50 + 6 * (frame - 11) + 22.5 * math.cos(a), 48 - up + 22.5 * math.sin(a)) for a in angles]


@pytest.mark.parametrize("wiring", ["SET_ALPHA", "SOCKETS"])
def test_a_keyframe_is_added_to_a_clip_without_a_compositor(blender, plates, tmp_path, wiring):
    """The mask's keys are used; one more key changes the frames up to its neighbours, and no other frame is written."""
    results = blender.run(
        "update", tmp_path, plate=str(plates), outlines=[[frame, outline(frame)] for frame in AT], wiring=wiring
    )
    assert list(yaml.safe_load(results["shot_before"])["keyframes"]) == [1001, 1005]
    assert sorted(yaml.safe_load(results["shot"])["keyframes"]) == [1001, 1003, 1005]
    assert results["keyframes"] == [f"hero.hero.{frame}.exr" for frame in (1001, 1003, 1005)]
    assert results["written"] == [f"hero.{number}.exr" for number in range(1001, 1009)]
    assert results["untouched"] == [f"hero.{number}.exr" for number in (1001, 1005, 1006, 1007, 1008)]
    assert results["texts"] == [
        "3 frames (12-14) of hero",  # in the panel, numbers are those of the scene
        "reason: keyframe 1003 is new",
        "Nothing to do, all mattes are up to date",
    ]
    assert results["third_is_the_same"]

    matte = read_channels(tmp_path / "mattes" / "hero.1003.exr")["hero.A"]
    drawn = read_channels(tmp_path / "mattes" / "keyframes" / "hero.hero.1003.exr")["R"]
    assert np.abs(matte - drawn).max() < 1e-3  # at the keyframe, the matte is the artist's own

    assert results["after"] == results["before"]
    assert results["span"] == [11, 1000, 8]
    assert "CompositorNodeMovieClip" in results["after"]
    assert results["after"].count("CompositorNodeSetAlpha") == (wiring == "SET_ALPHA")
    assert results["output"] == ("CompositorNodeSetAlpha" if wiring == "SET_ALPHA" else None)
    assert "hero" in results["outputs"]
    (warning,) = results["warnings"]
    assert "non-commercial" in warning  # the licence of the starter weights


def test_after_a_cancel_the_next_press_goes_on(blender, plates, tmp_path):
    """Mattes that were written before the cancel are not written again, and all others are."""
    outlines = [[frame, outline(frame)] for frame in AT]
    results = blender.run("update", tmp_path, plate=str(plates), outlines=outlines, wiring="SOCKETS")
    assert results["cancelled"] == "Cancelled"
    before, after = results["written_before_cancel"], results["written_after_cancel"]
    assert len(before) >= 2
    assert len(after) >= 1
    changed = [number for number in range(1001, 1009) if number not in (1001, 1003, 1005)]  # keyframes are as drawn
    assert sorted([*before, *after]) == [f"hero.{number}.exr" for number in changed]


@pytest.mark.parametrize(
    ("layout", "out", "stem"),
    [("layers", "mattes/sh010.v1.####.exr", "sh010.v1"), ("per_object", "mattes/<object>/<object>.v2.####.exr", "v2")],
)
def test_each_layer_has_its_own_keyframes(blender, plates, tmp_path, layout, out, stem):
    """A layer without keys stays a keyframe where it was; a deleted matte node is added again with the whole shot."""
    layers = {"hero": outline(11), "ball": [(4, 4), (24, 4), (24, 24), (4, 24)]}
    moved = outline(14)
    results = blender.run("layers", tmp_path, plate=str(plates), layers=layers, moved=moved, layout=layout, out=out)
    assert results["keyframes"] == [f"{stem}.ball.1001.exr", f"{stem}.hero.1001.exr", f"{stem}.hero.1004.exr"]
    assert results["shot_file"] == str(tmp_path / "mattes" / f"{stem}.stcn.yaml")
    keyframes = yaml.safe_load((tmp_path / "mattes" / f"{stem}.stcn.yaml").read_text())["keyframes"]
    assert sorted(keyframes) == [1001, 1004]
    assert "hero" in str(keyframes[1004])
    assert "ball" not in str(keyframes[1004])
    assert results["spans"] == [[[1001, 1000, 8]] * (2 if layout == "per_object" else 1)] * 3
    assert not (tmp_path / "mattes" / "<object>").exists()
    first, second = results["warnings"]
    assert [text for text in first if "'ball'" in text and "frame 1001" in text]
    assert [text for text in second if "'ball'" in text and "frame 1001" in text]
    assert not [text for text in second if "'hero'" in text]
