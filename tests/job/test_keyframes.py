"""Keyframes of a job: read once, stored losslessly, filled beyond the format, and identified by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from golden.stand_in import golden_frames, golden_masks
from hypothesis import given, settings
from hypothesis import strategies as st
from media.picture_files import write

from stcn_plugin import make_shot, propagate
from stcn_plugin.evaluation.hard import region_overlap
from stcn_plugin.job.build import build
from stcn_plugin.job.compressed_matte import CompressedMatte
from stcn_plugin.job.keyframes import Naming, naming_warning
from stcn_plugin.job.overscan import fill_masks, fill_mattes
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.media.images import read_image
from stcn_plugin.media.window import Window
from stcn_plugin.propagation.propagator import PropagationSettings

# Storage


@given(st.integers(0, 2**32 - 1), st.sampled_from(["uint8", "uint16", "float16", "float32", "empty"]))
@settings(max_examples=60, deadline=None)
def test_compression_is_lossless(seed, kind):
    """For every number format, and anywhere in the image."""
    rng = np.random.default_rng(seed)
    matte = np.zeros((30, 40), np.float32)
    top, left = rng.integers(0, 30), rng.integers(0, 40)
    inside = matte[top : top + rng.integers(1, 30), left : left + rng.integers(1, 40)]
    if kind in ("uint8", "uint16"):
        highest = np.iinfo(kind).max
        inside[...] = rng.integers(0, highest + 1, inside.shape).astype(kind) / np.float32(highest)
    elif kind != "empty":
        inside[...] = rng.random(inside.shape).astype(kind)
    np.testing.assert_array_equal(CompressedMatte(matte).unpack(), matte)


def test_compressed_mattes_are_small():
    """A hard UHD matte takes less than 50 kB, and a soft 8-bit one less than a megabyte."""
    y, x = np.mgrid[:2160, :3840].astype(np.float32)
    distance = np.hypot(y - 1000, x - 2000)
    hard = (distance < 600).astype(np.float32)
    soft = np.rint(np.clip((620 - distance) / 40, 0, 1) * 255).astype(np.uint8) / np.float32(255)
    assert CompressedMatte(hard).size < 50_000
    assert CompressedMatte(soft).size < 1_000_000


def test_editing_a_keyframe_during_a_job_changes_nothing(clip, engine):
    """The file is propagated and delivered as it was when the job was prepared."""
    key = clip.keyframe(1004, 0)
    job = prepare(make_shot(plate=clip.plate, out=clip.out, keyframes={1004: key}))
    clip.keyframe(1004, 0, 2)
    Path(clip.keyframe(1004, 2)["file"]).replace(key["file"])
    build(job, lambda _: engine)
    np.testing.assert_array_equal(clip.matte(1004), clip.mask(1004, 0))
    assert region_overlap(clip.matte(1005) > 0.5, clip.mask(1005, 0) > 0.5) > 0.8


def test_deleting_a_keyframe_during_a_job_changes_nothing(clip, engine):
    """Its file is not needed after preparation."""
    key = clip.keyframe(1004, 0)
    job = prepare(make_shot(plate=clip.plate, out=clip.out, keyframes={1004: key}))
    Path(key["file"]).unlink()
    build(job, lambda _: engine)
    np.testing.assert_array_equal(clip.matte(1004), clip.mask(1004, 0))


# Overscan


LEFT, HEIGHT, WIDTH = 64, 192, 352
FORMAT = Window(0, 0, WIDTH - LEFT, HEIGHT)
WINDOW = Window(-LEFT, 0, WIDTH, HEIGHT)


@pytest.fixture
def overscanned(tmp_path) -> list[np.ndarray]:
    """Write three frames with overscan on the left, and a keyframe of the format; return the truth over the window."""
    images = golden_frames(3, HEIGHT, WIDTH)[:, :, ::-1] / 255.0
    truth = [golden_masks(HEIGHT, WIDTH, number)[2][:, ::-1].astype(np.float32) for number in range(3)]
    shift = LEFT + 8 - round(np.argwhere(truth[0]).mean(axis=0)[1])  # brings the disc over the border
    truth = [np.roll(mask, shift, axis=1) for mask in truth]
    for number, image in enumerate(images):
        pixels = np.roll(image, shift, axis=1).astype(np.float32)
        write(tmp_path / f"o.{1001 + number}.exr", pixels, "half", "RGB", data=(-LEFT, 0), display=FORMAT)
    write(tmp_path / "key.exr", truth[0][:, LEFT:, np.newaxis], "half", ["hero.A"], display=FORMAT)
    return truth


def overscan_shot(folder: Path, key: str = "key.exr"):
    overrides = ["compute.precision=float32", "colour.input=srgb_display"]
    return make_shot(
        plate=str(folder / "o.####.exr"),
        keyframes={1001: str(folder / key)},
        out=str(folder / "out" / "m.####.exr"),
        overrides=overrides,
    )


def test_a_keyframe_of_the_format_is_filled_in_the_overscan(overscanned, engine, tmp_path):
    """The object continues beyond the format on its own frame; inside, the artist's matte is unchanged."""
    assert overscanned[0][:, :LEFT].sum() > 100
    assert overscanned[0][:, LEFT:].sum() > 100
    build(prepare(overscan_shot(tmp_path)), lambda _: engine)
    for number in (0, 1):
        matte = read_image(tmp_path / "out" / f"m.{1001 + number}.exr").channel("hero.A")
        assert matte.shape == WINDOW.shape
        truth = overscanned[number] > 0.5
        assert region_overlap(matte[:, :LEFT] > 0.5, truth[:, :LEFT]) > 0.7, number
    key = read_image(tmp_path / "out" / "m.1001.exr").channel("hero.A")
    np.testing.assert_array_equal(key[:, LEFT:], overscanned[0][:, LEFT:])


