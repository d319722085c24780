"""Keyframes in a job: read once, kept exactly, filled beyond the format, and told apart by name."""

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
from stcn_plugin.job.compressed_matte import CompressedMatte
from stcn_plugin.job.keyframes import Naming, naming_warning
from stcn_plugin.job.overscan import fill_masks, fill_mattes
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.run import run
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.media.images import read_image
from stcn_plugin.media.window import Window
from stcn_plugin.propagation.propagator import PropagationSettings

# Kept


@given(st.integers(0, 2**32 - 1), st.sampled_from(["uint8", "uint16", "float16", "float32", "empty"]))
@settings(max_examples=60, deadline=None)
def test_a_kept_matte_is_the_same_to_the_bit(seed, kind):
    """Whatever number format it came from, and wherever in the picture it is."""
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


def test_a_kept_matte_is_small():
    """A clean matte of UHD size takes less than a megabyte, and so does a soft one of 8 bits."""
    y, x = np.mgrid[:2160, :3840].astype(np.float32)
    distance = np.hypot(y - 1000, x - 2000)
    hard = (distance < 600).astype(np.float32)
    soft = np.rint(np.clip((620 - distance) / 40, 0, 1) * 255).astype(np.uint8) / np.float32(255)
    assert CompressedMatte(hard).size < 50_000
    assert CompressedMatte(soft).size < 1_000_000


def test_a_keyframe_that_is_edited_during_the_job_changes_nothing(clip, engine):
    """What is propagated and what is delivered are the file as it was when the job was prepared."""
    key = clip.keyframe(1004, 0)
    job = prepare(make_shot(plate=clip.plate, out=clip.out, keyframes={1004: key}))
    clip.keyframe(1004, 0, 2)
    Path(clip.keyframe(1004, 2)["file"]).replace(key["file"])
    run(job, engine)
    np.testing.assert_array_equal(clip.matte(1004), clip.mask(1004, 0))
    assert region_overlap(clip.matte(1005) > 0.5, clip.mask(1005, 0) > 0.5) > 0.8


def test_a_keyframe_that_is_gone_during_the_job_is_delivered(clip, engine):
    """Its file is not needed any more."""
    key = clip.keyframe(1004, 0)
    job = prepare(make_shot(plate=clip.plate, out=clip.out, keyframes={1004: key}))
    Path(key["file"]).unlink()
    run(job, engine)
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


def test_a_keyframe_of_the_format_reaches_into_the_overscan(overscanned, engine, tmp_path):
    """The object goes on beyond the border on its own frame, as it does on the next ones; inside, the artist's matte stands."""
    assert overscanned[0][:, :LEFT].sum() > 100
    assert overscanned[0][:, LEFT:].sum() > 100
    run(prepare(overscan_shot(tmp_path)), engine)
    for number in (0, 1):
        matte = read_image(tmp_path / "out" / f"m.{1001 + number}.exr").channel("hero.A")
        assert matte.shape == WINDOW.shape
        truth = overscanned[number] > 0.5
        assert region_overlap(matte[:, :LEFT] > 0.5, truth[:, :LEFT]) > 0.7, number
    key = read_image(tmp_path / "out" / "m.1001.exr").channel("hero.A")
    np.testing.assert_array_equal(key[:, LEFT:], overscanned[0][:, LEFT:])


def test_a_keyframe_with_overscan_of_its_own_is_not_filled(overscanned, engine, tmp_path):
    """Where the artist saw the overscan, what they left empty is empty."""
    matte = overscanned[0].copy()
    matte[:, :LEFT] = 0
    write(tmp_path / "wide.exr", matte[..., np.newaxis], "half", ["hero.A"], data=(-LEFT, 0), display=FORMAT)
    job = prepare(overscan_shot(tmp_path, "wide.exr"))
    assert not any(job.covered.values())
    run(job, engine)
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "m.1001.exr").channel("hero.A"), matte)


def test_filling_leaves_what_the_keyframe_tells(overscanned, engine):
    """Masks are the artist's inside, whole pixels of the network alone; objects that tell of everything are untouched."""
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
def test_keyframes_that_agree_on_their_objects(frames):
    """Nothing is said where names are the artist's, or no number is new."""
    assert naming_warning(frames) is None


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([naming(1001, ["1"]), naming(1060, ["2"])], ["frame 1060 brings object '2'", "not object '1' of frame 1001", "{1: 2} on frame 1060"]),
        ([naming(1001, ["matte"]), naming(1060, ["1"])], ["brings object '1'", "not object 'matte' of frame 1001", "--object NAME"]),
        ([naming(1001, ["1"]), naming(1060, ["1", "3", "12"])], ["frame 1060 brings objects '3', '12'", "If this is a mistake"]),
        ([naming(1001, [], ["hero"]), naming(1060, ["matte"])], ["brings object 'matte'", "not object 'hero'"]),
    ],
)  # fmt: skip
def test_a_number_that_is_new_is_told_with_its_likely_meaning(frames, words):
    """It may be the same object under another index, or a slip of the brush."""
    warning = naming_warning(frames)
    assert warning is not None
    for each in words:
        assert each in warning


def test_a_job_tells_of_a_keyframe_with_another_index(clip, engine):
    """Once, before anything runs, and the objects are as the files number them."""
    keyframes = {1002: clip.keyframe(1002, 0)["file"], 1006: clip.keyframe(1006, 2)["file"]}
    told = []
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keyframes, overrides=["size=64"])
    report = propagate(shot, on_warning=told.append, engine_for=lambda _: engine)
    assert report.objects == ("1", "3")
    assert len([text for text in told if "frame 1006 brings object '3'" in text]) == 1


def test_one_name_for_the_shot_is_that_of_every_keyframe(clip):
    """Whatever index or kind each file has: the objects of the shot do not change with them."""
    write(clip.folder / "grey.png", clip.mask(1006, 0)[..., np.newaxis], "uint8", "Y")
    keyframes = {
        1002: clip.keyframe(1002, 0)["file"],
        1004: clip.keyframe(1004, 2)["file"],
        1006: str(clip.folder / "grey.png"),
    }
    job = prepare(make_shot(plate=clip.plate, out=clip.out, keyframes=keyframes, objects={"hero": None}))
    assert job.objects == ("hero",)
    assert job.life == {"hero": (0, 7)}
    listed = {frame: {"file": file, "objects": ["hero"]} for frame, file in keyframes.items()}
    assert prepare(make_shot(plate=clip.plate, out=clip.out, keyframes=listed)).objects == ("hero",)


def test_files_that_another_object_renames_are_told(clip, propagated):
    """One object has the plain name; with a second one, the first one's old files would be read on unnoticed."""
    out = str(clip.folder / "out" / "m.####.png")
    told = []
    shots = [
        make_shot(plate=clip.plate, out=out, keyframes={1002: clip.keyframe(1002, *discs)["file"]})
        for discs in ((0,), (0, 2))
    ]
    assert prepare(shots[1], watcher=Watcher(on_warning=told.append)).objects == ("1", "3")
    assert told == []
    propagated({1002: clip.keyframe(1002, 0)["file"]}, "size=64", out=out, range="1002-1003")
    for shot in shots:
        prepare(shot, watcher=Watcher(on_warning=told.append))
    (text,) = told
    assert text.startswith(f"{out}: the mattes there are of an earlier run with one object")
    assert "m.1.####.png, m.3.####.png" in text
