"""One training sample: a few frames and the masks of one to three objects in them.

Every sample is drawn from the seed and its own number alone, so that a run that was interrupted goes on with just the
samples that it would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from stcn_plugin.errors import TrainingError
from stcn_plugin.training.augment import add_noise, soften, vary_colour
from stcn_plugin.training.config import Mixture
from stcn_plugin.training.pictures import PictureReader
from stcn_plugin.training.scenes import SLOTS, Scenes, Sources

_LEAST_SHARE = 0.004  # of the first frame that an object must cover to be followed
_TRIES = 50


@dataclass(frozen=True, eq=False)
class Sample:
    """What one step learns from, or with a dimension before all others many of them.

    Args:
        frames: ``(T, 3, S, S)`` display-referred, 0-1.
        masks: ``(T, SLOTS, S, S)`` coverage; together at most 1 everywhere. Objects come first, empty slots last.
        present: ``(SLOTS,)`` bool, which slots have an object.
    """

    frames: Tensor
    masks: Tensor
    present: Tensor

    def pin_memory(self) -> Sample:
        """Return a copy in page-locked memory, from which a GPU takes it without waiting."""
        return Sample(*(part.pin_memory() for part in vars(self).values()))


class SampleMaker:
    """Draws samples.

    Args:
        sources: Clips, stills and elements.
        reader: What reads their pictures.
        mixture: How often what is drawn.
        seed: Of all chance.
    """

    def __init__(self, sources: Sources, reader: PictureReader, *, mixture: Mixture, seed: int) -> None:
        self._scenes = Scenes(sources, reader, mixture=mixture)
        self._mixture = mixture
        self._seed = seed

    def make(self, number: int, *, size: int, gap: int) -> Sample:
        """Draw the sample of a number.

        Args:
            number: Which sample of the run.
            size: Side of the crop, pixels.
            gap: Most frames between two frames of a clip.

        Raises:
            PlateError: A picture cannot be read.
            TrainingError: However often a scene was drawn, it showed no object.
        """
        rng = np.random.default_rng((self._seed, number))
        for _ in range(_TRIES):
            frames, masks = self._scenes.draw(rng, size=size, gap=gap)
            if masks.shape[1] and float(masks[0].mean((1, 2)).max()) >= _LEAST_SHARE:
                return self._finished(rng, frames, masks)
        raise TrainingError(
            f"no object was found in {_TRIES} samples in a row",
            fix="Check that the masks show objects, and not all black",
        )

    def _finished(self, rng: Generator, frames: Tensor, masks: Tensor) -> Sample:
        """Leave out objects that the first frame does not show, fill up the slots, and vary the picture."""
        shown = masks[0].mean((1, 2)) >= _LEAST_SHARE if masks.shape[1] else torch.zeros(0, dtype=torch.bool)
        masks = masks[:, shown][:, :SLOTS].clamp(0, 1)
        slots = masks.new_zeros(len(masks), SLOTS, *masks.shape[2:])
        slots[:, : masks.shape[1]] = masks
        frames = vary_colour(rng, frames)
        if rng.random() < self._mixture.blurred:
            frames = soften(frames, float(rng.uniform(0.4, 1.8)))
        if rng.random() < self._mixture.noisy:
            frames = add_noise(rng, frames, float(rng.uniform(0.005, 0.04)))
        return Sample(frames, slots, torch.arange(SLOTS) < masks.shape[1])
