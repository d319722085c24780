"""Random frame patterns, file names and frame ranges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fuzz.hammer import hammer

from stcn_plugin.errors import FrameRangeError, OutputError, STCNError
from stcn_plugin.frames import format_frame_range, parse_frame_range
from stcn_plugin.media.portable_names import check_portable
from stcn_plugin.media.sequences import FrameSequence

pytestmark = pytest.mark.slow

PIECES = (
    "####", "#", "@", "@@@", "%04d", "%d", "%4d", "%999999999d", "%V", "%v", "$F4", "$F", "${F4}", "<UDIM>", "<object>",
    "[0-9]", "*", "?", "{frame}", "1001", "0001", "-001", "-0002", "7", "99999999999999999999", "1001-1010", "v002", ".",
    "_", "-", " ", "é", "e\u0301", "\u3042", "p", "plate", "shot#3", "2x", ".exr", ".EXR", ".png", "exr", "..", "/", "~",
    "~nobody", "\\", ":", "CON", "nul", "\n", "\x1b[31m", "\0", "\udce9", "\U0001f3ac", "x" * 300, "#" * 400, "(", "[",
)  # fmt: skip
RANGES = (
    "1", "1001", "-5", "--", "-", ",", "x", "y", ":", "x2", "x0", "1-10", "10-1", "-5--1", "1-999999999", " ", "to", "..",
    "9" * 30, "9" * 5000, "1-1000000", "\u2013", "\u0663", "\0", "\n", "#", "1.5", "+3", "0x10", "1e9",
)  # fmt: skip


def joined(rng: np.random.Generator, pieces: tuple[str, ...], most: int) -> str:
    return "".join(pieces[rng.integers(len(pieces))] for _ in range(rng.integers(1, most)))


def attack(rng: np.random.Generator, folder: Path) -> None:
    """Create files, parse a pattern, and use it as a job does."""
    for _ in range(rng.integers(5)):
        name = joined(rng, PIECES, 6).replace("/", "").replace("\0", "")
        try:
            (folder / name).touch()
        except OSError:  # too long, or what is no name
            continue
    text = joined(rng, PIECES, 8)
    try:
        sequence = FrameSequence.parse(f"{folder}/{text}" if rng.random() < 0.9 else text)
    except STCNError as error:
        str(error).encode()
        assert error.fix or "cannot be read" in error.what
        assert len(str(error)) < 2000
    else:
        ask(sequence, folder)
    line = joined(rng, RANGES, 8) if rng.random() < 0.9 else ",".join([joined(rng, RANGES, 4)] * 1000)
    try:
        frames = parse_frame_range(line)
    except FrameRangeError as error:
        assert error.fix
        assert len(str(error)) < 2000
    else:
        assert list(frames) == sorted(set(frames))
        assert parse_frame_range(format_frame_range(frames)) == frames


def ask(sequence: FrameSequence, folder: Path) -> None:
    """Use a sequence as a job does."""
    if sequence.folder.is_relative_to(folder):
        on_disk = sequence.on_disk()
        for frame in on_disk.frames:
            assert on_disk.path(frame).is_file()
            assert sequence.find(frame).is_file()
            assert on_disk.held(frame) == frame
        (sequence.suggestion() or "").encode()
    assert FrameSequence.parse(sequence.pattern).path(7) == sequence.path(7)
    hero = sequence.with_object("hero")
    assert "hero" in str(hero.path(-12))
    assert len({sequence.path(frame) for frame in (-100000, -2, -1, 0, 1, 2, 100000)}) == 7
    try:
        check_portable(hero, warn=lambda text: None)
    except OutputError as error:
        assert error.fix
        str(error).encode()


def test_patterns_and_ranges(fuzz_count):
    """Every text is parsed consistently, or rejected with a suggestion."""
    assert hammer("fuzz.test_fuzz_patterns:attack", fuzz_count) == []
