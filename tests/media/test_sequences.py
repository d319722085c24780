from __future__ import annotations

import os
import sys
from pathlib import Path
from unicodedata import normalize

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
def test_notations_are_equivalent(written, pattern, at_7):
    """One '#' is one digit, and other notations are converted to '#'."""
    sequence = FrameSequence.parse(written)
    assert sequence.pattern == pattern
    assert sequence.path(7) == Path(at_7)


def test_frame_numbers_beyond_the_padding_and_below_zero():
    """Larger frames have more digits; the sign of a negative frame counts as padding."""
    sequence = FrameSequence.parse("p.####.EXR")
    assert sequence.path(12345).name == "p.12345.EXR"
    assert sequence.path(-2).name == "p.-002.EXR"
    assert sequence.suffix == ".exr"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("plate.exr", "no frame number"),
        ("plate.1001.exr", "plate.####.exr"),
        ("shot_v002.exr", "no frame number"),
        ("p.####", "no file type"),
        ("p.####%04d.exr", "side by side"),
        ("p.1001-1010.exr", "Write the pattern p.####.exr and set the frame range to 1001-1010"),
        ("p.[1001-1010].exr", "Write the pattern p.####.exr and set the frame range to 1001-1010"),
        ("p.%04d.exr 1-20x2", "Write the pattern p.%04d.exr and set the frame range to 1-20x2"),
        ("p_%V.####.exr", "Write the view's name in place of %V"),
        ("p.####_%v.exr", "Write the view's name in place of %v"),
        ("p.<UDIM>.####.exr", "the tiles of a texture"),
        ("p.%999999999d.exr", "longer than 18 digits"),
        ("p.%0000000099d.exr", "longer than 18 digits"),
        ("p.$F99999999999999999999.exr", "longer than 18 digits"),
        ("p." + "#" * 200 + ".exr", "longer than 18 digits"),
        ("p.\0####.exr", "a NUL character"),
        ("plate.mov", "this is a movie, which cannot be read"),
        ("A001_C002_0101.MXF", "this is a movie, which cannot be read"),
        ("/views/%V/p.####.exr", "Write the view's name in place of %V"),
        ("p.\u0661\u0660\u0660\u0661.exr", "no frame number"),
        ("p.{frame:04d}.exr", "no frame number"),
        ("p.*.exr", "no frame number"),
        ("x" * 300 + ".exr", "no frame number"),
        ("p.1001-1010####.exr", "Write the pattern p.####.exr and set the frame range to 1001-1010"),
        ("p.####.exr 1001-1010", "Write the pattern p.####.exr and set the frame range to 1001-1010"),
    ],
)
def test_invalid_patterns_are_refused_with_a_fix(tmp_path, written, message):
    """The error for a text without a frame number suggests a pattern."""
    with pytest.raises(FrameRangeError) as caught:
        FrameSequence.parse(tmp_path / written)
    assert message in str(caught.value)
    assert caught.value.fix
    assert len(str(caught.value)) < 500


def test_a_home_folder_that_is_not_there_is_refused():
    """An unknown user name is an STCNError."""
    with pytest.raises(FrameRangeError, match="no such home folder"):
        FrameSequence.parse("~nobody-by-that-name/p.####.exr")


@pytest.mark.parametrize(
    ("written", "at_7"),
    [
        ("plate@2x.####.exr", "plate@2x.0007.exr"),
        ("shot#3.%04d.exr", "shot#3.0007.exr"),
        ("50%done.$F4.exr", "50%done.0007.exr"),
        ("####_p.@@.exr", "####_p.07.exr"),
        ("p.####.####.exr", "p.####.0007.exr"),
    ],
)
def test_of_several_tokens_the_last_is_the_frame(written, at_7):
    """Signs in the name of a show do not count as the frame number."""
    sequence = FrameSequence.parse(written)
    assert sequence.path(7).name == at_7
    assert FrameSequence.parse(sequence.pattern) == sequence


