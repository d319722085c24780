"""The lock between the network and file I/O: priorities, and release after errors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from waiting import eventually

from stcn_plugin.job.device_lock import DeviceFileLock

WAIT = 30.0  # seconds for what must happen
MOMENT = 0.05  # seconds for what must not


def test_files_share_the_lock():
    """Two threads hold the lock for files at the same time: each waits for the other while holding it."""
    lock, both = DeviceFileLock(is_shared=False), Barrier(2)

    def work() -> None:
        with lock.file():
            both.wait(WAIT)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(work) for _ in range(2)]:
            future.result(WAIT)


def test_the_network_excludes_files():
    """The network waits for the file in progress, and files that come later wait for the network."""
    lock = DeviceFileLock(is_shared=False)
    file_may_end, network_may_end, later_file_began, network_began = Event(), Event(), Event(), Event()

    def file() -> None:
        with lock.file():
            assert file_may_end.wait(WAIT)

    def network() -> None:
        with lock.network():
            network_began.set()
            assert network_may_end.wait(WAIT)

    def later_file() -> None:
        with lock.file():
            later_file_began.set()

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(file)]
        assert eventually(lambda: bool(lock._file_holders), WAIT)
        futures.append(pool.submit(network))
        assert eventually(lambda: lock._is_network_claimed, WAIT)
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


def test_a_shared_lock_excludes_nothing():
    """With a network on a GPU, both run at the same time."""
    lock = DeviceFileLock(is_shared=True)
    with lock.file(), lock.network(), lock.file():
        pass


def assert_is_free(lock: DeviceFileLock) -> None:
    """Both kinds of holder get the lock, on another thread, so that a lock that is held fails instead of hanging."""
    for acquire in (lock.network, lock.file):

        def take(acquire=acquire) -> None:
            with acquire():
                pass

        with ThreadPoolExecutor(1) as pool:
            pool.submit(take).result(WAIT)


@pytest.mark.parametrize("acquire", [DeviceFileLock.file, DeviceFileLock.network])
def test_an_error_releases_the_lock(acquire):
    """An exception in either block."""
    lock = DeviceFileLock(is_shared=False)
    with pytest.raises(ValueError, match="bad"), acquire(lock):
        raise ValueError("bad")
    assert_is_free(lock)


@pytest.mark.parametrize("acquire", [DeviceFileLock.file, DeviceFileLock.network])
def test_an_interrupt_while_waiting_releases_the_lock(acquire, monkeypatch):
    """Ctrl-C during the wait; otherwise the thread that writes finished mattes would wait forever."""
    lock = DeviceFileLock(is_shared=False)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lock._condition, "wait_for", interrupt)
        with pytest.raises(KeyboardInterrupt), acquire(lock):
            pass
    assert_is_free(lock)