def test_a_keyframe_with_overscan_is_not_filled(overscanned, engine, tmp_path):
    """If the artist saw the overscan, empty means empty."""
    matte = overscanned[0].copy()
    matte[:, :LEFT] = 0
    write(tmp_path / "wide.exr", matte[..., np.newaxis], "half", ["hero.A"], data=(-LEFT, 0), display=FORMAT)
    job = prepare(overscan_shot(tmp_path, "wide.exr"))
    assert not any(job.covered.values())
    build(job, lambda _: engine)
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "m.1001.exr").channel("hero.A"), matte)


def test_filling_changes_only_what_the_keyframe_does_not_cover(overscanned, engine):
    """Objects whose keyframe covers the whole window are unchanged."""
    image = torch.rand(3, 48, 88)
    masks = {"hero": torch.zeros(48, 88), "bg": torch.rand(48, 88)}
    masks["hero"][10:30, 16:40] = 1  # a quarter of the plate's size
    filled = fill_masks(
        image, masks, {"hero": FORMAT}, window=WINDOW, engine=engine, settings=PropagationSettings(region=False)
    )
    assert torch.equal(filled["bg"], masks["bg"])
    assert torch.equal(filled["hero"][:, 16:], masks["hero"][:, 16:])
    assert filled["hero"][:, :16].any()
    artist = {"hero": np.ones(WINDOW.shape, np.float32), "bg": np.zeros(WINDOW.shape, np.float32)}
    propagated = {name: np.full(WINDOW.shape, 0.5, np.float32) for name in artist}
    mattes = fill_mattes(artist, propagated, {"hero": FORMAT}, window=WINDOW)
    assert (mattes["hero"][:, :LEFT] == 0.5).all()
    assert (mattes["hero"][:, LEFT:] == 1).all()
    assert not mattes["bg"].any()


# Names


def naming(frame: int, unnamed: Sequence[str] = (), named: Sequence[str] = ()) -> Naming:
    return Naming(frame, frozenset([*unnamed, *named]), frozenset(unnamed))