@pytest.mark.parametrize(
    ("pattern", "names", "frames"),
    [
        ("p.####.exr", ["p.-002.exr", "p.-001.exr", "p.0000.exr", "p.0001.exr"], (-2, -1, 0, 1)),
        ("p.####.exr", ["p.-0002.exr", "p.-0001.exr", "p.0000.exr"], (-2, -1, 0)),
        ("p.####.exr", ["p.-12.exr", "p.-00012.exr", "p.-123.exr", "p.-1234.exr", "p.-000.exr"], (-1234, -123)),
        ("p.#.exr", ["p.-2.exr", "p.-1.exr", "p.0.exr", "p.-01.exr"], (-2, -1, 0)),
        ("p.##.exr", ["p.-2.exr", "p.-01.exr", "p.00.exr"], (-2, -1, 0)),
        ("p_%03d.exr", ["p_-10.exr", "p_-09.exr", "p_-008.exr", "p_000.exr"], (-10, -9, -8, 0)),
    ],
)
def test_negative_frames_of_either_spelling(tmp_path, pattern, names, frames):
    """`-002` of printf and `-0002` of Blender are frame -2; existing files are found by either."""
    touch(tmp_path, *names)
    sequence = FrameSequence.parse(tmp_path / pattern)
    on_disk = sequence.on_disk()
    assert on_disk.frames == frames
    assert {on_disk.path(frame).name for frame in frames} <= set(names)
    assert [sequence.find(frame) for frame in frames] == [on_disk.path(frame) for frame in frames]


def test_the_written_spelling_of_a_frame_is_preferred(tmp_path):
    """If a folder has both spellings, the one that this package writes is used."""
    touch(tmp_path, "p.-0002.exr", "p.-002.exr")
    sequence = FrameSequence.parse(tmp_path / "p.####.exr")
    assert sequence.on_disk().path(-2) == sequence.find(-2) == sequence.path(-2) == tmp_path / "p.-002.exr"


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_normal_forms_are_equivalent(tmp_path, stored, asked):
    """macOS may store accents separately; folders and files are found in either form."""
    folder, name = "s\u00e9quence", "caf\u00e9_\u304c"
    kept = touch(tmp_path / normalize(stored, folder), *(f"{normalize(stored, name)}.{n}.exr" for n in (1001, 1002)))
    asked_folder = tmp_path / normalize(asked, folder)
    for written in (f"{normalize(asked, name)}.####.exr", f"{normalize(asked, name)}.1001.exr", ""):
        sequence = FrameSequence.parse(asked_folder / written)
        assert sequence.frames_on_disk() == (1001, 1002)
        assert sequence.on_disk().path(1002) == sequence.find(1002) == kept / f"{normalize(stored, name)}.1002.exr"


def test_broken_links_are_not_files(tmp_path):
    """A broken link is not a frame, and is listed separately."""
    touch(tmp_path / "elsewhere", "a.exr")
    (tmp_path / "p.1001.exr").symlink_to(tmp_path / "elsewhere" / "a.exr")
    (tmp_path / "p.1002.exr").symlink_to("/nowhere/p.1002.exr")
    (tmp_path / "p.1003.exr").symlink_to("p.1003.exr")
    on_disk = FrameSequence.parse(tmp_path / "p.####.exr").on_disk()
    assert on_disk.frames == (1001,)
    assert on_disk.broken == {1002: "p.1002.exr", 1003: "p.1003.exr"}


@pytest.mark.parametrize(
    ("written", "names", "advice"),
    [
        ("p.#.exr", ["p.0001.exr", "p.0002.exr"], "On disk is p.0001.exr: write p.####.exr"),
        ("p.@.exr", ["p.0001.exr"], "On disk is p.0001.exr: write p.####.exr"),
        ("p.########.exr", ["p.1001.exr"], "On disk is p.1001.exr: write p.####.exr"),
        ("p.####.exr", ["p.1001.EXR"], "On disk is p.1001.EXR: write p.####.EXR"),
        ("P.####.exr", ["p.1001.exr"], "On disk is p.1001.exr: write p.####.exr"),
        ("plate_####.exr", ["plate.1001.exr"], "On disk is plate.1001.exr: write plate.####.exr"),
        ("p.####.png", ["p.1001.jpg", "q.1001.tif"], None),
        (
            "sh010_palte.####.exr",
            ["sh010_plate.1001.exr"],
            "On disk is sh010_plate.1001.exr: write sh010_plate.####.exr",
        ),
        (
            "sh010.####_left.exr",
            ["sh010.01001_left.exr"],
            "On disk is sh010.01001_left.exr: write sh010.#####_left.exr",
        ),
        ("p.####.exr", ["p.exr"], "On disk is p.exr, which has no frame number"),
        ("p.####.exr", [], None),
    ],
)
def test_a_pattern_without_files_has_a_suggestion(tmp_path, written, names, advice):
    """The most similar name on disk, and its pattern."""
    touch(tmp_path, *names)
    sequence = FrameSequence.parse(tmp_path / written)
    assert sequence.frames_on_disk() == ()
    assert sequence.suggestion() == advice


