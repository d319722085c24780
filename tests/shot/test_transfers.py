"""What travels to a device and back is the same on both sides; on a GPU where there is one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stcn_plugin.shot.transfers import Download, Stopwatch, Uploader


@pytest.fixture(params=["cpu", "cuda"])
def device(request) -> torch.device:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    return torch.device(request.param)


def test_pictures_arrive_and_results_come_back(device):
    """Every picture of several under way is itself, and so is what is computed from it."""
    pictures = [np.full((4, 6, 3), number, np.float32) for number in range(5)]
    uploader = Uploader(device)
    uploads = [uploader.send(picture) for picture in pictures]
    tensors = [upload.wait() for upload in uploads]
    assert {tensor.device.type for tensor in tensors} == {device.type}
    downloads = [Download(2 * tensor) for tensor in tensors]
    for picture, download in zip(pictures, downloads, strict=True):
        np.testing.assert_array_equal(download.wait(), 2 * picture)


def test_a_stopwatch_measures_once_stopped(device):
    """Its time is that between start and stop, not until it is asked."""
    watch = Stopwatch(device)
    torch.ones(64, 64, device=device).sum()
    watch.stop()
    seconds = watch.seconds()
    assert seconds > 0
    assert watch.seconds() == seconds
