"""Pictures to the device and mattes back, without the network waiting for either.

On a GPU pictures travel through pinned memory while the network is at earlier frames, and mattes travel back while it is
at later ones, either on a stream of their own. Elsewhere there is nothing to transfer, or nothing to overlap it with.
"""

from __future__ import annotations

import time
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@final
class Upload:
    """A picture under way to the device.

    Args:
        tensor: Where it will be.
        arrived: When it is there; ``None`` where it is there already.
    """

    def __init__(self, tensor: Tensor, arrived: torch.cuda.Event | None = None) -> None:
        self._tensor = tensor
        self._arrived = arrived

    def wait(self) -> Tensor:
        """Return it; work that follows on the device's current stream waits until it is there."""
        if self._arrived is not None:
            stream = torch.cuda.current_stream(self._tensor.device)
            stream.wait_event(self._arrived)
            self._tensor.record_stream(stream)  # else its memory could be given away while that work still reads it
        return self._tensor


@final
class Uploader:
    """Sends pictures to a device; threads may share it.

    Args:
        device: Where to.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = _own_stream(device)

    def send(self, picture: NDArray[np.float32]) -> Upload:
        """Send a picture ``(h, w, 3)``."""
        tensor = torch.from_numpy(picture)
        if self._stream is None:
            return Upload(tensor.to(self._device))
        with torch.cuda.stream(self._stream):
            sent = tensor.pin_memory().to(self._device, non_blocking=True)
            return Upload(sent, self._stream.record_event())


@final
class Download:
    """Values under way from a device.

    Args:
        tensor: Where they will be.
        arrived: When they are there; ``None`` where they are there already.
    """

    def __init__(self, tensor: Tensor, arrived: torch.cuda.Event | None = None) -> None:
        self._tensor = tensor
        self._arrived = arrived

    def wait(self) -> NDArray[np.float32]:
        """Return them when they are there; any thread may wait."""
        if self._arrived is not None:
            self._arrived.synchronize()
        array: NDArray[np.float32] = self._tensor.numpy()
        return array


@final
class Downloader:
    """Fetches results from a device.

    Args:
        device: Where from.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = _own_stream(device)

    def fetch(self, values: Tensor) -> Download:
        """Fetch values, which earlier work on the device's current stream may still be computing."""
        if self._stream is None:
            return Download(values.cpu())
        fetched = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            fetched.copy_(values, non_blocking=True)
            values.record_stream(self._stream)  # else their memory could be given away while they are still read
            return Download(fetched, self._stream.record_event())


@final
class Stopwatch:
    """Measures what a device does between its start and :meth:`stop`, without making anybody wait for the device.

    Args:
        device: Whose time is measured.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device if device.type == "cuda" else None
        self._seconds = 0.0
        self._last: torch.cuda.Event | None = None
        self._started = time.perf_counter()
        self._first = self._event()

    def stop(self) -> None:
        """End what is measured."""
        self._seconds = time.perf_counter() - self._started
        self._last = self._event()

    def seconds(self) -> float:
        """Return the time between; wait until it is over."""
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


def _own_stream(device: torch.device) -> torch.cuda.Stream | None:
    """Return a stream for transfers alone; ``None`` where a device has none."""
    return torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
