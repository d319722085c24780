"""A worker that stays alive between jobs, and the Python that runs it."""

from __future__ import annotations

import atexit
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import final

from stcn_plugin import environment
from stcn_plugin.bridge.client import WorkerClient
from stcn_plugin.bridge.description import Choice, Description
from stcn_plugin.bridge.launch import WorkerLaunch
from stcn_plugin.errors import HostError, STCNError, WorkerError

EVERY_WORKER = Description(
    presets=(
        Choice("default", "balanced quality and speed"),
        Choice("draft", "fast preview"),
        Choice("hero", "best quality"),
        Choice("long_shot", "hundreds or thousands of frames"),
    ),
    weights=(Choice("starter", "included in stcn_plugin"),),
    devices=(Choice("auto", "the fastest available"), Choice("cpu", "CPU"), Choice("cuda", "NVIDIA GPU")),
)
"""Menu entries that are valid for every worker, shown until the worker has answered."""


def recorded_python(record: Path) -> str:
    """Return the Python of ``STCN_WORKER_PYTHON``, or the one that the installer recorded; empty if there is neither.

    Args:
        record: JSON file of the installer, with a key ``python``.
    """
    if python := environment.WORKER_PYTHON.value():
        return python
    try:
        python = json.loads(record.read_text("utf-8"))["python"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return python if isinstance(python, str) else ""


@final
class WarmWorker:
    """One worker process for all jobs of a host, started when it is first needed.

    Jobs and `describe_in_background` reserve it while they use it. Jobs that wait for it are served in the order in which
    they joined its queue.

    Args:
        find_python: Returns the Python that runs the worker, empty if none is set. Called before every use; if it
            changes, a new worker is started.
        setting: Where the user sets that Python, for errors.
        fix: What to do if none is set, for errors.
    """

    def __init__(self, find_python: Callable[[], str], *, setting: str, fix: str) -> None:
        self._find_python = find_python
        self._setting = setting
        self._fix = fix
        self._in_use = threading.Lock()
        self._queue: list[object] = []
        self._client: WorkerClient | None = None
        self._python = ""
        self._describing: threading.Thread | None = None
        self.on_log: Callable[[str], None] = lambda _: None
        """Receives every line that the worker writes to its log, on another thread."""
        self.description: Description | None = None
        """Presets, weights and devices of the worker; ``None`` until it has answered."""
        self.error: STCNError | None = None
        """Error of the last `describe_in_background`, if it failed."""

    @property
    def is_describing(self) -> bool:
        """Whether `describe_in_background` is waiting for an answer."""
        return self._describing is not None and self._describing.is_alive()

    @property
    def choices(self) -> Description:
        """The worker's `description`, or `EVERY_WORKER` until it has answered."""
        return self.description or EVERY_WORKER

    @property
    def version(self) -> str | None:
        """The worker's version of stcn_plugin, once it has answered."""
        return self._client.version if self._client else None

    def client(self) -> WorkerClient:
        """Return the client of the worker.

        Raises:
            WorkerError: No Python is set for the worker.
            HostError: The Python has changed while the worker is in use.
        """
        python = self._find_python()
        if not python:
            raise WorkerError("no Python is set for the worker", where=self._setting, fix=self._fix)
        if self._client is None or python != self._python:
            if self._client is None:
                atexit.register(self.stop)
            elif self._in_use.locked():
                raise HostError("another worker is in use", where=self._python, fix="Try again in a moment")
            self.stop()
            self._client, self._python = (
                WorkerClient(WorkerLaunch(python), on_log=lambda line: self.on_log(line)),
                python,
            )
        return self._client

    def join_queue(self, job: object) -> None:
        """Put a job at the end of the queue, until `leave_queue`."""
        self._queue.append(job)

    def leave_queue(self, job: object) -> None:
        """Remove a job from the queue, if it is in it."""
        with suppress(ValueError):
            self._queue.remove(job)

    def place_of(self, job: object) -> int:
        """Return the number of jobs before a job in the queue."""
        return self._queue.index(job)

    def acquire(self, *, timeout: float = 0.0) -> bool:
        """Reserve the worker.

        Args:
            timeout: Seconds to wait for its current user.

        Returns:
            Whether it is reserved; then call `release` afterwards.
        """
        return self._in_use.acquire(timeout=timeout) if timeout > 0 else self._in_use.acquire(blocking=False)

    def release(self) -> None:
        """End the reservation of `acquire`."""
        self._in_use.release()

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Reserve the worker for a ``with`` block, however long its current user takes."""
        with self._in_use:
            yield

    def describe_in_background(self, on_done: Callable[[], None] = lambda: None, *, refresh: bool = False) -> None:
        """Request the worker's description on a thread, and set `description` or `error`.

        Args:
            on_done: Called on that thread at the end.
            refresh: Request it again even if it is known.
        """
        self.error = None
        if refresh:
            self.description = None
        client: WorkerClient | None = None
        try:
            client = self.client()  # on this thread, since a host's settings may not be readable from another
        except STCNError as error:
            self.error = error

        def describe() -> None:
            if client is not None and self.description is None:
                try:
                    with self._in_use:
                        self.description = client.describe()
                except STCNError as error:
                    self.error = error
                except Exception as error:  # noqa: BLE001 - the worker has been stopped
                    self.error = WorkerError(f"the worker did not answer ({error})")
            on_done()

        self._describing = threading.Thread(target=describe, name="stcn-describe", daemon=True)
        self._describing.start()

    def wait_for_description(self) -> None:
        """Wait for the end of `describe_in_background`."""
        if self._describing is not None:
            self._describing.join()

    def stop(self) -> None:
        """Stop the worker process, if there is one, and discard its description."""
        if self._client is not None:
            self._client.stop()
        self._client = self.description = self.error = None
        self._python = ""
