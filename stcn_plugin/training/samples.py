"""Training samples: a few frames, and the masks of one to three objects in them.

A sample depends only on the seed and its number, so a resumed run sees the same samples.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from stcn_plugin.errors import TrainingError
from stcn_plugin.training.augment import add_noise, gaussian_blur, jitter_colour
from stcn_plugin.training.batch import MIN_COVERAGE, SLOTS, Sample
from stcn_plugin.training.config import Mixture
from stcn_plugin.training.pictures import PictureReader
from stcn_plugin.training.scenes import Scenes, Sources

_MAX_ATTEMPTS = 50


class SampleMaker:
    """Makes random samples.

    Args:
        sources: Clips, stills and elements.
        reader: Reader of the images.
        mixture: How samples are composed.
        seed: Random seed.
    """

    def __init__(self, sources: Sources, reader: PictureReader, *, mixture: Mixture, seed: int) -> None:
        self._scenes = Scenes(sources, reader, mixture=mixture)
        self._mixture = mixture
        self._seed = seed

    def make(self, number: int, *, size: int, frame_gap: int) -> Sample:
        """Make a sample.

        Args:
            number: Number of the sample in the run.
            size: Side of the crop in pixels.
            frame_gap: Largest distance between consecutive frames, in frames of the clip.

        Raises:
            PlateError: An image cannot be read.
            TrainingError: No object was visible in many attempts.
        """
        rng = np.random.default_rng((self._seed, number))
        for _ in range(_MAX_ATTEMPTS):
            frames, masks = self._scenes.draw(rng, size=size, frame_gap=frame_gap)
            if masks.shape[1] and float(masks[0].mean((1, 2)).max()) >= MIN_COVERAGE:
                return self._finish(rng, frames, masks)
        raise TrainingError(
            f"no object was found in {_MAX_ATTEMPTS} samples in a row",
            fix="Check that the masks show objects and are not black",
        )

    def _finish(self, rng: Generator, frames: Tensor, masks: Tensor) -> Sample:
        """Remove objects that are not visible in the first frame, pad to all slots, and augment the frames."""
        is_visible = masks[0].mean((1, 2)) >= MIN_COVERAGE if masks.shape[1] else torch.zeros(0, dtype=torch.bool)
        masks = masks[:, is_visible][:, :SLOTS].clamp(0, 1)
        slots = masks.new_zeros(len(masks), SLOTS, *masks.shape[2:])
        slots[:, : masks.shape[1]] = masks
        frames = jitter_colour(rng, frames)
        if rng.random() < self._mixture.blur:
            frames = gaussian_blur(frames, float(rng.uniform(0.4, 1.8)))
        if rng.random() < self._mixture.noise:
            frames = add_noise(rng, frames, float(rng.uniform(0.005, 0.04)))
        return Sample(frames, slots, torch.arange(SLOTS) < masks.shape[1])
