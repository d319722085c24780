"""Files and the network take turns on a CPU, and neither shuts the other out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from stcn_plugin.job.device_lock import DeviceFileLock

WAIT = 5.0  # seconds, for what must happen
MOMENT = 0.05  # for what must not


def test_files_are_worked_on_at_once():
    """Two threads may be at files together: each waits for the other in the middle of its turn."""
    lock, both = DeviceFileLock(together=False), Barrier(2)

    def work() -> None:
        with lock.file():
            both.wait(WAIT)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(work) for _ in range(2)]:
            future.result(WAIT)


def test_the_network_waits_for_files_and_files_for_the_network():
    """The network's turn begins when the last file is done, and files that come meanwhile wait for its end."""
    lock = DeviceFileLock(together=False)
    file_may_end, network_may_end, later_file_began, network_began = Event(), Event(), Event(), Event()

    def file() -> None:
        with lock.file():
            file_may_end.wait(WAIT)

    def network() -> None:
        with lock.network():
            network_began.set()
            network_may_end.wait(WAIT)

    def later_file() -> None:
        with lock.file():
            later_file_began.set()

    with ThreadPoolExecutor(3) as pool:
        pool.submit(file)
        while not lock._files:
            pass
        futures = [pool.submit(network)]
        while not lock._network:
            pass
        futures.append(pool.submit(later_file))
        assert not network_began.wait(MOMENT)
        assert not later_file_began.is_set()
        file_may_end.set()
        assert network_began.wait(WAIT)
        assert not later_file_began.wait(MOMENT)
        network_may_end.set()
        for future in futures:
            future.result(WAIT)
    assert later_file_began.is_set()


def test_together_nobody_waits():
    """Beside a GPU files are worked on in the network's turn, and it begins in theirs."""
    lock = DeviceFileLock(together=True)
    with lock.file(), lock.network(), lock.file():
        pass


@pytest.mark.parametrize("turn", [DeviceFileLock.file, DeviceFileLock.network])
def test_an_error_ends_a_turn(turn):
    """Whoever fails in a turn leaves it, so that nobody waits for ever."""
    lock = DeviceFileLock(together=False)
    with pytest.raises(ValueError, match="bad"), turn(lock):
        raise ValueError("bad")
    with lock.network():
        pass
    with lock.file():
        pass


@pytest.mark.parametrize("turn", [DeviceFileLock.file, DeviceFileLock.network])
def test_an_interrupt_while_waiting_for_a_turn_gives_it_up(turn, monkeypatch):
    """Ctrl-C in the middle of the lock: whoever writes the mattes that are done must not wait for ever."""
    lock = DeviceFileLock(together=False)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lock._condition, "wait_for", interrupt)
        with pytest.raises(KeyboardInterrupt), turn(lock):
            pass
    for other in (lock.network, lock.file):

        def take(other=other) -> None:
            with other():
                pass

        with ThreadPoolExecutor(1) as pool:
            pool.submit(take).result(WAIT)
