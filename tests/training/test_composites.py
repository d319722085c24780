"""Moving cut-outs with motion blur."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from training.drawn import disc, to_bytes

from stcn_plugin.training.composites import CutOut, composite_moving, extract_cut_out

SIDE = 160
RED = torch.tensor([1.0, 0.0, 0.0])


@pytest.fixture
def red_disc() -> CutOut:
    """A red disc of radius 30."""
    mask = disc((40, 40), 30, (80, 80))
    red = np.broadcast_to(np.array([255, 0, 0], np.uint8), (80, 80, 3))
    return extract_cut_out([(red, to_bytes(mask))])


def moved(cut_out: CutOut, seed: int, shutter: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Composite a cut-out over three black frames; return frames and masks."""
    black = torch.zeros(3, 3, SIDE, SIDE)
    frames, _, alpha = composite_moving(
        np.random.default_rng(seed), black, black[:, :0], cut_out, size_range=(0.2, 0.3), motion=1.0, shutter=shutter
    )
    return frames, alpha


def spread(alpha: torch.Tensor) -> np.ndarray:
    """The covariance ``(2, 2)`` of the pixel positions of a mask ``(S, S)``, in square pixels."""
    at = np.indices(alpha.shape).reshape(2, -1)
    return np.cov(at, aweights=alpha.flatten().numpy(), ddof=0)


def is_inside(alpha: torch.Tensor) -> bool:
    """Whether the mask does not touch the border."""
    return not torch.cat([alpha[:, [0, -1]].flatten(), alpha[:, :, [0, -1]].flatten()]).any()


@pytest.mark.slow
def test_motion_blur_is_as_long_as_the_motion_and_preserves_coverage(red_disc):
    """Blur is along the path, of equal length in all frames, and proportional to the shutter.

    A line of length L has the variance L^2 / 12, and the variances of shape and blur add.
    """
    longest = 0.0
    for seed in range(40):
        (_, sharp), (_, half), (_, full) = (moved(red_disc, seed, shutter) for shutter in (0.0, 0.4, 0.8))
        if not all(is_inside(alpha) for alpha in (sharp, half, full)):
            continue
        torch.testing.assert_close(full.sum((1, 2)), sharp.sum((1, 2)), rtol=0.02, atol=0)
        for still, short, long in zip(sharp, half, full, strict=True):
            across, along = np.linalg.eigvalsh(spread(long) - spread(still))
            assert abs(across) < 2  # frames may be deformed as well
            length = np.sqrt(12 * max(along, 0))
            assert np.sqrt(12 * max(np.trace(spread(short) - spread(still)), 0)) == pytest.approx(length / 2, abs=2)
            longest = max(longest, length)
    assert 0.8 * 0.12 * SIDE < longest < 0.8 * 0.15 * 2**0.5 * SIDE


def test_colour_and_mask_have_the_same_motion_blur(red_disc):
    """Red over black is equal to the mask at every pixel."""
    for seed in range(5):
        frames, alpha = moved(red_disc, seed, 1.0)
        torch.testing.assert_close(frames, alpha[:, None] * RED[:, None, None], atol=1e-5, rtol=0)
