from __future__ import annotations

import pytest
from fileseq import FrameSet
from hypothesis import given
from hypothesis import strategies as st

from stcn_plugin.errors import FrameRangeError
from stcn_plugin.frames import format_frame_range, frame_token, padded, parse_frame_range


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("1001", (1001,)),
        ("1001-1004", (1001, 1002, 1003, 1004)),
        ("1001-1100x20,1200", (1001, 1021, 1041, 1061, 1081, 1200)),
        ("-5--1", (-5, -4, -3, -2, -1)),
        ("-2-2x2", (-2, 0, 2)),
        ("5-5", (5,)),
        ("10,1-3, 2 ,3", (1, 2, 3, 10)),
        ("0001-0003", (1, 2, 3)),
    ],
)
def test_ranges_are_inclusive_ascending_and_unique(text, frames):
    """A range holds both ends, every frame once, in ascending order."""
    assert parse_frame_range(text) == frames


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("1 3 4 8", "1,3,4,8"),  # fileseq reads frame 1348
        ("1-4x1 8-10x1", "1-4x1,8-10x1"),  # Nuke
        ("1001-1010:2", "1001-1010x2"),  # OpenJD; a stagger to fileseq
        ("10-1", "1-10"),
        ("10-1x4", "2-10x4"),
        ("1..5", "1-5"),
        ("1 - 5", "1-5"),
        ("1 to 5", "1-5"),
        ("1\u20135", "1-5"),
        ("1,2,", "1,2"),
        ("1;2", "1,2"),
    ],
)
def test_other_spellings_are_refused_with_the_right_one(text, right):
    """What another tool would read differently is refused, and the message shows what to write."""
    with pytest.raises(FrameRangeError) as caught:
        parse_frame_range(text)
    assert caught.value.fix == f"Write {right}"
    assert parse_frame_range(right)


@pytest.mark.parametrize("text", ["", " ", ",", "5-", "-", "1-10y2", "1-10x-3", "1-10x0", "1.5", "first", "+3", "٣"])
def test_nonsense_is_refused_with_a_fix(text):
    """Invalid text is refused, and the error shows a valid range."""
    with pytest.raises(FrameRangeError) as caught:
        parse_frame_range(text)
    assert caught.value.fix


def test_a_range_of_billions_of_frames_is_refused():
    """A range of billions of frames is refused rather than built."""
    with pytest.raises(FrameRangeError, match="more than 1,000,000 frames"):
        parse_frame_range("1001-11000000000")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9" * 5000, "more than 18 digits"),
        ("1-" + "9" * 30, "more than 18 digits"),
        (",".join(["1-600000"] * 2), "more than 1,000,000 frames"),
        (",".join(["1-1000000"] * 5000), "more than 1,000,000 frames"),
        ("1-2," * 50000, "an empty part next to a comma"),
        ("-" * 100000, "is not a frame range"),
    ],
    ids=["digits", "end", "two parts", "many parts", "comma", "dashes"],
)
def test_huge_texts_are_refused_by_a_limit(text, message):
    """Numbers, parts and messages have a maximum length."""
    with pytest.raises(FrameRangeError, match=message) as caught:
        parse_frame_range(text)
    assert len(str(caught.value)) < 400
    assert caught.value.fix


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("p.####.exr", "####"),
        ("p@2x.%04d.exr", "%04d"),
        ("50%done.@@@.exr", "@@@"),
        ("a#3.$F4.exr", "$F4"),
        ("p.exr", None),
    ],
)
def test_the_last_token_of_a_name_is_its_frame_number(name, token):
    """Signs before it are part of the name."""
    found = frame_token(name)
    assert (found and found.group()) == token


@pytest.mark.parametrize("frame", [-1000, -10, -2, -1, 0, 1, 9, 1001, 123456])
@pytest.mark.parametrize("padding", [1, 2, 4, 6])
def test_numbers_in_names_are_those_of_printf(frame, padding):
    """Python's own printf is what Nuke, Houdini and C write: the sign takes one of the characters."""
    assert padded(frame, padding) == "%0*d" % (padding, frame)  # noqa: UP031


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ([1010, 1001, 1002, 1003, 1004, 1004], "1001-1004,1010"),
        ([1, 3, 5, 7, 9], "1-9x2"),
        ([-2, -1], "-2--1"),
        ([7], "7"),
        ([], ""),
    ],
)
def test_frames_are_written_compactly(frames, text):
    """Frames are written as ranges, with a step where that is shorter."""
    assert format_frame_range(frames) == text


@given(st.sets(st.integers(-3000, 3000), min_size=1, max_size=60))
def test_what_is_written_reads_back(frames):
    """Whatever frames are written, the same are read; fileseq agrees."""
    text = format_frame_range(frames)
    assert parse_frame_range(text) == tuple(sorted(frames))
    assert sorted(FrameSet(text)) == sorted(frames)
    assert text == str(FrameSet.framesToFrameRange(frames, sort=True, compress=False))
