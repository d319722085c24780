"""What an artist can do wrong, in Krita itself: the docker says what is missing, and nothing is lost."""

from __future__ import annotations

import shutil

import numpy as np
import OpenImageIO as oiio
import pytest
from krita_shot import COUNT, FIRST, disc, read_alpha

pytestmark = pytest.mark.slow

DAMAGED = [
    "[]",
    "null",
    '"text"',
    "{",
    "[" * 100_000,
    '{"first": -5, "plate": 3, "values": []}',
    '{"values": {"matte.edges": ["x"], "matte.grow": "a", "unknown": 1}}',
    '{"still": {"a": "b"}, "patterns": {"a": 3}, "layers": {"a": 3}, "loaded": {"a": 3}}',
]
"""Annotations of a document."""


@pytest.fixture(scope="module")
def mistakes(krita, plates, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mistakes")
    mask = np.rint(255 * disc(FIRST + 3)[..., np.newaxis]).astype(np.uint8)
    assert oiio.ImageBuf(mask).write(str(folder / "mask.png"))
    ramp = np.ones((16, 256, 4), np.uint16) * 65535
    ramp[..., 3] = np.linspace(0, 65535, 256).round()
    assert oiio.ImageBuf(ramp).write(str(folder / "ramp.png"))
    files = [
        path for path in plates.parent.glob("*.exr") if path.name < plates.name.replace(str(FIRST), str(FIRST + 4))
    ]
    for name in ("stray", "damaged"):
        (folder / name).mkdir()
        for path in files:
            shutil.copy(path, folder / name / f"plate.{path.name.split('.')[-2]}.exr")
    (folder / "stray" / f"plate.{FIRST + 3}.exr").rename(folder / "stray" / "plate.20240101.exr")
    (folder / "damaged" / f"plate.{FIRST + 2}.exr").write_bytes(b"not an image")
    arguments = {"plate": plates, "mask": folder / "mask.png", "ramp": folder / "ramp.png"}
    results = krita.run(
        "mistakes", folder, **{name: str(path) for name, path in arguments.items()}, **{"damaged settings": DAMAGED}
    )
    return folder, results


@pytest.mark.parametrize(
    ("mistake", "what", "fix"),
    [
        ("no document", "no document is open", "Import Plate"),
        ("no plate", "no plate is chosen", "Choose a file"),
        ("nothing chosen", "no plate is chosen", "Choose a file"),
        ("gone", "no file of the plate is on disk", "/gone/plate.####.exr"),
        ("no home", "there is no such home folder", "Write the full path"),
        ("stray", "numbered from 1001 to 20240101", "Move files"),
        ("damaged", "could not read the files 1003", "Check these files"),
        ("locked", "locked or hidden", "Unlock and show it"),
        ("hidden", "locked or hidden", "Unlock and show it"),
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


def test_alpha_that_is_no_number(mistakes):
    """It is 0, and infinity is 1, as above 1."""
    assert read_alpha(mistakes[0] / "odd.png").ravel().tolist() == pytest.approx([0, 1, 0.5], abs=0.0001)


def test_damaged_settings(mistakes):
    assert mistakes[1]["settings"] == [True] * len(DAMAGED)


def test_error_while_mattes_are_loaded(mistakes):
    """It is shown, and the worker is free for the next job."""
    assert "Krita cannot create animated layers (No such file or directory)" in mistakes[1]["no folder"]
    assert mistakes[1]["next job"]


def test_mattes_after_undo(mistakes):
    """Undo brings the earlier mattes back; the next job loads those on disk, though no file has changed."""
    assert mistakes[1]["undone"] == [True, True, True]


def test_document_closed_during_a_job(mistakes):
    """The job ends in an error, and all mattes are on disk."""
    _, results = mistakes
    what, files = results["closed"]
    assert "the document was closed" in what
    assert files == [f"mattes.still.{FIRST + frame}.exr" for frame in range(COUNT)]
