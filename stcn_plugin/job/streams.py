"""Reading ahead and writing behind, so that the network never waits for a disk; both bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar, final

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_ahead(read: Callable[[Item], Result], items: Iterable[Item], *, depth: int) -> Iterator[Result]:
    """Yield ``read(item)`` in order, while up to ``depth`` further items are read in threads.

    Args:
        read: Thread-safe; its error is raised when its item's turn comes.
        items: What to read.
        depth: Results held ahead at most, and threads.
    """
    with ThreadPoolExecutor(depth, thread_name_prefix="read-ahead") as pool:
        pending: deque[Future[Result]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(read, item))
                if len(pending) > depth:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


@final
class WriteBehind:
    """Runs writes one after another in a thread, a bounded number behind; leaving the context waits for all of them.

    An error in a write is raised by the next call, or on leaving, whichever comes first.

    Args:
        depth: Writes that wait at most before the caller does.
    """

    def __init__(self, *, depth: int) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="write-behind")
        self._depth = depth
        self._pending: deque[Future[None]] = deque()
        self._has_failed = False  # said by the writing thread, which alone knows before it goes on

    def submit(self, write: Callable[[], None]) -> None:
        """Have ``write`` run soon; wait first where too many are under way.

        Raises:
            BaseException: What an earlier write failed with; the writes after it are not tried.
        """
        self._pending.append(self._pool.submit(self._run, write))
        while len(self._pending) > self._depth or (self._pending and self._pending[0].done()):
            self._finish(self._pending.popleft())

    def __enter__(self) -> WriteBehind:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Writes under way are finished even when the caller failed, so that what was computed is not lost.
        try:
            while self._pending:
                self._finish(self._pending.popleft())
        except BaseException as failure:
            if error is None:
                raise
            if failure is not error:
                failure.__context__ = error.__context__
                error.__context__ = failure
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, write: Callable[[], None]) -> None:
        """Write, unless an earlier write failed: those behind it would fail too."""
        if self._has_failed:
            return
        try:
            write()
        except BaseException:
            self._has_failed = True
            raise

    def _finish(self, future: Future[None]) -> None:
        """Wait for a write; where it failed, those behind it are dropped."""
        try:
            future.result()
        except BaseException:
            for waiting in self._pending:
                waiting.cancel()
            self._pending.clear()
            raise
