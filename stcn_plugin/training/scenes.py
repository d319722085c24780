"""Scenes for training samples: frames of clips, warped stills and composites.

A scene consists of frames ``(T, 3, S, S)``, display-referred, 0-1, and masks of the tracked objects ``(T, O, S, S)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from stcn_plugin.training.batch import SLOTS
from stcn_plugin.training.composites import CutOut, composite_moving, extract_cut_out
from stcn_plugin.training.config import Mixture
from stcn_plugin.training.elements import Element, ElementReader, element_cut_out
from stcn_plugin.training.pictures import Clip, Picture, PictureReader, Pixels
from stcn_plugin.training.puppets import puppet
from stcn_plugin.training.warps import (
    Matrix,
    compose,
    placement,
    random_flow,
    random_jitter,
    random_spline,
    sample_crop,
    to_unit_floats,
)

Scene = tuple[Tensor, Tensor]
"""Frames and masks."""


@dataclass(frozen=True)
class Sources:
    """The images that scenes are made of.

    Args:
        clips: Clips with masks.
        stills: Stills with masks. Frames of clips are used as stills too.
        elements: Cut-outs with alpha, still or animated.
    """

    clips: Sequence[Clip]
    stills: Sequence[Clip]
    elements: Sequence[Element] = ()


class Scenes:
    """Draws random scenes.

    Args:
        sources: The images.
        reader: Reader of clips and stills.
        mixture: How samples are composed.
    """

    def __init__(self, sources: Sources, reader: PictureReader, *, mixture: Mixture) -> None:
        self._clips = _WeightedClips([clip for clip in sources.clips if len(clip.pictures) > 1])
        self._frames = _WeightedClips(sources.clips)
        self._stills = _WeightedClips(sources.stills)
        self._elements = sources.elements
        self._reader = reader
        self._element_reader = ElementReader()
        self._mixture = mixture

    def draw(self, rng: Generator, *, size: int, frame_gap: int) -> Scene:
        """Draw a clip, a warped still or a composite, with or without a second object over it.

        Args:
            rng: Random generator.
            size: Side of the crop in pixels.
            frame_gap: Largest distance between consecutive frames, in frames of the clip.
        """
        scene = self._base(rng, size, frame_gap)
        if rng.random() < self._mixture.second_object:
            scene = self._add_second_object(rng, *scene, frame_gap)
        return scene

    def _base(self, rng: Generator, size: int, frame_gap: int) -> Scene:
        if self._clips and rng.random() < self._mixture.clips:
            return self._from_clip(rng, size, frame_gap)
        if rng.random() < self._mixture.composites:
            return self._composite(rng, size, frame_gap)
        return self._warped(rng, self._reader.read(self._still(rng)), size, strength=1.0)

    def _still(self, rng: Generator) -> Picture:
        from_clips = not self._stills or (bool(self._frames) and rng.random() < self._mixture.frames_as_stills)
        pictures = (self._frames if from_clips else self._stills).draw(rng).pictures
        return pictures[rng.integers(len(pictures))]

    def _from_clip(self, rng: Generator, size: int, frame_gap: int) -> Scene:
        """Crop frames of a clip, with or without jitter between them.

        Objects that are not annotated in all frames are not tracked; they may be present without a mask.
        """
        pictures = self._clip_frames(rng, frame_gap)
        names = self._tracked_objects(rng, pictures)
        base = self._crop_placement(rng, pictures[0], names, size)
        is_jittered = rng.random() < self._mixture.clip_jitter
        frames, masks = [], []
        for pixels in pictures:
            matrix = compose(random_jitter(rng, size, 0.3), base) if is_jittered else base
            crop = sample_crop(_stacked(pixels, names), matrix, size=size, padding="reflection")
            frames.append(crop[:3])
            masks.append(crop[3:])
        return torch.stack(frames), torch.stack(masks)

    def _clip_frames(self, rng: Generator, frame_gap: int) -> list[Pixels]:
        """Read frames of a random clip, forwards or backwards."""
        clip = self._clips.draw(rng)
        numbers = np.array([picture.frame for picture in clip.pictures])
        chosen = [int(rng.integers(len(numbers)))]
        for _ in range(self._mixture.frames - 1):
            candidates = np.nonzero((numbers > numbers[chosen[-1]]) & (numbers <= numbers[chosen[-1]] + frame_gap))[0]
            chosen.append(int(rng.choice(candidates)) if len(candidates) else chosen[-1])
        if rng.random() < 0.5:
            chosen.reverse()
        return [self._reader.read(clip.pictures[index]) for index in chosen]

    def _warped(self, rng: Generator, pixels: Pixels, size: int, *, strength: float) -> Scene:
        """Synthesise a clip from one image: every frame is transformed and deformed independently."""
        names = self._tracked_objects(rng, [pixels])
        base = self._crop_placement(rng, pixels, names, size)
        source = _stacked(pixels, names)
        crops = []
        for number in range(self._mixture.frames):
            matrix = compose(random_jitter(rng, size, strength), base) if number else base
            kind = rng.random()
            displacement = None
            if kind < 0.5:
                displacement = random_flow(rng, size, 0.025 * strength)
            elif kind < 0.7:
                displacement = random_spline(rng, size, 0.02 * strength)
            crops.append(sample_crop(source, matrix, size=size, displacement=displacement, padding="reflection"))
        stacked = torch.stack(crops)
        return stacked[:, :3], stacked[:, 3:]

    def _composite(self, rng: Generator, size: int, frame_gap: int) -> Scene:
        """Composite an object over another image or clip, whose own objects are not tracked."""
        if self._clips and rng.random() < self._mixture.moving_cut_outs:
            background, _ = self._from_clip(rng, size, frame_gap)
        else:
            background, _ = self._warped(rng, self._reader.read(self._still(rng)), size, strength=0.6)
        no_masks = background.new_zeros(len(background), 0, size, size)
        cut_out = self._cut_out(rng, frame_gap)
        if cut_out is None:
            return background, no_masks
        frames, _, alpha = self._composite_over(rng, background, no_masks, cut_out, size_range=(0.3, 1.0))
        return frames, alpha[:, None]

    def _add_second_object(self, rng: Generator, frames: Tensor, masks: Tensor, frame_gap: int) -> Scene:
        """Composite another cut-out over a scene: a tracked object, or an occluder without a mask."""
        cut_out = self._cut_out(rng, frame_gap)
        if cut_out is None:
            return frames, masks
        frames, masks, alpha = self._composite_over(rng, frames, masks, cut_out, size_range=(0.2, 0.7))
        if rng.random() < self._mixture.occluders or masks.shape[1] >= SLOTS:
            return frames, masks
        return frames, torch.cat([masks, alpha[:, None]], 1)

    def _composite_over(
        self, rng: Generator, frames: Tensor, masks: Tensor, cut_out: CutOut, *, size_range: tuple[float, float]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Composite a moving cut-out over a scene, with or without motion blur."""
        shutter = float(rng.uniform(0.2, 1.0)) if rng.random() < self._mixture.motion_blur else 0.0
        return composite_moving(rng, frames, masks, cut_out, size_range=size_range, motion=1.0, shutter=shutter)

    def _cut_out(self, rng: Generator, frame_gap: int) -> CutOut | None:
        """Draw a cut-out; ``None`` if the drawn image has no object that is large enough."""
        if rng.random() < self._mixture.puppets:
            texture = self._reader.read(self._still(rng)).rgb
            return puppet(rng, texture, frames=self._mixture.frames)
        if self._elements and rng.random() < self._mixture.elements:
            rgba = self._element_reader.read(self._element_frames(rng, frame_gap))
            return None if rgba is None else element_cut_out(rng, rgba, self._reader.read(self._still(rng)).rgb)
        if self._clips and rng.random() < self._mixture.moving_cut_outs:
            pictures = self._clip_frames(rng, frame_gap)
        else:
            pictures = [self._reader.read(self._still(rng))]
        names = [name for name in pictures[0].masks if all(name in pixels.masks for pixels in pictures)]
        if not names:
            return None
        name = names[rng.integers(len(names))]
        size = pictures[0].rgb.shape
        usable = pictures if all(pixels.rgb.shape == size for pixels in pictures) else pictures[:1]
        return extract_cut_out([(pixels.rgb, pixels.masks[name]) for pixels in usable])

    def _element_frames(self, rng: Generator, frame_gap: int) -> Element:
        """Draw an element; if it is animated, one of its frames per sample frame, forwards or backwards."""
        element = self._elements[int(rng.integers(len(self._elements)))]
        others = self._mixture.frames - 1
        if len(element) <= others:
            return element[:1]
        steps = rng.integers(1, min(frame_gap, (len(element) - 1) // others) + 1, others)
        first = int(rng.integers(len(element) - steps.sum()))
        chosen = [element[first + int(step)] for step in (0, *np.cumsum(steps))]
        return tuple(chosen if rng.random() < 0.5 else chosen[::-1])

    def _tracked_objects(self, rng: Generator, pictures: Sequence[Pixels]) -> list[str]:
        """Choose objects of the first image that are annotated in all images."""
        candidates = [
            name
            for name, mask in pictures[0].masks.items()
            if mask.max(initial=0) > 127 and all(pixels.annotates(name) for pixels in pictures)
        ]
        count = min(len(candidates), SLOTS - 1)
        return [candidates[i] for i in rng.permutation(len(candidates))[:count]]

    def _crop_placement(self, rng: Generator, pixels: Pixels, names: Sequence[str], size: int) -> Matrix:
        """Return a crop of random scale that contains at least one pixel of the first object."""
        height, width = pixels.rgb.shape[:2]
        side = min(height, width) * float(rng.uniform(*self._mixture.crop_scale))
        # The crop stays inside the image if possible; outside there is only a reflection.
        slack = [max(extent - side, 0) for extent in (width, height)]
        corner = [
            rng.uniform(0, free) if free else (extent - side) / 2
            for free, extent in zip(slack, (width, height), strict=True)
        ]
        if names:
            rows, columns = np.nonzero(pixels.masks[names[0]] > 127)
            index = rng.integers(len(rows))
            target = [float(columns[index]), float(rows[index])]
            corner = [
                float(np.clip(start, min(inside - 0.9 * side, free), max(inside - 0.1 * side, 0)))
                for start, inside, free in zip(corner, target, slack, strict=True)
            ]
        return placement(
            size=size,
            centre=(corner[0] + side / 2, corner[1] + side / 2),
            scale=side / size,
            mirrored=bool(rng.random() < 0.5),
        )


class _WeightedClips:
    """Clips to draw from, with probabilities proportional to their weights."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        self._clips = clips
        self._cumulative = np.cumsum([clip.weight for clip in clips])

    def __len__(self) -> int:
        return len(self._clips)

    def draw(self, rng: Generator) -> Clip:
        """Draw a clip."""
        position = rng.random() * self._cumulative[-1]
        return self._clips[int(np.searchsorted(self._cumulative, position, side="right"))]


def _stacked(pixels: Pixels, names: Sequence[str]) -> Tensor:
    """Return RGB and masks as ``(3 + O, H, W)`` float32, 0-1; masks of absent objects are empty."""
    height, width = pixels.rgb.shape[:2]
    empty: NDArray[np.uint8] = np.zeros((height, width), np.uint8)
    layers = [pixels.rgb, *(pixels.masks.get(name, empty)[..., None] for name in names)]
    return to_unit_floats(np.concatenate(layers, -1))
