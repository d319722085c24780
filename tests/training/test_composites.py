"""Cut-outs moved over a clip, by a shutter that is open for a while."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from training.drawn import disc, to_bytes

from stcn_plugin.training.composites import CutOut, cut_out, lay_over

SIDE = 160
RED = torch.tensor([1.0, 0.0, 0.0])


@pytest.fixture
def red_disc() -> CutOut:
    """A red disc of radius 30."""
    mask = disc((40, 40), 30, (80, 80))
    red = np.broadcast_to(np.array([255, 0, 0], np.uint8), (80, 80, 3))
    return cut_out([(red, to_bytes(mask))])


def moved(thing: CutOut, seed: int, shutter: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Lay it over black, in three frames; return these and where it is."""
    black = torch.zeros(3, 3, SIDE, SIDE)
    frames, _, alpha = lay_over(
        np.random.default_rng(seed), black, black[:, :0], thing, share=(0.2, 0.3), motion=1.0, shutter=shutter
    )
    return frames, alpha


def spread(alpha: torch.Tensor) -> np.ndarray:
    """The covariance ``(2, 2)`` of where a mask ``(S, S)`` is, in square pixels."""
    at = np.indices(alpha.shape).reshape(2, -1)
    return np.cov(at, aweights=alpha.flatten().numpy(), ddof=0)


def whole(alpha: torch.Tensor) -> bool:
    """Whether nothing of it lies beyond the border."""
    return not torch.cat([alpha[:, [0, -1]].flatten(), alpha[:, :, [0, -1]].flatten()]).any()


@pytest.mark.slow
def test_a_smear_is_as_long_as_the_way_and_covers_no_more_in_all(red_disc):
    """Along one way, the same in all frames, and twice as long where the shutter is open twice as long.

    A line of length L has the variance L^2 / 12, and variances of things that are smeared add up.
    """
    longest = 0.0
    for seed in range(40):
        (_, sharp), (_, half), (_, full) = (moved(red_disc, seed, shutter) for shutter in (0.0, 0.4, 0.8))
        if not all(whole(alpha) for alpha in (sharp, half, full)):
            continue
        torch.testing.assert_close(full.sum((1, 2)), sharp.sum((1, 2)), rtol=0.02, atol=0)
        for still, short, long in zip(sharp, half, full, strict=True):
            across, along = np.linalg.eigvalsh(spread(long) - spread(still))
            assert abs(across) < 2  # some frames are bent too
            length = np.sqrt(12 * max(along, 0))
            assert np.sqrt(12 * max(np.trace(spread(short) - spread(still)), 0)) == pytest.approx(length / 2, abs=2)
            longest = max(longest, length)
    assert 0.8 * 0.12 * SIDE < longest < 0.8 * 0.15 * 2**0.5 * SIDE


def test_colour_smears_with_the_mask(red_disc):
    """Over black, red is what the mask says, at every pixel of the smear."""
    for seed in range(5):
        frames, alpha = moved(red_disc, seed, 1.0)
        torch.testing.assert_close(frames, alpha[:, None] * RED[:, None, None], atol=1e-5, rtol=0)