@pytest.mark.parametrize("written", ["p.{frame}.exr", "p.<F4>.exr", "p.[####.exr", "p.*.exr", "p..exr"])
def test_other_notations_have_a_suggestion(tmp_path, written):
    """Notations of other programs, and remains of $F4 after a shell, give the pattern of the files."""
    touch(tmp_path, "p.0001.exr", "p.0002.exr")
    try:
        answer = FrameSequence.parse(tmp_path / written).suggestion()
    except FrameRangeError as error:
        answer = error.fix
    assert answer == "On disk is p.0001.exr: write p.####.exr"


def test_missing_folders(tmp_path):
    """The first missing folder of a path is named, with a similar one."""
    (tmp_path / "Plates").mkdir()
    assert FrameSequence.parse(tmp_path / "plates" / "sh010" / "p.####.exr").suggestion() == (
        f"There is no folder {tmp_path / 'plates'}; on disk is Plates"
    )
    assert "There is no folder" in FrameSequence.parse(tmp_path / "zzz" / "p.####.exr").suggestion()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no names that are not Unicode")
def test_names_that_are_not_utf8(tmp_path):
    """A Latin-1 name is shown with escaped bytes everywhere, and every message can be printed."""
    for number in (1001, 1002):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.%d.exr" % number)).touch()
    suggested = FrameSequence.parse(tmp_path / "caf\u00e9.####.exr").suggestion()
    assert suggested == r"On disk is caf\xe9.1001.exr, whose name is not UTF-8: rename its files, such as with convmv"
    for pattern in (os.fsdecode(b"caf\xe9.####.exr"), os.fsdecode(b"caf\xe9.1001.exr"), ""):
        with pytest.raises(FrameRangeError, match="not UTF-8") as caught:
            FrameSequence.parse(tmp_path / pattern)
        assert r"caf\xe9" in str(caught.value)
        str(caught.value).encode()


def test_a_folder_is_listed_once_for_all_held_frames(tmp_path, monkeypatch):
    """One listing answers for every frame, without searching all files for each."""
    touch(tmp_path, *(f"p.{number:04d}.exr" for number in range(0, 4000, 2)))
    on_disk = FrameSequence.parse(tmp_path / "p.####.exr").on_disk()
    monkeypatch.setattr(os, "scandir", lambda path: pytest.fail("listed again"))
    assert [on_disk.held(frame) for frame in (-5, 0, 1, 2, 3999, 10**9)] == [0, 0, 0, 2, 3998, 3998]


def test_a_file_whose_name_has_tokens_stands_for_its_sequence(tmp_path):
    """The name of an existing file is taken literally."""
    for stem in ("plate@2x", "shot#3", "50%done"):
        touch(tmp_path, f"{stem}.1001.exr", f"{stem}.1002.exr")
        sequence = FrameSequence.parse(tmp_path / f"{stem}.1002.exr")
        assert (sequence.path(1001).name, sequence.frames_on_disk()) == (f"{stem}.1001.exr", (1001, 1002))


