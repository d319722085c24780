"""DeviceFileLock: on a CPU the network and the work on files run one after the other, not at once.

The network runs on all cores in hundreds of short parallel stretches, and each waits for its slowest thread. A thread
whose core is busy with a file holds up all the others: on two cores, a 480-line job took 1.25 times as long at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import final


@final
class DeviceFileLock:
    """Keeps work on files, of several threads at once, away from the network's.

    Whoever feeds the network must hold no turn while it waits for a file.

    Args:
        together: Whether they may run at once after all, as where the network is on a GPU.
    """

    def __init__(self, *, together: bool) -> None:
        self._together = together
        self._condition = Condition()
        self._files: set[object] = set()
        self._network = False

    @contextmanager
    def file(self) -> Iterator[None]:
        """Work on a file, beside others that do; the network's turn comes first where it waits for one."""
        turn = object()
        try:
            with self._condition:
                self._condition.wait_for(lambda: self._together or not self._network)
                self._files.add(turn)
            yield
        finally:  # also where an interrupt came while waiting
            with self._condition:
                self._files.discard(turn)
                self._condition.notify_all()

    @contextmanager
    def network(self) -> Iterator[None]:
        """Run the network, once the files that are being worked on are done."""
        try:
            with self._condition:
                self._network = True
                self._condition.wait_for(lambda: self._together or not self._files)
            yield
        finally:  # also where an interrupt came while waiting
            with self._condition:
                self._network = False
                self._condition.notify_all()
