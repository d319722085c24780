"""The current activities of a job. They are reported as heartbeats and locate unexpected errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import final

from stcn_plugin.device_failures import device_error
from stcn_plugin.errors import CancelledError, STCNError, UnexpectedError


def describe_error(error: BaseException, *, where: str | None = None) -> STCNError:
    """Return the error to show to the user for any exception.

    Args:
        error: The exception; an `STCNError` is returned unchanged.
        where: The file or frame that was being processed.
    """
    if isinstance(error, STCNError):
        return error
    return device_error(error, where=where) or UnexpectedError.of(error, where=where)


@contextmanager
def describe_device_errors() -> Iterator[None]:
    """Raise out-of-memory errors and GPU failures as `DeviceError`; other exceptions pass unchanged.

    Raises:
        DeviceError: Memory ran out, or the GPU failed; the original exception is its cause.
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
    """Something that a job is doing.

    Args:
        what: A description, such as ``reading frame 1001 of the plate``.
        file: The file that is read or written; ``None`` for computation.
    """

    what: str
    file: str | None = None

    def __str__(self) -> str:
        return f"{self.what} ({self.file})" if self.file else self.what


@final
class Activities:
    """The current activities of all threads of a job.

    Args:
        on_change: Called with the current activities, oldest first, whenever one begins, advances or ends. Called on
            any thread, by one thread at a time.
        is_cancelled: Returns whether the job is cancelled.
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
        """Record an activity while the context lasts.

        Args:
            what: A description.
            file: The file that is read or written.

        Raises:
            DeviceError: Memory ran out, or the GPU failed.
            UnexpectedError: Any other exception that is not an `STCNError` was raised; names the activity.
        """
        activity, key = Activity(what, None if file is None else str(file)), object()
        try:
            self._change(key, activity)
            yield
        except STCNError:
            raise
        except Exception as error:
            raise describe_error(error, where=str(activity)) from error
        finally:
            self._change(key, None)

    def checkpoint(self) -> None:
        """Report that an activity has advanced, and stop if the job is cancelled. Call it between any two stages.

        Raises:
            CancelledError: The job is cancelled.
        """
        with self._lock:
            self._on_change(tuple(self._running.values()))
        if self._is_cancelled():
            raise CancelledError("cancelled; the mattes written so far are complete")

    def _change(self, key: object, activity: Activity | None) -> None:
        with self._lock:
            if activity is not None:
                self._running[key] = activity
            else:
                self._running.pop(key, None)
            self._on_change(tuple(self._running.values()))
