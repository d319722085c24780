"""The scenes that samples show: stretches of clips, stills that move, and things moved over others.

A scene is frames ``(T, 3, S, S)``, display-referred, 0-1, and the masks of what is followed in them, ``(T, O, S, S)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from stcn_plugin.training.composites import CutOut, cut_out, lay_over
from stcn_plugin.training.config import Mixture
from stcn_plugin.training.elements import Element, ElementReader, element_cut_out
from stcn_plugin.training.pictures import Clip, Picture, PictureReader, Pixels
from stcn_plugin.training.puppets import puppet
from stcn_plugin.training.warps import Matrix, after, cut, flow_bend, jolt, placement, spline_bend, unit_floats

Scene = tuple[Tensor, Tensor]
"""Frames and masks."""

SLOTS = 3
"""Most objects of a sample."""


@dataclass(frozen=True)
class Sources:
    """Where samples come from.

    Args:
        clips: Shots with masks.
        stills: Pictures with masks; frames of the clips serve as stills too.
        elements: Things with alpha, each by one picture or by several.
    """

    clips: Sequence[Clip]
    stills: Sequence[Clip]
    elements: Sequence[Element] = ()


class Scenes:
    """Draws scenes.

    Args:
        sources: Where they come from.
        reader: What reads the pictures.
        mixture: How often what is drawn.
    """

    def __init__(self, sources: Sources, reader: PictureReader, *, mixture: Mixture) -> None:
        self._clips = _Pool([clip for clip in sources.clips if len(clip.pictures) > 1])
        self._frames = _Pool(sources.clips)
        self._stills = _Pool(sources.stills)
        self._elements = sources.elements
        self._reader = reader
        self._element_reader = ElementReader()
        self._mixture = mixture

    def draw(self, rng: Generator, *, size: int, gap: int) -> Scene:
        """Draw a clip, a still that moves, or a composite; and often one more thing over it.

        Args:
            rng: Chance.
            size: Side of the crop, pixels.
            gap: Most frames between two frames of a clip.
        """
        scene = self._basic(rng, size, gap)
        if rng.random() < self._mixture.second_object:
            scene = self._with_another(rng, *scene, gap)
        return scene

    def _basic(self, rng: Generator, size: int, gap: int) -> Scene:
        if self._clips and rng.random() < self._mixture.clips:
            return self._from_clip(rng, size, gap)
        if rng.random() < self._mixture.composites:
            return self._composite(rng, size, gap)
        return self._warped(rng, self._reader.read(self._still(rng)), size, strength=1.0)

    def _still(self, rng: Generator) -> Picture:
        from_clips = not self._stills or (bool(self._frames) and rng.random() < self._mixture.frames_as_stills)
        pictures = (self._frames if from_clips else self._stills).draw(rng).pictures
        return pictures[rng.integers(len(pictures))]

    def _from_clip(self, rng: Generator, size: int, gap: int) -> Scene:
        """Take frames of a clip as they are, or moved a little against each other.

        Objects that some frame says nothing of are not followed: that they were not drawn there does not mean that
        they were not there.
        """
        pictures = self._stretch(rng, gap)
        names = self._followed(rng, pictures)
        base = self._crop(rng, pictures[0], names, size)
        moves = rng.random() < self._mixture.moved_clips
        frames, masks = [], []
        for pixels in pictures:
            place = after(jolt(rng, size, 0.3), base) if moves else base
            crop = cut(_stacked(pixels, names), place, size=size, beyond="reflection")
            frames.append(crop[:3])
            masks.append(crop[3:])
        return torch.stack(frames), torch.stack(masks)

    def _stretch(self, rng: Generator, gap: int) -> list[Pixels]:
        """Read frames of some clip in order, forwards or backwards, with gaps of up to ``gap`` frames."""
        clip = self._clips.draw(rng)
        numbers = np.array([picture.frame for picture in clip.pictures])
        chosen = [int(rng.integers(len(numbers)))]
        for _ in range(self._mixture.frames - 1):
            near = np.nonzero((numbers > numbers[chosen[-1]]) & (numbers <= numbers[chosen[-1]] + gap))[0]
            chosen.append(int(rng.choice(near)) if len(near) else chosen[-1])
        if rng.random() < 0.5:
            chosen.reverse()
        return [self._reader.read(clip.pictures[position]) for position in chosen]

    def _warped(self, rng: Generator, pixels: Pixels, size: int, *, strength: float) -> Scene:
        """Make a clip of one picture: each frame moved, turned and bent in its own way."""
        names = self._followed(rng, [pixels])
        base = self._crop(rng, pixels, names, size)
        source = _stacked(pixels, names)
        crops = []
        for number in range(self._mixture.frames):
            place = after(jolt(rng, size, strength), base) if number else base
            kind = rng.random()
            bend = None
            if kind < 0.5:
                bend = flow_bend(rng, size, 0.025 * strength)
            elif kind < 0.7:
                bend = spline_bend(rng, size, 0.02 * strength)
            crops.append(cut(source, place, size=size, bend=bend, beyond="reflection"))
        stacked = torch.stack(crops)
        return stacked[:, :3], stacked[:, 3:]

    def _composite(self, rng: Generator, size: int, gap: int) -> Scene:
        """Move an object over another picture or clip, whose own objects are of no interest."""
        if self._clips and rng.random() < self._mixture.moving_cut_outs:
            below, _ = self._from_clip(rng, size, gap)
        else:
            below, _ = self._warped(rng, self._reader.read(self._still(rng)), size, strength=0.6)
        nothing = below.new_zeros(len(below), 0, size, size)
        over = self._cut_out(rng, gap)
        if over is None:
            return below, nothing
        frames, _, alpha = self._laid_over(rng, below, nothing, over, share=(0.3, 1.0))
        return frames, alpha[:, None]

    def _with_another(self, rng: Generator, frames: Tensor, masks: Tensor, gap: int) -> Scene:
        """Move one more cut-out over a scene: an object to follow, or one that only hides."""
        over = self._cut_out(rng, gap)
        if over is None:
            return frames, masks
        frames, masks, alpha = self._laid_over(rng, frames, masks, over, share=(0.2, 0.7))
        if rng.random() < self._mixture.untracked or masks.shape[1] >= SLOTS:
            return frames, masks
        return frames, torch.cat([masks, alpha[:, None]], 1)

    def _laid_over(
        self, rng: Generator, frames: Tensor, masks: Tensor, over: CutOut, *, share: tuple[float, float]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Move a cut-out over a scene, smeared along its way or not."""
        shutter = float(rng.uniform(0.2, 1.0)) if rng.random() < self._mixture.motion_blur else 0.0
        return lay_over(rng, frames, masks, over, share=share, motion=1.0, shutter=shutter)

    def _cut_out(self, rng: Generator, gap: int) -> CutOut | None:
        """Draw something to move over a scene; ``None`` where the picture drawn has nothing large enough."""
        if rng.random() < self._mixture.puppets:
            texture = self._reader.read(self._still(rng)).rgb
            return puppet(rng, texture, frames=self._mixture.frames)
        if self._elements and rng.random() < self._mixture.elements:
            rgba = self._element_reader.read(self._poses(rng, gap))
            return None if rgba is None else element_cut_out(rng, rgba, self._reader.read(self._still(rng)).rgb)
        if self._clips and rng.random() < self._mixture.moving_cut_outs:
            pictures = self._stretch(rng, gap)
        else:
            pictures = [self._reader.read(self._still(rng))]
        names = [name for name in pictures[0].masks if all(name in pixels.masks for pixels in pictures)]
        if not names:
            return None
        name = names[rng.integers(len(names))]
        first = pictures[0].rgb.shape
        alike = pictures if all(pixels.rgb.shape == first for pixels in pictures) else pictures[:1]
        return cut_out([(pixels.rgb, pixels.masks[name]) for pixels in alike])

    def _poses(self, rng: Generator, gap: int) -> Element:
        """Draw an element, and of one that moves a frame for each of the sample's, forwards or backwards."""
        element = self._elements[int(rng.integers(len(self._elements)))]
        others = self._mixture.frames - 1
        if len(element) <= others:
            return element[:1]
        steps = rng.integers(1, min(gap, (len(element) - 1) // others) + 1, others)
        first = int(rng.integers(len(element) - steps.sum()))
        chosen = [element[first + int(step)] for step in (0, *np.cumsum(steps))]
        return tuple(chosen if rng.random() < 0.5 else chosen[::-1])

    def _followed(self, rng: Generator, pictures: Sequence[Pixels]) -> list[str]:
        """Choose which objects of the first picture to follow through all."""
        there = [
            name
            for name, mask in pictures[0].masks.items()
            if mask.max(initial=0) > 127 and all(pixels.tells(name) for pixels in pictures)
        ]
        count = min(len(there), SLOTS - 1)
        return [there[i] for i in rng.permutation(len(there))[:count]]

    def _crop(self, rng: Generator, pixels: Pixels, names: Sequence[str], size: int) -> Matrix:
        """Place a crop of random scale where some pixel of an object is inside."""
        height, width = pixels.rgb.shape[:2]
        side = min(height, width) * float(rng.uniform(*self._mixture.crop_of_short_side))
        # Beyond the picture lies only its reflection, so the crop stays within where it can.
        free = [max(extent - side, 0) for extent in (width, height)]
        corner = [
            rng.uniform(0, room) if room else (extent - side) / 2
            for room, extent in zip(free, (width, height), strict=True)
        ]
        if names:
            rows, columns = np.nonzero(pixels.masks[names[0]] > 127)
            at = rng.integers(len(rows))
            aim = [float(columns[at]), float(rows[at])]
            corner = [
                float(np.clip(c, min(a - 0.9 * side, r), max(a - 0.1 * side, 0)))
                for c, a, r in zip(corner, aim, free, strict=True)
            ]
        return placement(
            size=size,
            centre=(corner[0] + side / 2, corner[1] + side / 2),
            scale=side / size,
            mirrored=bool(rng.random() < 0.5),
        )


class _Pool:
    """Clips to draw from, each as often as its weight says."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        self._clips = clips
        self._upto = np.cumsum([clip.weight for clip in clips])

    def __len__(self) -> int:
        return len(self._clips)

    def draw(self, rng: Generator) -> Clip:
        """Return one of them."""
        return self._clips[int(np.searchsorted(self._upto, rng.random() * self._upto[-1], side="right"))]


def _stacked(pixels: Pixels, names: Sequence[str]) -> Tensor:
    """Return picture and masks as ``(3 + O, H, W)`` float32, 0-1; objects that are not there have empty masks."""
    height, width = pixels.rgb.shape[:2]
    empty: NDArray[np.uint8] = np.zeros((height, width), np.uint8)
    layers = [pixels.rgb, *(pixels.masks.get(name, empty)[..., None] for name in names)]
    return unit_floats(np.concatenate(layers, -1))
