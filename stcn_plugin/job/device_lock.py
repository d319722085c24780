"""On a CPU, the network and file I/O take turns instead of running at the same time.

The network runs on all cores, in hundreds of short parallel regions that each wait for the slowest thread. A core that
is busy with a file delays all the others: on two cores, a 480-line job took 1.25 times as long without this lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import final


@final
class DeviceFileLock:
    """Prevents file I/O while the network runs, and vice versa. Several threads may process files at the same time.

    The thread that runs the network must not hold the lock while it waits for a file.

    Args:
        is_shared: Whether both may run at the same time, as with a network on a GPU.
    """

    def __init__(self, *, is_shared: bool) -> None:
        self._is_shared = is_shared
        self._condition = Condition()
        self._file_holders: set[object] = set()
        self._is_network_claimed = False

    @contextmanager
    def file(self) -> Iterator[None]:
        """Hold the lock for processing a file, shared with other files. A waiting network has priority."""
        holder = object()
        try:
            with self._condition:
                self._condition.wait_for(lambda: self._is_shared or not self._is_network_claimed)
                self._file_holders.add(holder)
            yield
        finally:  # also after an interrupt while waiting
            with self._condition:
                self._file_holders.discard(holder)
                self._condition.notify_all()

    @contextmanager
    def network(self) -> Iterator[None]:
        """Hold the lock for the network, after the files that are in progress are done."""
        try:
            with self._condition:
                self._is_network_claimed = True
                self._condition.wait_for(lambda: self._is_shared or not self._file_holders)
            yield
        finally:  # also after an interrupt while waiting
            with self._condition:
                self._is_network_claimed = False
                self._condition.notify_all()
