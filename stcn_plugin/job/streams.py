"""Reading ahead and writing behind in threads, with bounded queues, so that the network does not wait for the disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar, final

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_ahead(read: Callable[[Item], Result], items: Iterable[Item], *, depth: int) -> Iterator[Result]:
    """Yield ``read(item)`` for every item in order, reading up to ``depth`` items ahead.

    Args:
        read: Thread-safe; an error is raised in place of its item's result.
        items: The items to read.
        depth: Maximum number of results read ahead, and number of threads.
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
    """Runs writes one after another in a thread. Leaving the context waits for all of them.

    The error of a failed write is raised by the next call or on leaving the context.

    Args:
        depth: Maximum number of pending writes before `submit` blocks.
        prepare: Called once in the thread, before the first write.
    """

    def __init__(self, *, depth: int, prepare: Callable[[], None] = lambda: None) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="write-behind", initializer=prepare)
        self._depth = depth
        self._pending: deque[Future[None]] = deque()
        self._has_failed = False  # set by the writing thread, before it takes the next write

    def submit(self, write: Callable[[], None]) -> None:
        """Queue a write; blocks while too many are pending.

        Raises:
            BaseException: The error of an earlier write; the writes after it are dropped.
        """
        self._pending.append(self._pool.submit(self._run, write))
        while len(self._pending) > self._depth or (self._pending and self._pending[0].done()):
            self._finish(self._pending.popleft())

    def wait(self) -> None:
        """Wait for all writes.

        Raises:
            BaseException: The error of one of them; the writes after it are dropped.
        """
        while self._pending:
            self._finish(self._pending.popleft())

    def __enter__(self) -> WriteBehind:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Pending writes are finished even if the caller failed, so that no computed frame is lost.
        try:
            self.wait()
        except BaseException as failure:
            if error is None:
                raise
            if failure is not error:
                failure.__context__ = error.__context__
                error.__context__ = failure
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, write: Callable[[], None]) -> None:
        """Run a write, unless an earlier one failed: later ones would fail too."""
        if self._has_failed:
            return
        try:
            write()
        except BaseException:
            self._has_failed = True
            raise

    def _finish(self, future: Future[None]) -> None:
        """Wait for a write; if it failed, drop all pending ones."""
        try:
            future.result()
        except BaseException:
            for pending in self._pending:
                pending.cancel()
            self._pending.clear()
            raise
