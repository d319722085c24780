"""Samples: drawn from their number alone, and with masks that fit their frames, whatever was done to them."""

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
from stcn_plugin.training.config import Mixture
from stcn_plugin.training.pictures import PictureReader, Pixels, find_clips, find_stills
from stcn_plugin.training.samples import SampleMaker
from stcn_plugin.training.scenes import SLOTS, Sources

SIZE = 64
GAP = 2
HUES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], bool)
PLAIN = {"blurred": 0.0, "noisy": 0.0, "motion_blur": 0.0, "puppets": 0.0, "frames_as_stills": 0.0}


class Painter:
    """Reads real pictures and paints them: grey, each object in a hue of its own.

    Every picture and every stretch of a clip that is drawn gets the next hues, so that no two things in a sample look
    alike.

    Args:
        strength: How far hues are from grey, 1 is as far as can be.
        whole: Paint the picture all over, for what is cut out of its texture.
    """

    def __init__(self, *, strength: float = 0.8, whole: bool = False) -> None:
        self._reader = PictureReader(lines=96)
        self._strength = strength
        self._whole = whole
        self._thirds = 0

    def read(self, picture) -> Pixels:
        pixels = self._reader.read(picture)
        rgb = np.full((*pixels.rgb.shape[:2], 3), 255 * GREY)
        for number, mask in enumerate(pixels.masks.values()):
            hue = HUES[(self._thirds // 3 * 2 + number) % len(HUES)]
            share = np.ones(mask.shape) if self._whole else mask / 255
            rgb += share[..., None] * (255 * (GREY + self._strength * (hue - 0.5)) - rgb)
        is_of_clip = picture.plate.parts[-4] == "clips"  # three of which are read at a time
        self._thirds += 1 if is_of_clip else 3
        return Pixels(np.rint(rgb).astype(np.uint8), pixels.masks)


class Forgetful(PictureReader):
    """Leaves out an object of the pair on every second frame, and says whether that means that it is not there."""

    def __init__(self, *, shows_all: bool) -> None:
        super().__init__(lines=96)
        read = self.read

        def without(picture) -> Pixels:
            pixels = read(picture)
            kept = dict(list(pixels.masks.items())[: 1 + picture.frame % 2])
            return Pixels(pixels.rgb, kept, shows_all)

        self.read = without


class Recorder(PictureReader):
    """Notes the frame numbers that were asked for."""

    def __init__(self) -> None:
        super().__init__(lines=96)
        self.frames: list[int] = []
        read = self.read
        self.read = lambda picture: (self.frames.append(picture.frame), read(picture))[1]


@pytest.fixture(scope="module")
def sources(footage):
    return Sources(find_clips(footage.clips), find_stills(footage.stills))


def maker(sources, reader=None, *, seed=1, **mixture) -> SampleMaker:
    return SampleMaker(sources, reader or PictureReader(lines=96), mixture=Mixture(**mixture), seed=seed)


def same(one, other) -> bool:
    return all(torch.equal(*parts) for parts in zip(vars(one).values(), vars(other).values(), strict=True))


def hues(frame: torch.Tensor) -> np.ndarray:
    """The hue of each pixel of ``(3, S, S)``, by its position in HUES; -1 for grey."""
    rgb = frame.permute(1, 2, 0).numpy()
    low, high = rgb.min(-1, keepdims=True), rgb.max(-1, keepdims=True)
    code = rgb > (low + high) / 2
    found = np.argmax((code[..., None, :] == HUES).all(-1), -1)
    return np.where((high - low)[..., 0] > 0.14, found, -1)  # the strongest tint stays below that


def test_a_number_is_a_sample_whatever_was_drawn_before(sources):
    """The same seed and number give the same sample, in any order; another number or seed gives another."""
    first = maker(sources)
    drawn = [first.make(number, size=SIZE, gap=GAP) for number in range(6)]
    second = maker(sources)
    for number in (4, 0, 5):
        assert same(second.make(number, size=SIZE, gap=GAP), drawn[number])
    assert not any(same(one, other) for one, other in pairwise(drawn))
    assert not same(maker(sources, seed=2).make(0, size=SIZE, gap=GAP), drawn[0])


def test_slots_are_filled_from_the_first_and_never_overfull(sources):
    """Objects come before empty slots, are seen in the first frame, and cover no pixel more than once in all."""
    made = maker(sources, second_object=0.7, puppets=0.0)
    samples = [made.make(number, size=SIZE, gap=GAP) for number in range(25)]
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
def test_what_is_warped_keeps_its_masks_to_a_fraction_of_a_pixel(sources, mixture):
    """Every pixel, edges too, is as far from grey to the objects' hues as the masks say."""
    made = maker(sources, Painter(strength=0.3), second_object=0.0, **PLAIN, **mixture)
    for number in range(12):
        sample = made.make(number, size=SIZE, gap=GAP)
        for frame, masks in zip(sample.frames, sample.masks, strict=True):
            # Up to where values are cut off, colour variation is linear: shares of colours stay the same shares.
            is_whole = ((frame > 0) & (frame < 1)).all(0)
            shares = torch.cat([torch.ones(1, SIZE, SIZE), masks])[:, is_whole].T
            colours = frame[:, is_whole].T
            mixed = shares @ torch.linalg.lstsq(shares, colours, driver="gelsd").solution
            assert len(colours) > 0.5 * SIZE**2
            assert float((mixed - colours).abs().max()) < 0.01


@pytest.mark.parametrize(
    ("second", "more"),
    [
        ({"second_object": 0.0}, 0),
        ({"second_object": 1.0, "untracked": 0.0}, 1),
        ({"second_object": 1.0, "untracked": 1.0}, 0),
    ],
    ids=["alone", "with another", "hidden by another"],
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
def test_masks_are_where_the_objects_colours_are(sources, mixture, counts, second, more):
    """Of each object one hue in all frames, everywhere in its mask and nowhere else, whatever lies over it."""
    made = maker(sources, Painter(whole="puppets" in mixture), seed=2, **{**PLAIN, **mixture, **second})
    found, strangers = set(), []
    for number in range(12):
        sample = made.make(number, size=SIZE, gap=GAP)
        seen = np.stack([hues(frame) for frame in sample.frames])
        followed = []
        for masks in sample.masks[:, sample.present].unbind(1):
            inside, outside = masks.numpy() > 0.95, masks.numpy() < 0.05
            own = np.bincount(seen[inside] + 1).argmax() - 1
            assert own >= 0
            is_wrong = (inside & (seen != own)) | (outside & (seen == own))
            # At an edge two hues may mix to a third, but not over a width of three pixels.
            assert not any(binary_erosion(wrong, np.ones((3, 3))).any() for wrong in is_wrong)
            followed.append(own)
        assert len(set(followed)) == len(followed)
        found.add(len(followed))
        strangers.append(np.isin(seen[seen >= 0], followed, invert=True).mean())
    assert found == {count + more for count in counts}
    # What lies behind composites, and what only hides, is seen and in no mask; else there is nothing of the kind.
    has_strangers = mixture.get("composites", 0) or second.get("untracked", 0)
    assert np.mean(strangers) > 0.1 if has_strangers else max(strangers) < 0.03


def test_frames_of_a_clip_come_in_order_with_gaps_as_long_as_allowed(tmp_path):
    """Forwards or backwards; by their numbers, so that frames without masks count; at an end a frame stays."""
    for frame in (1, 2, 4, 7, 11):
        save(tmp_path / "clip", f"{frame}", texture(0), disc((60, 50), 20))
    recorder = Recorder()
    made = maker(Sources(find_clips(tmp_path), ()), recorder, clips=1.0, second_object=0.0)
    seen = set()
    for number in range(120):
        recorder.frames.clear()
        made.make(number, size=16, gap=3)
        seen.add(tuple(recorder.frames))
    ahead = {(1, 2, 4), (1, 4, 7), (2, 4, 7), (4, 7, 7), (7, 7, 7), (11, 11, 11)}
    assert seen == ahead | {tuple(reversed(frames)) for frames in ahead}


def test_an_element_that_moves_shows_its_frames_in_order(sources, monkeypatch):
    """A frame of it for each of the sample's, forwards or backwards, as far apart as clips' frames may be."""
    asked = []

    class Recorder:
        def read(self, frames):
            asked.append([int(path.stem) for path in frames])
            return torch.ones(len(frames), 4, 30, 30)

    monkeypatch.setattr(scenes, "ElementReader", Recorder)
    walk, pair = (
        tuple(Path(f"{name}/{number}.png") for number in range(count)) for name, count in (("w", 9), ("p", 2))
    )
    samples = maker(replace(sources, elements=[walk, pair]), clips=0.0, composites=1.0, second_object=0.0, elements=1.0)
    for number in range(80):
        samples.make(number, size=SIZE, gap=GAP)
    walks = [frames for frames in asked if len(frames) == 3]
    assert {tuple(frames) for frames in asked if len(frames) != 3} == {(0,)}  # too short to move
    steps = {tuple(np.diff(frames).tolist()) for frames in walks}
    assert steps == {(way * one, way * other) for one in (1, 2) for other in (1, 2) for way in (1, -1)}
    assert {min(frames) for frames in walks} >= {0, 4}


@pytest.mark.parametrize("shows_all", [False, True])
def test_what_was_not_drawn_is_absent_only_where_that_is_known(shows_all, footage):
    """Keyframes may be each for other objects: one without an object is no lesson that the object has gone."""
    clips = [clip for clip in find_clips(footage.clips) if clip.name == "pair"]
    made = maker(Sources(clips, ()), Forgetful(shows_all=shows_all), clips=1.0, second_object=0.0)
    seen, gone = 0, 0
    for number in range(40):
        sample = made.make(number, size=SIZE, gap=GAP)
        covered = sample.masks[:, sample.present].mean((2, 3))
        seen += covered.shape[1]
        gone += int((covered == 0).any(0).sum())
    assert seen > 40  # the other one is followed where it was drawn in all frames
    assert (gone > 5) is shows_all


def test_a_clip_may_change_its_size(tmp_path):
    """What is cut out of it then keeps its first pose, and comes as large as ever."""
    for number, side in enumerate((96, 80, 64)):
        mask = disc((30, 30), 20)[:side, :side]
        save(tmp_path / "clip", f"{number}", laid(mask, (0.9, 0.1, 0.1), texture(0)[:side, :side]), mask)
    made = maker(Sources(find_clips(tmp_path), ()), clips=0.0, composites=1.0, moving_cut_outs=1.0, puppets=0.0)
    assert all(made.make(number, size=32, gap=3).masks[0, 0].max() > 0.5 for number in range(20))


def test_clips_are_drawn_as_often_as_they_weigh(sources):
    """One of weight 3 beside two of weight 1 has three samples in five."""
    recorder = Recorder()
    heavy = [replace(clip, weight=3.0 if clip.name == "moon" else 1.0) for clip in sources.clips]
    made = maker(Sources(heavy, ()), recorder, clips=1.0, second_object=0.0)
    for number in range(200):
        made.make(number, size=16, gap=GAP)
    assert len(recorder.frames) == 600
    assert sum(frame > 10 for frame in recorder.frames) / 600 == pytest.approx(0.6, abs=0.08)  # of the moon alone


def test_pictures_without_objects_end_in_an_error(tmp_path):
    """Masks that are all black are no training data; the run says so and does not search for ever."""
    save(tmp_path, "empty", texture(0), square(0, 0, 0))
    made = maker(Sources((), find_stills(tmp_path)), puppets=0.0)
    with pytest.raises(TrainingError, match="no object was found in 50 samples in a row"):
        made.make(0, size=SIZE, gap=GAP)
