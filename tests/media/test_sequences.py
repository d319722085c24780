from __future__ import annotations

from pathlib import Path

import pytest

from stcn_plugin.errors import FrameRangeError
from stcn_plugin.media.sequences import FrameSequence


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("written", "pattern", "at_7"),
    [
        ("a/p.####.exr", "a/p.####.exr", "a/p.0007.exr"),
        ("p.%04d.exr", "p.####.exr", "p.0007.exr"),
        ("p.$F4.exr", "p.####.exr", "p.0007.exr"),
        ("p.@@@@.exr", "p.####.exr", "p.0007.exr"),
        ("p.#.exr", "p.#.exr", "p.7.exr"),
        ("p.%d.exr", "p.#.exr", "p.7.exr"),
        ("p.$F.exr", "p.#.exr", "p.7.exr"),
        ("p.######.dpx", "p.######.dpx", "p.000007.dpx"),
        ("####.png", "####.png", "0007.png"),
        ("p_####_left.exr", "p_####_left.exr", "p_0007_left.exr"),
        ("sh#10/p.####.exr", "sh#10/p.####.exr", "sh#10/p.0007.exr"),
        ("<object>/m.####.exr", "<object>/m.####.exr", "<object>/m.0007.exr"),
    ],
)
def test_every_way_to_write_a_pattern_means_the_same(written, pattern, at_7):
    """One '#' is one digit, and the other spellings of the trade come out as '#'."""
    sequence = FrameSequence.parse(written)
    assert sequence.pattern == pattern
    assert sequence.path(7) == Path(at_7)


def test_frame_numbers_beyond_the_padding_and_below_zero():
    """A larger frame takes more digits; a negative one keeps all digits after its sign."""
    sequence = FrameSequence.parse("p.####.EXR")
    assert sequence.path(12345).name == "p.12345.EXR"
    assert sequence.path(-2).name == "p.-0002.EXR"
    assert sequence.suffix == ".exr"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("plate.exr", "no frame number"),
        ("plate.1001.exr", "plate.####.exr"),
        ("shot_v002.exr", "no frame number"),
        ("p.####.####.exr", "several frame numbers"),
        ("p.####", "no file type"),
        ("p.1001-1010####.exr", "Write the pattern p.####.exr and give 1001-1010 as the frame range"),
        ("p.####.exr 1001-1010", "Write the pattern p.####.exr and give 1001-1010 as the frame range"),
    ],
)
def test_what_is_no_pattern_is_refused_with_a_fix(tmp_path, written, message):
    """A text without exactly one frame number is refused, and the message tells what to write."""
    with pytest.raises(FrameRangeError) as caught:
        FrameSequence.parse(tmp_path / written)
    assert message in str(caught.value)
    assert caught.value.fix


def test_frames_on_disk_are_those_that_the_pattern_names(tmp_path):
    """Only files that path() would name count; other padding, suffixes and temporary files do not."""
    names = [f"p.{number}.exr" for number in ("1003", "0001", "-0002", "12345", "7", "-002", "01003")]
    touch(tmp_path, *names, "p.1001.png", "p.1001.exr.tmp", ".p.1002.exr", "q.1001.exr", "p.left.exr")
    assert FrameSequence.parse(tmp_path / "p.####.exr").frames_on_disk() == (-2, 1, 1003, 12345)
    assert FrameSequence.parse(tmp_path / "p.#.exr").frames_on_disk() == (7, 1003, 12345)
    assert FrameSequence.parse(tmp_path / "absent" / "p.####.exr").frames_on_disk() == ()


@pytest.mark.parametrize(
    ("files", "named", "pattern", "frames"),
    [
        (["p.1001.exr", "p.1002.exr", "q.1001.exr"], "p.1001.exr", "p.####.exr", (1001, 1002)),
        (["p.1001.exr"], "p.1005.exr", "p.####.exr", (1001,)),
        (["q_9.png", "q_10.png"], "q_10.png", "q_#.png", (9, 10)),
        (["00000.jpg", "00001.jpg"], "00001.jpg", "#####.jpg", (0, 1)),
        (["p.-0001.exr", "p.0000.exr"], "p.-0001.exr", "p.####.exr", (-1, 0)),
        (["sh-0001.exr", "sh-0002.exr"], "sh-0001.exr", "sh-####.exr", (1, 2)),
    ],
)
def test_one_file_stands_for_its_sequence(tmp_path, files, named, pattern, frames):
    """The name of a file with others of its sequence on disk is understood as the whole sequence."""
    sequence = FrameSequence.parse(touch(tmp_path, *files) / named)
    assert sequence.pattern == str(tmp_path / pattern)
    assert sequence.frames_on_disk() == frames


def test_versions_are_not_frames(tmp_path):
    """Files that differ in their version alone are no sequence."""
    touch(tmp_path, "p_v001.exr", "p_v002.exr")
    with pytest.raises(FrameRangeError, match="no frame number"):
        FrameSequence.parse(tmp_path / "p_v001.exr")


def test_a_folder_stands_for_its_only_sequence(tmp_path):
    """A folder of one sequence is understood as it, whatever else lies there that is no numbered picture."""
    touch(tmp_path, "p.1001.exr", "p.1002.exr", "notes.txt", "log.0001.txt", ".p.1003.exr")
    assert FrameSequence.parse(tmp_path).pattern == str(tmp_path / "p.####.exr")


def test_a_folder_of_several_sequences_or_none_is_refused(tmp_path):
    """The error lists the sequences found with their frames."""
    several = touch(tmp_path / "several", "p.1001.exr", "p.1002.exr", "q.01.png")
    with pytest.raises(FrameRangeError, match=r"2 sequences: p\.####\.exr 1001-1002, q\.##\.png 1"):
        FrameSequence.parse(several)
    with pytest.raises(FrameRangeError, match="no numbered pictures"):
        FrameSequence.parse(touch(tmp_path / "none", "a.txt"))


@pytest.mark.parametrize(
    ("pattern", "of_hero"),
    [
        ("out/m.####.png", "out/m.hero.####.png"),
        ("m_####.png", "m_hero_####.png"),
        ("m####.png", "m.hero.####.png"),
        ("####.png", "hero.####.png"),
        ("out/<object>/m.####.png", "out/hero/m.####.png"),
        ("<object>.####.png", "hero.####.png"),
        ("out/<object>/<object>.####.png", "out/hero/hero.####.png"),
    ],
)
def test_each_object_has_its_files(pattern, of_hero):
    """The object's name replaces <object>, or stands before the frame number."""
    assert FrameSequence.parse(pattern).with_object("hero").pattern == of_hero
    assert FrameSequence.parse(pattern).has_object == ("<object>" in pattern)


def test_a_sequence_and_its_frames_are_described_as_people_write_them():
    """A description is the file name and the range."""
    assert FrameSequence.parse("a/p.####.exr").describe([1001, 1002, 1003, 1010]) == "p.####.exr 1001-1003,1010"
