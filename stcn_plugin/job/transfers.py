"""Transfers of images to the device and of mattes back, overlapped with the network.

On a GPU, uploads and downloads go through pinned memory, each on a separate stream, while the network processes other
frames. On other devices they are plain, synchronous copies.
"""

from __future__ import annotations

import time
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def rounded(probabilities: Tensor) -> Tensor:
    """Return probabilities as half floats, rounded to 1/1024.

    Half floats are far more precise near 0, where the network's noise would make cached files 2.5 times as large.
    """
    return probabilities.mul(1024).round_().div_(1024).half()


@final
class Upload:
    """A pending upload.

    Args:
        tensor: The tensor on the device.
        event: Marks the end of the transfer; ``None`` if it is complete.
    """

    def __init__(self, tensor: Tensor, event: torch.cuda.Event | None = None) -> None:
        self._tensor = tensor
        self._event = event

    def wait(self) -> Tensor:
        """Return the tensor; later work on the device's current stream waits for the transfer."""
        if self._event is not None:
            stream = torch.cuda.current_stream(self._tensor.device)
            stream.wait_event(self._event)
            self._tensor.record_stream(stream)  # keeps its memory until that work is done
        return self._tensor


@final
class Uploader:
    """Uploads images to a device. Thread-safe.

    Args:
        device: The target.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = _transfer_stream(device)

    def send(self, image: NDArray[np.float32]) -> Upload:
        """Start the upload of an image ``(h, w, 3)``."""
        tensor = torch.from_numpy(image)
        if self._stream is None:
            return Upload(tensor.to(self._device))
        with torch.cuda.stream(self._stream):
            sent = tensor.pin_memory().to(self._device, non_blocking=True)
            return Upload(sent, self._stream.record_event())


@final
class Download:
    """A pending download.

    Args:
        tensor: The tensor in host memory.
        event: Marks the end of the transfer; ``None`` if it is complete.
    """

    def __init__(self, tensor: Tensor, event: torch.cuda.Event | None = None) -> None:
        self._tensor = tensor
        self._event = event

    def wait(self) -> NDArray[Any]:
        """Wait for the transfer, on any thread, and return the array."""
        if self._event is not None:
            self._event.synchronize()
        return self._tensor.numpy()


@final
class Downloader:
    """Downloads results from a device.

    Args:
        device: The source.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = _transfer_stream(device)

    def fetch(self, values: Tensor) -> Download:
        """Start the download of values that the device's current stream may still be computing."""
        if self._stream is None:
            return Download(values.cpu())
        fetched = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            fetched.copy_(values, non_blocking=True)
            values.record_stream(self._stream)  # keeps their memory until they are read
            return Download(fetched, self._stream.record_event())


@final
class Stopwatch:
    """Measures the time that a device takes between construction and `stop`, without synchronising with it.

    Args:
        device: The device.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device if device.type == "cuda" else None
        self._seconds = 0.0
        self._last: torch.cuda.Event | None = None
        self._started = time.perf_counter()
        self._first = self._event()

    def stop(self) -> None:
        """End the measurement."""
        self._seconds = time.perf_counter() - self._started
        self._last = self._event()

    def seconds(self) -> float:
        """Return the measured time; blocks until the device has reached the end."""
        if self._first is None or self._last is None:
            return self._seconds
        self._last.synchronize()
        milliseconds: float = self._first.elapsed_time(self._last)
        return milliseconds / 1000

    def _event(self) -> torch.cuda.Event | None:
        if self._device is None:
            return None
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self._device))
        return event


def _transfer_stream(device: torch.device) -> torch.cuda.Stream | None:
    """Return a new stream for transfers; ``None`` if the device has no streams."""
    return torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
