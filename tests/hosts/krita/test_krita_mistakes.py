"""What an artist can do wrong, in Krita itself: the docker says what is missing, and nothing is lost."""

from __future__ import annotations

import numpy as np
import OpenImageIO as oiio
import pytest
from krita_shot import COUNT, FIRST, disc, read_alpha

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mistakes(krita, plates, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mistakes")
    mask = np.rint(255 * disc(FIRST + 3)[..., np.newaxis]).astype(np.uint8)
    assert oiio.ImageBuf(mask).write(str(folder / "mask.png"))
    ramp = np.ones((16, 256, 4), np.uint16) * 65535
    ramp[..., 3] = np.linspace(0, 65535, 256).round()
    assert oiio.ImageBuf(ramp).write(str(folder / "ramp.png"))
    results = krita.run(
        "mistakes", folder, plate=str(plates), mask=str(folder / "mask.png"), ramp=str(folder / "ramp.png")
    )
    return folder, results


@pytest.mark.parametrize(
    ("mistake", "what", "fix"),
    [
        ("no document", "no document is open", "Import Plate"),
        ("no plate", "no plate is chosen", "Choose a file"),
        ("nothing chosen", "no plate is chosen", "Choose a file"),
        ("gone", "no file of the plate is on disk", "/gone/plate.####.exr"),
        ("not exr", "not numbered EXR files", "mattes/hero.####.exr"),
        ("setting", "the settings cannot be read", "Close the quotes"),
        ("no object", "there is no object", "Add Object"),
        ("nothing painted", "nothing is painted", "Add Keyframe"),
        ("keyframe twice", "there is a keyframe at this frame", "Paint on it"),
        ("same name", "two object layers have the same name", "Rename"),
    ],
)
def test_docker_says_what_to_do(mistakes, mistake, what, fix):
    """The message names the problem and its remedy."""
    _, results = mistakes
    assert what in results[mistake]
    assert fix in results[mistake]


def test_new_objects_have_different_names(mistakes):
    assert mistakes[1]["names"] == ["object 1", "object 2"]


def test_layer_without_keyframes(mistakes):
    """It is a keyframe at the frame of its first job; with Add Keyframe it gets one there, with its pixels."""
    folder, results = mistakes
    assert results["still"] == FIRST + 3
    assert {3, 6} <= set(results["keys"]) <= {0, 3, 6}
    assert results["empty at 6"]
    assert np.array_equal(read_alpha(folder / "still.png"), read_alpha(folder / "mask.png"))


@pytest.mark.parametrize(("depth", "tolerance"), [("U8", 0.0021), ("U16", 0.00001), ("F16", 0.0005), ("F32", 0.00001)])
def test_keyframes_of_every_depth(mistakes, depth, tolerance):
    """The alpha of the layer is written linearly, to the precision of the layer."""
    folder, results = mistakes
    assert results[depth]
    ramp = oiio.ImageBuf(str(folder / "ramp.png")).get_pixels(oiio.FLOAT)[..., 3]
    assert np.abs(read_alpha(folder / f"{depth}.png") - ramp).max() < tolerance


def test_document_closed_during_a_job(mistakes):
    """The job ends in an error, and all mattes are on disk."""
    _, results = mistakes
    what, files = results["closed"]
    assert "the document was closed" in what
    assert files == [f"mattes.still.{FIRST + frame}.exr" for frame in range(COUNT)]
