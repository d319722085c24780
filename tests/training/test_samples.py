"""Samples: reproducible by number, with masks that match the frames after all transformations."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion
from training.drawn import GREY, disc, laid, save, square, texture

from stcn_plugin.errors import TrainingError
from stcn_plugin.training import scenes
from stcn_plugin.training.batch import SLOTS
from stcn_plugin.training.config import Mixture
from stcn_plugin.training.pictures import PictureReader, Pixels, find_clips, find_stills
from stcn_plugin.training.samples import SampleMaker
from stcn_plugin.training.scenes import Sources

SIZE = 64
GAP = 2
HUES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], bool)
PLAIN = {"blur": 0.0, "noise": 0.0, "motion_blur": 0.0, "puppets": 0.0, "frames_as_stills": 0.0}


class Painter:
    """Reads images and replaces their colours: grey, with a different hue for every object.

    Every still and every group of clip frames gets the next hues, so the hues within a sample are unique.

    Args:
        strength: Saturation of the hues, up to 1.
        whole: Fill the complete image with the hue, for cut-outs that use it as a texture.
    """

    def __init__(self, *, strength: float = 0.8, whole: bool = False) -> None:
        self._reader = PictureReader(short_side=96)
        self._strength = strength
        self._whole = whole
        self._thirds = 0

    def read(self, picture) -> Pixels:
        pixels = self._reader.read(picture)
        rgb = np.full((*pixels.rgb.shape[:2], 3), 255 * GREY)
        for number, mask in enumerate(pixels.masks.values()):
            hue = HUES[(self._thirds // 3 * 2 + number) % len(HUES)]
            coverage = np.ones(mask.shape) if self._whole else mask / 255
            rgb += coverage[..., None] * (255 * (GREY + self._strength * (hue - 0.5)) - rgb)
        is_clip_frame = picture.plate.parts[-4] == "clips"  # read in groups of three
        self._thirds += 1 if is_clip_frame else 3
        return Pixels(np.rint(rgb).astype(np.uint8), pixels.masks)


class PartialReader(PictureReader):
    """Removes the mask of one object of the pair on every second frame."""

    def __init__(self, *, is_exhaustive: bool) -> None:
        super().__init__(short_side=96)
        read = self.read

        def read_partially(picture) -> Pixels:
            pixels = read(picture)
            kept = dict(list(pixels.masks.items())[: 1 + picture.frame % 2])
            return Pixels(pixels.rgb, kept, is_exhaustive)

        self.read = read_partially


class Recorder(PictureReader):
    """Records the frame numbers that are read."""

    def __init__(self) -> None:
        super().__init__(short_side=96)
        self.frames: list[int] = []
        read = self.read
        self.read = lambda picture: (self.frames.append(picture.frame), read(picture))[1]


@pytest.fixture(scope="module")
def sources(footage):
    return Sources(find_clips(footage.clips), find_stills(footage.stills))


def maker(sources, reader=None, *, seed=1, **mixture) -> SampleMaker:
    return SampleMaker(sources, reader or PictureReader(short_side=96), mixture=Mixture(**mixture), seed=seed)


def same(one, other) -> bool:
    return all(torch.equal(*parts) for parts in zip(vars(one).values(), vars(other).values(), strict=True))


def hues(frame: torch.Tensor) -> np.ndarray:
    """The index in `HUES` of each pixel of ``(3, S, S)``; -1 for grey."""
    rgb = frame.permute(1, 2, 0).numpy()
    low, high = rgb.min(-1, keepdims=True), rgb.max(-1, keepdims=True)
    code = rgb > (low + high) / 2
    found = np.argmax((code[..., None, :] == HUES).all(-1), -1)
    return np.where((high - low)[..., 0] > 0.14, found, -1)  # above the strongest tint


def test_a_sample_depends_only_on_seed_and_number(sources):
    """The same in any order; another number or seed gives another sample."""
    first = maker(sources)
    drawn = [first.make(number, size=SIZE, frame_gap=GAP) for number in range(6)]
    second = maker(sources)
    for number in (4, 0, 5):
        assert same(second.make(number, size=SIZE, frame_gap=GAP), drawn[number])
    assert not any(same(one, other) for one, other in pairwise(drawn))
    assert not same(maker(sources, seed=2).make(0, size=SIZE, frame_gap=GAP), drawn[0])


def test_slots_and_coverage(sources):
    """Empty slots come last, objects are visible in the first frame, and coverage sums to at most 1."""
    made = maker(sources, second_object=0.7, puppets=0.0)
    samples = [made.make(number, size=SIZE, frame_gap=GAP) for number in range(25)]
    for sample in samples:
        assert sample.frames.shape == (3, 3, SIZE, SIZE)
        assert sample.masks.shape == (3, SLOTS, SIZE, SIZE)
        assert 0 <= sample.frames.min() <= sample.frames.max() <= 1
        assert 0 <= sample.masks.min() <= sample.masks.sum(1).max() <= 1 + 1e-6
        count = int(sample.present.sum())
        assert sample.present.tolist() == [True] * count + [False] * (SLOTS - count)
        assert (sample.masks[0, :count].mean((1, 2)) > 0.003).all()
        assert not sample.masks[:, count:].any()
    assert {int(sample.present.sum()) for sample in samples} == {1, 2, 3}


@pytest.mark.parametrize("mixture", [{"clips": 1.0}, {"clips": 0.0, "composites": 0.0}], ids=["clips", "stills"])
def test_warped_masks_match_the_frames_with_subpixel_accuracy(sources, mixture):
    """Every pixel, including edges, is a mixture of grey and the hues of the objects, weighted by the masks."""
    made = maker(sources, Painter(strength=0.3), second_object=0.0, **PLAIN, **mixture)
    for number in range(12):
        sample = made.make(number, size=SIZE, frame_gap=GAP)
        for frame, masks in zip(sample.frames, sample.masks, strict=True):
            # Colour jitter is linear except for clipping, so the mixture weights are preserved.
            is_unclipped = ((frame > 0) & (frame < 1)).all(0)
            weights = torch.cat([torch.ones(1, SIZE, SIZE), masks])[:, is_unclipped].T
            colours = frame[:, is_unclipped].T
            mixed = weights @ torch.linalg.lstsq(weights, colours, driver="gelsd").solution
            assert len(colours) > 0.5 * SIZE**2
            assert float((mixed - colours).abs().max()) < 0.01


@pytest.mark.parametrize(
    ("second", "more"),
    [
        ({"second_object": 0.0}, 0),
        ({"second_object": 1.0, "occluders": 0.0}, 1),
        ({"second_object": 1.0, "occluders": 1.0}, 0),
    ],
    ids=["one object", "second object", "occluder"],
)
@pytest.mark.parametrize(
    ("mixture", "counts"),
    [
        ({"clips": 1.0}, {1, 2}),
        ({"clips": 0.0, "composites": 0.0}, {1}),
        ({"clips": 0.0, "composites": 1.0, "moving_cut_outs": 0.0}, {1}),
        ({"clips": 0.0, "composites": 1.0, "moving_cut_outs": 1.0}, {1}),
        ({"clips": 0.0, "composites": 1.0, "puppets": 1.0}, {1}),
    ],
    ids=["clips", "stills", "composites", "moving", "puppets"],
)
def test_masks_match_the_colours_of_the_objects(sources, mixture, counts, second, more):
    """Each object has one hue in all frames, everywhere inside its mask and nowhere outside."""
    made = maker(sources, Painter(whole="puppets" in mixture), seed=2, **{**PLAIN, **mixture, **second})
    found, unmasked = set(), []
    for number in range(12):
        sample = made.make(number, size=SIZE, frame_gap=GAP)
        seen = np.stack([hues(frame) for frame in sample.frames])
        tracked = []
        for masks in sample.masks[:, sample.present].unbind(1):
            inside, outside = masks.numpy() > 0.95, masks.numpy() < 0.05
            own = np.bincount(seen[inside] + 1).argmax() - 1
            assert own >= 0
            is_wrong = (inside & (seen != own)) | (outside & (seen == own))
            # At an edge, two hues may mix to a third, over less than three pixels.
            assert not any(binary_erosion(wrong, np.ones((3, 3))).any() for wrong in is_wrong)
            tracked.append(own)
        assert len(set(tracked)) == len(tracked)
        found.add(len(tracked))
        unmasked.append(np.isin(seen[seen >= 0], tracked, invert=True).mean())
    assert found == {count + more for count in counts}
    # Objects in the background of composites, and occluders, are visible without a mask.
    has_unmasked = mixture.get("composites", 0) or second.get("occluders", 0)
    assert np.mean(unmasked) > 0.1 if has_unmasked else max(unmasked) < 0.03


def test_frames_of_a_clip_are_at_most_frame_gap_apart(tmp_path):
    """Forwards or backwards, by frame number; the last frame is repeated at the end of the clip."""
    for frame in (1, 2, 4, 7, 11):
        save(tmp_path / "clip", f"{frame}", texture(0), disc((60, 50), 20))
    recorder = Recorder()
    made = maker(Sources(find_clips(tmp_path), ()), recorder, clips=1.0, second_object=0.0)
    seen = set()
    for number in range(120):
        recorder.frames.clear()
        made.make(number, size=16, frame_gap=3)
        seen.add(tuple(recorder.frames))
    ahead = {(1, 2, 4), (1, 4, 7), (2, 4, 7), (4, 7, 7), (7, 7, 7), (11, 11, 11)}
    assert seen == ahead | {tuple(reversed(frames)) for frames in ahead}


def test_an_animated_element_plays_its_frames_in_order(sources, monkeypatch):
    """One frame per sample frame, forwards or backwards, at most the frame gap apart."""
    read = []

    class Recorder:
        def read(self, frames):
            read.append([int(path.stem) for path in frames])
            return torch.ones(len(frames), 4, 30, 30)

    monkeypatch.setattr(scenes, "ElementReader", Recorder)
    walk, pair = (
        tuple(Path(f"{name}/{number}.png") for number in range(count)) for name, count in (("w", 9), ("p", 2))
    )
    samples = maker(replace(sources, elements=[walk, pair]), clips=0.0, composites=1.0, second_object=0.0, elements=1.0)
    for number in range(80):
        samples.make(number, size=SIZE, frame_gap=GAP)
    walks = [frames for frames in read if len(frames) == 3]
    assert {tuple(frames) for frames in read if len(frames) != 3} == {(0,)}  # too short
    steps = {tuple(np.diff(frames).tolist()) for frames in walks}
    assert steps == {(sign * one, sign * other) for one in (1, 2) for other in (1, 2) for sign in (1, -1)}
    assert {min(frames) for frames in walks} >= {0, 4}


@pytest.mark.parametrize("is_exhaustive", [False, True])
def test_a_missing_mask_means_absence_only_if_masks_are_exhaustive(is_exhaustive, footage):
    """Keyframes may annotate different objects, so an object without a mask may be present."""
    clips = [clip for clip in find_clips(footage.clips) if clip.name == "pair"]
    made = maker(Sources(clips, ()), PartialReader(is_exhaustive=is_exhaustive), clips=1.0, second_object=0.0)
    seen, gone = 0, 0
    for number in range(40):
        sample = made.make(number, size=SIZE, frame_gap=GAP)
        covered = sample.masks[:, sample.present].mean((2, 3))
        seen += covered.shape[1]
        gone += int((covered == 0).any(0).sum())
    assert seen > 40  # the other object is tracked
    assert (gone > 5) is is_exhaustive


def test_a_clip_may_change_its_size(tmp_path):
    """Its cut-outs then have only their first pose."""
    for number, side in enumerate((96, 80, 64)):
        mask = disc((30, 30), 20)[:side, :side]
        save(tmp_path / "clip", f"{number}", laid(mask, (0.9, 0.1, 0.1), texture(0)[:side, :side]), mask)
    made = maker(Sources(find_clips(tmp_path), ()), clips=0.0, composites=1.0, moving_cut_outs=1.0, puppets=0.0)
    assert all(made.make(number, size=32, frame_gap=3).masks[0, 0].max() > 0.5 for number in range(20))


def test_clips_are_sampled_by_weight(sources):
    """A clip of weight 3 beside two of weight 1 has three fifths of the samples."""
    recorder = Recorder()
    heavy = [replace(clip, weight=3.0 if clip.name == "moon" else 1.0) for clip in sources.clips]
    made = maker(Sources(heavy, ()), recorder, clips=1.0, second_object=0.0)
    for number in range(200):
        made.make(number, size=16, frame_gap=GAP)
    assert len(recorder.frames) == 600
    assert sum(frame > 10 for frame in recorder.frames) / 600 == pytest.approx(
        0.6, abs=0.08
    )  # frames of the moon; 2.3 standard errors


def test_pictures_without_objects_are_an_error(tmp_path):
    """All masks are black; the search ends after 50 attempts."""
    save(tmp_path, "empty", texture(0), square(0, 0, 0))
    made = maker(Sources((), find_stills(tmp_path)), puppets=0.0)
    with pytest.raises(TrainingError, match="no object was found in 50 samples in a row"):
        made.make(0, size=SIZE, frame_gap=GAP)
