"""The example shot gives the documented result with the weights in the package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from stcn_plugin.media.images import read_image

pytestmark = pytest.mark.slow

SHOT = Path(__file__).parents[2] / "examples" / "shot"
FRAMES = range(1001, 1005)
OBJECTS = ("hare", "koi")


@pytest.fixture(scope="module")
def mattes(tmp_path_factory) -> Path:
    """The first frames of the example, by the command line."""
    out = tmp_path_factory.mktemp("example") / "matte.####.exr"
    command = [sys.executable, "-m", "stcn_plugin", "propagate", SHOT / "shot.yaml", "--out", out]
    subprocess.run([*command, "--range", "1001-1004", "--overlay", out.parent / "look", "--quiet"], check=True)
    return out


def channel(pattern: Path, frame: int, name: str) -> np.ndarray:
    return read_image(str(pattern).replace("####", str(frame))).channel(f"{name}.A")


def test_the_mattes_match_the_truth(mattes):
    """`stcn evaluate` scores the propagated frames against the rendered truth."""
    command = [sys.executable, "-m", "stcn_plugin", "evaluate", mattes, SHOT / "truth" / "truth.####.exr"]
    options = ["--frames", "1002-1004", "--json", "-"]
    scores = json.loads(subprocess.run([*command, *options], capture_output=True, text=True, check=True).stdout)
    assert {scored["name"] for scored in scores["objects"]} == set(OBJECTS)
    for scored in scores["objects"]:
        assert scored["mean"]["jf"] > 0.8
        assert scored["mean"]["mse"] < 6


def test_the_keyframe_is_the_artists_matte(mattes):
    """Frame 1001 is exactly the given matte."""
    for name in OBJECTS:
        given = channel(SHOT / "keyframes" / "keyframe.1001.exr", 1001, name)
        np.testing.assert_array_equal(channel(mattes, 1001, name), given)


def test_clear_background_is_black_and_edges_are_soft(mattes):
    """Away from the objects the matte is exactly 0; edges have intermediate values."""
    for frame in FRAMES[1:]:
        for name in OBJECTS:
            matte = channel(mattes, frame, name)
            truth = channel(SHOT / "truth" / "truth.####.exr", frame, name)
            background = distance_transform_edt(truth == 0) > 40
            assert (matte[background] == 0).mean() > 0.99
            assert ((matte > 0.1) & (matte < 0.9)).sum() > 500


def test_mattes_carry_the_plates_metadata(mattes):
    """Format, pixel aspect, timecode and frame rate are those of the plate."""
    for frame in FRAMES:
        plate = read_image(SHOT / "plates" / f"two_objects.{frame}.exr").header
        assert read_image(str(mattes).replace("####", str(frame))).header == plate
        assert plate.timecode is not None
        assert plate.frame_rate == (24, 1)


def test_overlays_are_written(mattes):
    """An image per frame, and one contact sheet."""
    names = sorted(path.name for path in (mattes.parent / "look").iterdir())
    assert names == ["contact_sheet.jpg", *(f"overlay.{frame}.jpg" for frame in FRAMES)]