@pytest.mark.parametrize(
    "frames",
    [
        [naming(1, ["1"]), naming(9, ["1"])],
        [naming(1, ["1", "2"]), naming(9, ["1"]), naming(20, ["2"])],
        [naming(1, ["matte"]), naming(9, ["matte"])],
        [naming(1, [], ["hero"]), naming(9, [], ["ball"])],
        [naming(1, ["1"], ["hero"]), naming(9, ["1"])],
    ],
)
def test_no_warning_for_names_that_agree(frames):
    """No warning for names that the artist chose, or if no number is new."""
    assert naming_warning(frames) is None


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([naming(1001, ["1"]), naming(1060, ["2"])], ["frame 1060", "object '2'", "object '1' of frame 1001", "objects: {1: 2} on frame 1060"]),
        ([naming(1001, ["matte"]), naming(1060, ["1"])], ["object '1'", "object 'matte' of frame 1001", "--object NAME"]),
        ([naming(1001, ["1"]), naming(1060, ["1", "3", "12"])], ["frame 1060", "objects '3', '12'", "objects: {name: number}"]),
        ([naming(1001, [], ["hero"]), naming(1060, ["matte"])], ["object 'matte'", "object 'hero' of frame 1001", "objects: {hero: A}"]),
    ],
)  # fmt: skip
def test_a_new_number_gives_a_warning(frames, words):
    """It names both frames and objects, and suggests what to write."""
    warning = naming_warning(frames)
    assert [word for word in words if word not in warning] == []


def test_a_keyframe_with_another_number_is_one_warning_of_the_job(clip, engine):
    """The objects are those in the files."""
    keyframes = {1002: clip.keyframe(1002, 0)["file"], 1006: clip.keyframe(1006, 2)["file"]}
    warnings = []
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keyframes, overrides=["size=64"])
    report = propagate(shot, on_warning=warnings.append, engine_for=lambda _: engine)
    assert report.objects == ("1", "3")
    assert len([text for text in warnings if "frame 1006" in text and "object '3'" in text]) == 1


def test_a_single_object_name_applies_to_every_keyframe(clip):
    """Whatever number or kind of image each file has."""
    write(clip.folder / "grey.png", clip.mask(1006, 0)[..., np.newaxis], "uint8", "Y")
    keyframes = {
        1002: clip.keyframe(1002, 0)["file"],
        1004: clip.keyframe(1004, 2)["file"],
        1006: str(clip.folder / "grey.png"),
    }
    job = prepare(make_shot(plate=clip.plate, out=clip.out, keyframes=keyframes, objects={"hero": None}))
    assert job.objects == ("hero",)
    assert job.presence == {"hero": (range(8),)}
    listed = {frame: {"file": file, "objects": ["hero"]} for frame, file in keyframes.items()}
    assert prepare(make_shot(plate=clip.plate, out=clip.out, keyframes=listed)).objects == ("hero",)


def test_mattes_of_an_earlier_run_with_one_object_give_a_warning(clip, propagated):
    """A single object has the given file names; with a second object, its earlier files would be out of date."""
    out = str(clip.folder / "out" / "m.####.png")
    warnings = []
    shots = [
        make_shot(plate=clip.plate, out=out, keyframes={1002: clip.keyframe(1002, *discs)["file"]})
        for discs in ((0,), (0, 2))
    ]
    assert prepare(shots[1], watcher=Watcher(on_warning=warnings.append)).objects == ("1", "3")
    assert warnings == []
    propagated({1002: clip.keyframe(1002, 0)["file"]}, "size=64", out=out, range="1002-1003")
    for shot in shots:
        prepare(shot, watcher=Watcher(on_warning=warnings.append))
    (text,) = warnings
    assert text.startswith(f"{out}: ")
    assert "earlier run" in text
    assert "m.1.####.png, m.3.####.png" in text
