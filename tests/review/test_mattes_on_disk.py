"""Mattes on disk: those of the shot as they are, and those of an earlier version."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import click
import numpy as np
import pytest
from media.keyframe_files import exr, save

from stcn_plugin import make_shot
from stcn_plugin.bridge.assessment import Assessment, Problem
from stcn_plugin.cli.review import frame_rate
from stcn_plugin.errors import MatteError
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import Window
from stcn_plugin.review.mattes import EarlierMattes, MattesOnDisk
from stcn_plugin.review.pictures import PictureMaker
from stcn_plugin.review.run import _entry
from stcn_plugin.review.shot_review import review_shot


def grey(value: int) -> np.ndarray:
    """Not an image of object numbers: two values in between."""
    pixels = np.full((12, 20), value, np.uint8)
    pixels[0, :10] = np.arange(10) * 25
    return pixels


def test_an_object_that_is_new_is_not_in_older_files(tmp_path):
    """The other objects of the file are shown all the same."""
    _, channels = exr(tmp_path / "m.1001.exr", "hero.A")
    writer = MatteWriter(FrameSequence.parse(tmp_path / "m.####.exr"), objects=("hero", "ball"))
    found = MattesOnDisk(writer, ("hero", "ball")).read(1001)
    assert list(found) == ["hero"]
    np.testing.assert_array_equal(found["hero"], channels["hero.A"])


@pytest.mark.parametrize("pattern", ["m.####.png", "m.<object>.####.png"])
def test_an_earlier_version_with_a_file_for_each_object(tmp_path, pattern):
    """They are found by the pattern of the shot file, which need not contain ``<object>``."""
    for name, value in (("hero", 50), ("left_arm", 200)):
        save(tmp_path / f"m.{name}.1001.png", grey(value))
    earlier = EarlierMattes(FrameSequence.parse(tmp_path / pattern), ("hero", "left arm", "ball"))
    found = earlier.read(1001)
    assert {name: round(255 * float(matte[5, 5])) for name, matte in found.items()} == {"hero": 50, "left arm": 200}
    assert earlier.read(1002) == {}


def test_an_earlier_version_without_files(tmp_path):
    """A misspelled pattern is an error, with what is on disk."""
    save(tmp_path / "matte.1001.png", grey(50))
    with pytest.raises(MatteError) as caught:
        EarlierMattes(FrameSequence.parse(tmp_path / "mate.####.png"), ("hero",))
    assert caught.value.where == str(tmp_path / "mate.####.png")
    assert "matte.####.png" in str(caught.value.fix)


def test_a_shot_is_reviewed_where_nothing_can_be_written(tmp_path):
    """The folder of the mattes need not be writable, and is not created."""
    save(tmp_path / "p.1001.png", np.zeros((12, 20, 3), np.uint8))
    key = save(tmp_path / "key.png", grey(255))
    (tmp_path / "file").touch()
    for folder in ("file", "none"):
        shot = make_shot(
            plate=tmp_path / "p.####.png", keyframes={1001: f"{key}:Y"}, out=tmp_path / folder / "deep" / "m.####.exr"
        )
        assert review_shot(shot, "shot").state == "unfinished"
    assert {each.name for each in tmp_path.iterdir()} == {"p.1001.png", "key.png", "file"}


def test_pictures_of_a_plate_that_is_less_than_a_pixel_wide(tmp_path):
    """A single column of narrow pixels is shown one pixel wide."""
    writer = MatteWriter(FrameSequence.parse(tmp_path / "m.####.exr"), objects=("hero",))
    job = SimpleNamespace(
        display=Window(0, 0, 1, 40), pixel_aspect=0.5, frames=(1001,), objects=("hero",), writer=writer
    )
    assert PictureMaker(job).size == (1, 40)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        ("24", Fraction(24)),
        ("12.5", Fraction(25, 2)),
    ],
)
def test_frame_rates(text, rate):
    """Decimals that stand for a rate of NTSC mean exactly that."""
    assert frame_rate(text) == rate


@pytest.mark.parametrize("text", ["nan", "inf", "0", "-24", "24/0", "2000", "fast"])
def test_no_frame_rate(text):
    with pytest.raises(click.BadParameter, match=r"24000/1001"):
        frame_rate(text)


def test_a_line_about_a_shot_stays_short():
    """The index and the command name three problems and the number of the others; the page has all."""
    problems = tuple(Problem(1001, f"o{number}", f"'o{number}' vanishes", "Draw it") for number in range(200))
    review = SimpleNamespace(
        name="shot",
        state="doubtful",
        summary="200 things to check",
        assessment=Assessment({}, (), 0, (), problems),
        job=SimpleNamespace(frames=(1001,)),
    )
    expected = "200 things to check; 'o0' vanishes; 'o1' vanishes; 'o2' vanishes; and 197 more"
    assert _entry(review, "shot.html").notes == expected
