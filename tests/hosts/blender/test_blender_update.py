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
    """The object's outline at a frame of the scene."""
    angles = [step * math.pi / 16 for step in range(32)]
    return [(50 + 6 * (frame - 11) + 22.5 * math.cos(a), 48 + 22.5 * math.sin(a)) for a in angles]


@pytest.mark.parametrize("wiring", ["SET_ALPHA", "SOCKETS"])
def test_a_keyframe_is_added_to_a_clip_without_a_compositor(blender, plates, tmp_path, wiring):
    """The mask's keys are used; a shape without a key changes its span; other frames keep their bytes."""
    results = blender.run(
        "update", tmp_path, plate=str(plates), outlines=[[frame, outline(frame)] for frame in AT], wiring=wiring
    )
    assert list(yaml.safe_load(results["shot_before"])["keyframes"]) == [1001, 1005]
    assert sorted(yaml.safe_load(results["shot"])["keyframes"]) == [1001, 1003, 1005]
    assert results["keyframes"] == [f"hero.hero.{frame}.exr" for frame in (1001, 1003, 1005)]
    assert results["written"] == [f"hero.{number}.exr" for number in range(1001, 1009)]
    assert {f"hero.{number}.exr" for number in (1006, 1007, 1008)} <= set(results["untouched"])
    assert not {"hero.1002.exr", "hero.1003.exr", "hero.1004.exr"} & set(results["untouched"])

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


@pytest.mark.parametrize(
    ("layout", "out", "stem"),
    [("layers", "mattes/sh010.v1.####.exr", "sh010.v1"), ("per_object", "mattes/<object>/<object>.v2.####.exr", "v2")],
)
def test_only_the_edited_layer_becomes_a_keyframe(blender, plates, tmp_path, layout, out, stem):
    """The selected layer, else the active one; a deleted matte node is added again with the whole shot."""
    layers = {"hero": outline(11), "ball": [(4, 4), (24, 4), (24, 24), (4, 24)]}
    results = blender.run("layers", tmp_path, plate=str(plates), layers=layers, layout=layout, out=out)
    what, where = results["edited"].pop("hidden")
    assert "1004" in what
    assert where == "mask roto"
    assert results["edited"] == {"active": ["ball"], "all": ["hero", "ball"], "selected": ["hero"]}
    assert results["keyframes"] == [f"{stem}.ball.1001.exr", f"{stem}.hero.1001.exr", f"{stem}.hero.1004.exr"]
    assert results["shot_file"] == str(tmp_path / "mattes" / f"{stem}.stcn.yaml")
    keyframes = yaml.safe_load((tmp_path / "mattes" / f"{stem}.stcn.yaml").read_text())["keyframes"]
    assert "hero" in str(keyframes[1004])
    assert "ball" not in str(keyframes[1004])
    assert results["spans"] == [[[1001, 1000, 8]] * (2 if layout == "per_object" else 1)] * 3
    assert not (tmp_path / "mattes" / "<object>").exists()
