"""What a job is working on at any moment: for signs of life, and for errors that nobody foresaw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import final

from stcn_plugin.device_failures import device_error
from stcn_plugin.errors import CancelledError, STCNError, UnexpectedError


def described(error: BaseException, *, where: str | None = None) -> STCNError:
    """Describe any error for a person.

    Args:
        error: What was raised; an `STCNError` is returned as it is.
        where: The file or frame that was being worked on.
    """
    if isinstance(error, STCNError):
        return error
    return device_error(error, where=where) or UnexpectedError.of(error, where=where)


@contextmanager
def device_errors_described() -> Iterator[None]:
    """Describe errors of memory and of GPUs that are raised inside; other errors pass as they are.

    Raises:
        DeviceError: Memory did not suffice, or the GPU failed; the error that said so is its cause.
    """
    try:
        yield
    except Exception as error:
        found = device_error(error)
        if found is None:
            raise
        raise found from error


@dataclass(frozen=True)
class Activity:
    """One piece of work.

    Args:
        what: What is done, such as ``reading frame 1001 of the plate``.
        file: The file that is read or written; ``None`` for computing.
    """

    what: str
    file: str | None = None

    def __str__(self) -> str:
        return f"{self.what} ({self.file})" if self.file else self.what


@final
class Activities:
    """The pieces of work that are under way, on any thread.

    Args:
        on_change: Called with all of them, the oldest first, whenever one begins, gets further or ends. Called on any
            thread, by one at a time.
        is_cancelled: Whether to stop.
    """

    def __init__(
        self,
        on_change: Callable[[Sequence[Activity]], None] = lambda _: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._on_change = on_change
        self._is_cancelled = is_cancelled
        self._lock = Lock()
        self._running: dict[object, Activity] = {}

    @contextmanager
    def during(self, what: str, file: object = None) -> Iterator[None]:
        """Work on something.

        Args:
            what: What is done.
            file: The file that is read or written.

        Raises:
            DeviceError: Memory did not suffice, or the GPU failed.
            UnexpectedError: An error that is not of this package was raised inside; names the work.
        """
        activity, key = Activity(what, None if file is None else str(file)), object()
        try:
            self._change(key, activity)
            yield
        except STCNError:
            raise
        except Exception as error:
            raise described(error, where=str(activity)) from error
        finally:
            self._change(key, None)

    def go_on(self) -> None:
        """Report that work has got further, and stop where that is wanted; between any two stages of it.

        Raises:
            CancelledError: It is.
        """
        with self._lock:
            self._on_change(tuple(self._running.values()))
        if self._is_cancelled():
            raise CancelledError("cancelled; the mattes written so far are whole")

    def _change(self, key: object, activity: Activity | None) -> None:
        with self._lock:
            if activity is not None:
                self._running[key] = activity
            else:
                self._running.pop(key, None)
            self._on_change(tuple(self._running.values()))
