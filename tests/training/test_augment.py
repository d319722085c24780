"""Photometric augmentation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from training.drawn import texture

from stcn_plugin.training.augment import add_noise, gaussian_blur, jitter_colour

FRAMES = torch.from_numpy(np.stack([texture(seed) for seed in range(3)])).permute(0, 3, 1, 2)


@pytest.mark.parametrize("sigma", [0.4, 1.8])
def test_blur_is_gaussian(sigma):
    """Compared with scipy, mirrored at the edges."""
    expected = gaussian_filter(
        FRAMES.double().numpy(), (0, 0, sigma, sigma), mode="mirror", truncate=round(3 * sigma) / sigma
    )
    np.testing.assert_allclose(gaussian_blur(FRAMES, sigma), expected, atol=1e-5)


def test_noise_has_the_given_sigma_and_is_independent_per_frame():
    """Zero mean; values stay within 0-1."""
    grey = torch.full((2, 3, 96, 128), 0.5)
    first, second = add_noise(np.random.default_rng(0), grey, 0.04)
    for frame in (first, second):
        assert float(frame.std()) == pytest.approx(0.04, rel=0.03)
        assert float(frame.mean()) == pytest.approx(0.5, abs=0.001)
    assert float(((first - 0.5) * (second - 0.5)).mean().abs()) < 1e-4
    white = add_noise(np.random.default_rng(0), torch.ones(1, 3, 96, 128), 0.04)
    assert float(white.max()) == 1


def test_colour_varies_more_between_samples_than_between_frames():
    """Grey pixels change only in brightness and by the tint."""
    same = FRAMES[:1].expand(3, -1, -1, -1)
    means = torch.stack([jitter_colour(np.random.default_rng(seed), same).mean((1, 2, 3)) for seed in range(100)])
    assert 0 < float(means.std(1).mean()) < 0.4 * float(means.mean(1).std())
    grey = torch.full((1, 3, 8, 8), 0.5)
    found = jitter_colour(np.random.default_rng(1), grey)
    assert float(found.std((2, 3)).max()) < 1e-6
    assert float((found.amax(1) - found.amin(1)).max()) <= 0.1
