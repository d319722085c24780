"""Shots whose plates have odd names, links, numbers or colours: what is matted, and what is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from raw_pictures import dpx, exr, exr_attribute

from stcn_plugin import make_shot
from stcn_plugin.errors import MissingFrameError, OutputError, PlateError
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.propagate import propagate
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.media.images import read_image
from stcn_plugin.media.portable_names import check_portable
from stcn_plugin.media.sequences import FrameSequence

SIZE = 48, 64


def levels(number):
    """A picture of a bright square that moves three pixels a frame, and its mask."""
    ground = np.random.default_rng(1).integers(20, 90, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    mask = np.zeros(SIZE, np.uint8)
    mask[12:36, 8 + 3 * number : 32 + 3 * number] = 255
    return np.where(mask[..., None] > 0, np.uint8([230, 160, 90]), ground), mask


@pytest.fixture
def shot(tmp_path):
    """Make a shot of the files named, with a keyframe on the first frame."""

    def make(pattern, frames, *overrides, out="out/m.####.exr", **more):
        Image.fromarray(levels(0)[1]).save(tmp_path / "key.png")
        return make_shot(
            plate=str(tmp_path / pattern),
            out=str(tmp_path / out),
            keyframes={frames[0]: str(tmp_path / "key.png")},
            overrides=["size=64", "compute.precision=float32", *overrides],
            **more,
        )

    return make


def pngs(folder, *names):
    for number, name in enumerate(names):
        Image.fromarray(levels(number)[0]).save(folder / name)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("p.%04d.png", ("p.-002.png", "p.-001.png", "p.0000.png", "p.0001.png")),
        ("p.####.png", ("p.-0002.png", "p.-0001.png", "p.0000.png", "p.0001.png")),
        ("p.#.png", ("p.-2.png", "p.-1.png", "p.0.png", "p.1.png")),
    ],
)
def test_a_shot_crosses_zero(tmp_path, shot, engine, pattern, names):
    """Every negative frame has its matte, named as printf names it, and the matte is of that frame."""
    pngs(tmp_path, *names)
    report = propagate(shot(pattern, [-2]), engine_for=lambda settings: engine)
    assert report.frames == (-2, -1, 0, 1)
    assert [Path(path).name for path in report.files] == ["m.-002.exr", "m.-001.exr", "m.0000.exr", "m.0001.exr"]
    for number, path in enumerate(report.files):
        matte = read_image(path).channel("matte.A") > 0.5
        truth = levels(number)[1] > 0
        assert (matte & truth).sum() / (matte | truth).sum() > 0.8


def test_a_plate_in_log_is_one_warning_of_the_job(tmp_path, shot, engine):
    """However many frames say so, it is told once, on the way and in the report, with the setting to change."""
    for number in range(3):
        codes = levels(number)[0].astype(np.uint16) * 4
        (tmp_path / f"p.{1001 + number}.dpx").write_bytes(dpx(codes, transfer=3))
    told = []
    report = propagate(shot("p.####.dpx", [1001]), engine_for=lambda settings: engine, on_warning=told.append)
    assert report.warnings == tuple(told)
    (warning,) = [text for text in told if "KodakLog" in text]
    assert "Set colour.input" in warning
    set_by_hand = shot("p.####.dpx", [1001], "colour.input=ACEScct")
    warnings = propagate(set_by_hand, engine_for=lambda settings: engine).warnings
    assert set(warnings) == set(told) - {warning}


def test_links_to_nothing_follow_the_policy_for_missing_frames(tmp_path, shot):
    """A link whose file is gone stops the shot by its name, or is held or skipped like a missing frame."""
    pngs(tmp_path, "p.1001.png", "p.1002.png")
    for frame in (1003, 1004):
        (tmp_path / f"p.{frame}.png").symlink_to(f"/nowhere/{frame}.png")
    with pytest.raises(MissingFrameError, match="a link to a file that is gone, as are those of 1 other") as caught:
        prepare(shot("p.####.png", [1001]))
    assert caught.value.where == f"frame 1003 ({tmp_path / 'p.1003.png'})"
    held = prepare(shot("p.####.png", [1001], "read.missing=hold"))
    assert held.frames == (1001, 1002, 1003, 1004)
    assert held.plates.read(1004, window=held.window, size=SIZE).held_from == 1002
    assert prepare(shot("p.####.png", [1001], "read.missing=skip")).frames == (1001, 1002)


def test_a_plate_that_is_nowhere_is_answered_with_what_is_there(tmp_path, shot):
    """The error of a pattern that matches nothing says what to write."""
    pngs(tmp_path, "p.0001.png")
    with pytest.raises(PlateError) as caught:
        prepare(shot("p.#.png", [1]))
    assert caught.value.fix == "On disk is p.0001.png: write p.####.png"


def test_a_span_longer_than_any_shot_is_refused_by_a_limit(tmp_path, shot):
    """Two files a million frames apart are no plate; the number is in the message."""
    pngs(tmp_path, "p.0001.png", "p.1000001.png")
    with pytest.raises(PlateError, match=r"from 1 to 1000001, more than 1,000,000 frames"):
        prepare(shot("p.####.png", [1], "read.missing=hold"))


def test_each_held_file_is_opened_once_for_its_header(tmp_path, shot, monkeypatch):
    """A plate of two files over ten thousand frames costs two headers, and one listing of the folder."""
    from stcn_plugin.media.oiio_plates import OpenImageIOPlates

    opened = []
    header = OpenImageIOPlates.header
    monkeypatch.setattr(
        OpenImageIOPlates,
        "header",
        lambda self, path, where: opened.append(path.name) or header(self, path, where=where),
    )
    for number, frame in enumerate((1, 5000)):
        (tmp_path / f"p.{frame:04d}.exr").write_bytes(exr(levels(number)[0] / np.float32(255)))
    job = prepare(shot("p.####.exr", [1], "read.missing=hold", range="1-10000"))
    assert len(job.frames) == 10000
    assert len(opened) <= 5


def test_a_far_window_makes_mattes_of_the_format_and_is_told(tmp_path, shot):
    """One frame whose data window is a million pixels away neither fills memory nor stops the shot."""
    for number in range(2):
        pixels = (levels(number)[0] / np.float32(255))[..., ::-1]
        (tmp_path / f"p.{1001 + number}.exr").write_bytes(
            exr(pixels, data=(number * 1_000_000, 0), display=(0, 0, 63, 47))
        )
    told = []
    job = prepare(shot("p.####.exr", [1001]), watcher=Watcher(on_warning=told.append))
    assert (job.window.shape, len(told)) == (SIZE, 1)
    assert "frame 1002" in told[0] and "data window" in told[0]


def test_an_aspect_that_is_no_ratio_does_not_shape_the_network(tmp_path, shot):
    """A DPX that claims pixels a thousand million times as wide as high is taken with square ones."""
    codes = levels(0)[0].astype(np.uint16) * 4
    (tmp_path / "p.1001.dpx").write_bytes(dpx(codes, aspect=(10**9, 1)))
    job = prepare(shot("p.####.dpx", [1001]))
    assert (job.pixel_aspect, job.size) == (1.0, SIZE)
    attribute = exr_attribute("PixelAspectRatio", "string", b"wide")
    (tmp_path / "q.1001.exr").write_bytes(exr(levels(0)[0] / np.float32(255), attributes=attribute))
    assert prepare(shot("q.####.exr", [1001])).pixel_aspect == 1.0


@pytest.mark.parametrize(
    ("out", "problem"),
    [
        ("out/m.####.exr", None),
        ("out/console.####.exr", None),
        ("<object>/m.####.exr", None),
        ("out/con.####.exr", "is a device name"),
        ("out/NUL.####.exr", "is a device name"),
        ("aux/m.####.exr", "is a device name"),
        ("out/com1.left.####.exr", "is a device name"),
        ("out/m:left.####.exr", "has the character :"),
        ("out/m?.####.exr", "has the character ?"),
        ("out/m*.####.exr", "has the character *"),
        ('out/"m".####.exr', 'has the character "'),
        ("out/a|b.####.exr", "has the character |"),
        ("out/a\\b.####.exr", "has the character \\"),
        ("take 1./m.####.exr", "ends in '.'"),
        ("take 1 /m.####.exr", "ends in ' '"),
    ],
)
def test_names_that_windows_cannot_have_are_told(tmp_path, shot, out, problem):
    """A warning where such names are possible, an error where they are not."""
    pngs(tmp_path, "p.1001.png")
    told = []
    prepare(shot("p.####.png", [1001], out=out), watcher=Watcher(on_warning=told.append))
    assert len(told) == (1 if problem else 0)
    sequence = FrameSequence.parse(tmp_path / "elsewhere" / out)
    if problem:
        assert problem in told[0] and "Windows" in told[0]
        with pytest.raises(OutputError) as caught:
            check_portable(sequence, warn=told.append, is_windows=True)
        assert problem in caught.value.what
        assert caught.value.fix
    else:
        check_portable(sequence, warn=told.append, is_windows=True)
        assert told == []


@pytest.mark.parametrize("out", ["out/a\nb.####.exr", "out/\x1b[31m.####.exr", "a\tb/m.####.exr"])
def test_control_characters_in_output_names_are_refused_everywhere(tmp_path, shot, out):
    """The message shows them as escapes."""
    pngs(tmp_path, "p.1001.png")
    with pytest.raises(OutputError, match="control character") as caught:
        prepare(shot("p.####.png", [1001], out=out))
    assert str(caught.value).isprintable()


def test_folders_that_are_there_are_nobodys_fault(tmp_path):
    """A folder on disk that Windows could not have is used without a word."""
    (tmp_path / "a:b").mkdir()
    check_portable(FrameSequence.parse(tmp_path / "a:b" / "m.####.exr"), warn=lambda text: pytest.fail(text))
