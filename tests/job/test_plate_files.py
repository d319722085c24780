"""Shots whose plates have unusual names, links, numbers or colours: their mattes and their messages."""

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
    """Return an image of a bright square that moves three pixels per frame, and its mask."""
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
def test_negative_frames(tmp_path, shot, engine, pattern, names):
    """Each has its matte, with its number as printf formats it."""
    pngs(tmp_path, *names)
    report = propagate(shot(pattern, [-2]), engine_for=lambda settings: engine)
    assert report.frames == (-2, -1, 0, 1)
    assert [Path(path).name for path in report.files] == ["m.-002.exr", "m.-001.exr", "m.0000.exr", "m.0001.exr"]
    for number, path in enumerate(report.files):
        matte = read_image(path).channel("matte.A") > 0.5
        truth = levels(number)[1] > 0
        assert (matte & truth).sum() / (matte | truth).sum() > 0.8


@pytest.mark.parametrize("pattern", ["p.#.png", "p.%03d.png"])
def test_frames_of_another_padding_are_one_warning(tmp_path, shot, pattern):
    """A pattern with too few digits matches from frame 1000 on; a warning lists the other frames and the right pattern."""
    pngs(tmp_path, "p.0998.png", "p.0999.png", "p.1000.png", "p.1001.png")
    reported = []
    job = prepare(shot(pattern, [1000]), watcher=Watcher(on_warning=reported.append))
    assert job.frames == (1000, 1001)
    (warning,) = reported
    assert "998-999 are left out" in warning and warning.endswith("the pattern of p.0998.png is p.####.png")
    reported.clear()
    prepare(shot(pattern, [1000], range="1000-1001"), watcher=Watcher(on_warning=reported.append))
    assert reported == []


def test_a_logarithmic_plate_gives_one_warning(tmp_path, shot, engine):
    """Once for all frames, during the job and in the report, with the setting to change."""
    for number in range(3):
        codes = levels(number)[0].astype(np.uint16) * 4
        (tmp_path / f"p.{1001 + number}.dpx").write_bytes(dpx(codes, transfer=3))
    warnings = []
    report = propagate(shot("p.####.dpx", [1001]), engine_for=lambda settings: engine, on_warning=warnings.append)
    assert report.warnings == tuple(warnings)
    (warning,) = [text for text in warnings if "KodakLog" in text]
    assert "colour.input" in warning
    set_by_hand = shot("p.####.dpx", [1001], "colour.input=ACEScct")
    report = propagate(set_by_hand, engine_for=lambda settings: engine)
    assert set(report.warnings) == set(warnings) - {warning}


def test_broken_links_are_missing_frames(tmp_path, shot):
    """They stop the job with their name, or are held or skipped."""
    pngs(tmp_path, "p.1001.png", "p.1002.png")
    for frame in (1003, 1004):
        (tmp_path / f"p.{frame}.png").symlink_to(f"/nowhere/{frame}.png")
    with pytest.raises(MissingFrameError, match=r"link .* 1 other") as caught:
        prepare(shot("p.####.png", [1001]))
    assert caught.value.where == f"frame 1003 ({tmp_path / 'p.1003.png'})"
    held = prepare(shot("p.####.png", [1001], "read.missing=hold"))
    assert held.frames == (1001, 1002, 1003, 1004)
    assert held.plates.read(1004).held_from == 1002
    assert prepare(shot("p.####.png", [1001], "read.missing=skip")).frames == (1001, 1002)


def test_a_pattern_without_files_suggests_one_that_has_files(tmp_path, shot):
    """The fix has the pattern to write."""
    pngs(tmp_path, "p.0001.png")
    with pytest.raises(PlateError) as caught:
        prepare(shot("p.#.png", [1]))
    assert "p.0001.png" in caught.value.fix
    assert caught.value.fix.endswith("p.####.png")


def test_files_with_distant_frame_numbers_are_refused(tmp_path, shot):
    """Two files a million frames apart are not a plate; the message has the limit."""
    pngs(tmp_path, "p.0001.png", "p.1000001.png")
    with pytest.raises(PlateError, match=r"\b1 .*\b1000001\b.*1,000,000"):
        prepare(shot("p.####.png", [1], "read.missing=hold"))


def test_each_held_file_is_opened_once_for_its_header(tmp_path, shot, monkeypatch):
    """A plate of two files over ten thousand frames needs a few headers, and one listing of the folder."""
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


def test_a_distant_data_window_gives_a_warning(tmp_path, shot):
    """A data window a million pixels away neither fills memory nor stops the shot."""
    for number in range(2):
        pixels = (levels(number)[0] / np.float32(255))[..., ::-1]
        (tmp_path / f"p.{1001 + number}.exr").write_bytes(
            exr(pixels, data=(number * 1_000_000, 0), display=(0, 0, 63, 47))
        )
    warnings = []
    job = prepare(shot("p.####.exr", [1001]), watcher=Watcher(on_warning=warnings.append))
    assert (job.window.shape, len(warnings)) == (SIZE, 1)
    assert "frame 1002" in warnings[0] and "data window" in warnings[0]


def test_an_impossible_pixel_aspect_is_ignored(tmp_path, shot):
    """Pixels that are 10⁹ times as wide as high are taken as square."""
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
def test_output_names_that_windows_cannot_have(tmp_path, shot, out, problem):
    """A warning on other systems, an error on Windows."""
    pngs(tmp_path, "p.1001.png")
    warnings = []
    prepare(shot("p.####.png", [1001], out=out), watcher=Watcher(on_warning=warnings.append))
    assert len(warnings) == (1 if problem else 0)
    sequence = FrameSequence.parse(tmp_path / "elsewhere" / out)
    if problem:
        assert problem in warnings[0] and "Windows" in warnings[0]
        with pytest.raises(OutputError) as caught:
            check_portable(sequence, warn=warnings.append, is_windows=True)
        assert problem in caught.value.what
        assert caught.value.fix
    else:
        check_portable(sequence, warn=warnings.append, is_windows=True)
        assert warnings == []


@pytest.mark.parametrize("out", ["out/a\nb.####.exr", "out/\x1b[31m.####.exr", "a\tb/m.####.exr"])
def test_control_characters_in_output_names_are_refused(tmp_path, shot, out):
    """The message shows them escaped."""
    pngs(tmp_path, "p.1001.png")
    with pytest.raises(OutputError, match="control character") as caught:
        prepare(shot("p.####.png", [1001], out=out))
    assert str(caught.value).isprintable()


def test_existing_folders_are_not_checked(tmp_path):
    """A folder on disk that Windows cannot have gives no warning."""
    (tmp_path / "a:b").mkdir()
    check_portable(FrameSequence.parse(tmp_path / "a:b" / "m.####.exr"), warn=lambda text: pytest.fail(text))