def test_frames_on_disk_are_those_that_the_pattern_names(tmp_path):
    """Files with other padding, other suffixes and temporary names do not count."""
    names = [f"p.{number}.exr" for number in ("1003", "0001", "-0002", "12345", "7", "-002", "01003")]
    touch(tmp_path, *names, "p.1001.png", "p.1001.exr.tmp", ".p.1002.exr", "q.1001.exr", "p.left.exr")
    assert FrameSequence.parse(tmp_path / "p.####.exr").frames_on_disk() == (-2, 1, 1003, 12345)
    assert FrameSequence.parse(tmp_path / "p.#.exr").frames_on_disk() == (7, 1003, 12345)
    assert FrameSequence.parse(tmp_path / "absent" / "p.####.exr").frames_on_disk() == ()


def test_frames_with_another_padding_are_listed_separately(tmp_path):
    """Only frames without a file of the pattern's padding are listed."""
    touch(tmp_path, "p.0998.exr", "p.0999.exr", "p.1000.exr", "p.01000.exr", "p.-2.exr", "p.left.exr")
    on_disk = FrameSequence.parse(tmp_path / "p.###.exr").on_disk()
    assert on_disk.names == {1000: "p.1000.exr"}
    assert on_disk.others == {-2: "p.-2.exr", 998: "p.0998.exr", 999: "p.0999.exr"}


@pytest.mark.parametrize(
    ("files", "named", "pattern", "frames"),
    [
        (["p.1001.exr", "p.1002.exr", "q.1001.exr"], "p.1001.exr", "p.####.exr", (1001, 1002)),
        (["p.1001.exr"], "p.1005.exr", "p.####.exr", (1001,)),
        (["q_9.png", "q_10.png"], "q_10.png", "q_#.png", (9, 10)),
        (["00000.jpg", "00001.jpg"], "00001.jpg", "#####.jpg", (0, 1)),
        (["p.-0001.exr", "p.0000.exr"], "p.-0001.exr", "p.####.exr", (-1, 0)),
        (["p.-001.exr", "p.0000.exr"], "p.-001.exr", "p.####.exr", (-1, 0)),
        (["p.1.exr", "p.0001.exr", "p.0002.exr"], "p.0001.exr", "p.####.exr", (1, 2)),
        (["p.1.exr", "p.0001.exr", "p.0002.exr"], "p.1.exr", "p.#.exr", (1,)),
        (["sh-0001.exr", "sh-0002.exr"], "sh-0001.exr", "sh-####.exr", (1, 2)),
    ],
)
def test_one_file_stands_for_its_sequence(tmp_path, files, named, pattern, frames):
    """The name of one file is parsed as the whole sequence."""
    sequence = FrameSequence.parse(touch(tmp_path, *files) / named)
    assert sequence.pattern == str(tmp_path / pattern)
    assert sequence.frames_on_disk() == frames


def test_versions_are_not_frames(tmp_path):
    """Files that differ only in their version are not a sequence."""
    touch(tmp_path, "p_v001.exr", "p_v002.exr")
    with pytest.raises(FrameRangeError, match="no frame number"):
        FrameSequence.parse(tmp_path / "p_v001.exr")


def test_a_folder_stands_for_its_only_sequence(tmp_path):
    """A folder with one sequence is parsed as this sequence; other files are ignored."""
    touch(tmp_path, "p.1001.exr", "p.1002.exr", "notes.txt", "log.0001.txt", ".p.1003.exr")
    assert FrameSequence.parse(tmp_path).pattern == str(tmp_path / "p.####.exr")


def test_a_folder_of_several_sequences_or_none_is_refused(tmp_path):
    """The error lists the sequences with their frames."""
    several = touch(tmp_path / "several", "p.1001.exr", "p.1002.exr", "q.01.png")
    with pytest.raises(FrameRangeError, match=r"2 sequences: p\.####\.exr 1001-1002, q\.##\.png 1"):
        FrameSequence.parse(several)
    with pytest.raises(FrameRangeError, match="no numbered images"):
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
    """The object's name replaces <object>, or is inserted before the frame number."""
    assert FrameSequence.parse(pattern).with_object("hero").pattern == of_hero
    assert FrameSequence.parse(pattern).has_object == ("<object>" in pattern)


def test_describe():
    """The file name and the range."""
    assert FrameSequence.parse("a/p.####.exr").describe([1001, 1002, 1003, 1010]) == "p.####.exr 1001-1003,1010"
