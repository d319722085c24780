"""Transfers: what arrives equals what was sent; on a GPU if there is one."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
import torch

from stcn_plugin.job.transfers import Downloader, Stopwatch, Uploader


@pytest.fixture(params=["cpu", "cuda"])
def device(request) -> torch.device:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    return torch.device(request.param)


def test_pictures_arrive_and_results_come_back(device):
    """With several transfers pending, none is mixed up with another."""
    pictures = [np.full((4, 6, 3), number, np.float32) for number in range(5)]
    uploader = Uploader(device)
    uploads = [uploader.send(picture) for picture in pictures]
    tensors = [upload.wait() for upload in uploads]
    assert {tensor.device.type for tensor in tensors} == {device.type}
    downloader = Downloader(device)
    downloads = [downloader.fetch(2 * tensor) for tensor in tensors]
    for picture, download in zip(pictures, downloads, strict=True):
        np.testing.assert_array_equal(download.wait(), 2 * picture)


class Recorder:
    """Stands in for a stream, values on a GPU, or pinned memory; records calls and their streams."""

    shape, dtype = (2,), torch.float32

    def __init__(self, name: str, log: list[str]) -> None:
        self._name = name
        self._log = log

    def __getattr__(self, what: str):
        def note(*arguments: object, **_: object) -> str:
            self._log.append(" ".join([self._name, what, *map(str, arguments)]))
            return "event"

        return note

    def __str__(self) -> str:
        return self._name


def test_downloads_use_a_separate_stream(monkeypatch):
    """The copy waits for the computation, later work does not wait for the copy, and the values stay allocated."""
    log: list[str] = []

    @contextmanager
    def within(stream):
        log.append(f"enter {stream}")
        yield
        log.append(f"leave {stream}")

    monkeypatch.setattr(torch.cuda, "Stream", lambda _: Recorder("side", log))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: Recorder("main", log))
    monkeypatch.setattr(torch.cuda, "stream", within)
    monkeypatch.setattr(torch, "empty", lambda *_, **named: Recorder("pinned", log) if named["pin_memory"] else None)
    Downloader(torch.device("cuda")).fetch(Recorder("values", log))
    assert log == [
        "side wait_stream main",
        "enter side",
        "pinned copy_ values",
        "values record_stream side",
        "side record_event",
        "leave side",
    ]


def test_a_stopwatch_stops(device):
    """It measures the time between start and stop, not until it is read."""
    watch = Stopwatch(device)
    torch.ones(64, 64, device=device).sum()
    watch.stop()
    seconds = watch.seconds()
    assert seconds > 0
    assert watch.seconds() == seconds
