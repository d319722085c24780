"""Divides the cores between the network and the threads that process files and finish mattes.

The network runs in hundreds of short parallel regions that each wait for the slowest thread, so a core that is busy with
something else delays all the others. It therefore uses only the cores that are left over. The number of threads does not
change its results.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import final


@final
class Cores:
    """The cores of a job.

    Args:
        total: Number of threads of the network if nothing else runs.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._lock = Lock()
        self._busy = 0

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count a core as busy while the context lasts; not for waiting for a disk."""
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1

    def left(self) -> int:
        """Return the number of cores that are not busy, at least 1."""
        return max(1, self._total - self._busy)
