"""Files and the network take turns on a CPU, and neither shuts the other out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from stcn_plugin.shot.turns import Turns

WAIT = 5.0  # seconds, for what must happen
MOMENT = 0.05  # for what must not


def test_files_are_worked_on_at_once():
    """Two threads may be at files together: each waits for the other in the middle of its turn."""
    turns, both = Turns(together=False), Barrier(2)

    def work() -> None:
        with turns.file():
            both.wait(WAIT)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(work) for _ in range(2)]:
            future.result(WAIT)


def test_the_network_waits_for_files_and_files_for_the_network():
    """The network's turn begins when the last file is done, and files that come meanwhile wait for its end."""
    turns = Turns(together=False)
    file_may_end, network_may_end, later_file_began, network_began = Event(), Event(), Event(), Event()

    def file() -> None:
        with turns.file():
            file_may_end.wait(WAIT)

    def network() -> None:
        with turns.network():
            network_began.set()
            network_may_end.wait(WAIT)

    def later_file() -> None:
        with turns.file():
            later_file_began.set()

    with ThreadPoolExecutor(3) as pool:
        pool.submit(file)
        while not turns._files:
            pass
        futures = [pool.submit(network)]
        while not turns._network:
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
    turns = Turns(together=True)
    with turns.file(), turns.network(), turns.file():
        pass


@pytest.mark.parametrize("turn", [Turns.file, Turns.network])
def test_an_error_ends_a_turn(turn):
    """Whoever fails in a turn leaves it, so that nobody waits for ever."""
    turns = Turns(together=False)
    with pytest.raises(ValueError, match="bad"), turn(turns):
        raise ValueError("bad")
    with turns.network():
        pass
    with turns.file():
        pass


@pytest.mark.parametrize("turn", [Turns.file, Turns.network])
def test_an_interrupt_while_waiting_for_a_turn_gives_it_up(turn, monkeypatch):
    """Ctrl-C in the middle of the lock: whoever writes the mattes that are done must not wait for ever."""
    turns = Turns(together=False)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(turns._condition, "wait_for", interrupt)
        with pytest.raises(KeyboardInterrupt), turn(turns):
            pass
    for other in (turns.network, turns.file):

        def take(other=other) -> None:
            with other():
                pass

        with ThreadPoolExecutor(1) as pool:
            pool.submit(take).result(WAIT)
