"""What is kept from enabling the extension to disabling it: the worker, warm between jobs, and what it said of itself.

Blender makes operators and panels by itself and passes them nothing, so there is one such keeper in the process.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from stcn_plugin.bridge import Description, WorkerClient, WorkerLaunch
from stcn_plugin.errors import HostError, STCNError


@dataclass
class JobStatus:
    """What panels show of the job that runs, or of the last one.

    Args:
        is_running: Whether one runs.
        is_cancelled: Whether the artist wants it stopped.
        text: What to say of it, in a few words.
        done: Steps done of ``total``.
        total: Steps in all.
        error: Why the last job failed.
        warnings: What went wrong without harm.
    """

    is_running: bool = False
    is_cancelled: bool = False
    text: str = ""
    done: int = 0
    total: int = 0
    error: str = ""
    warnings: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return self.done / self.total if self.total else 0.0


class Kept:
    """Keeps one worker, by the interpreter it was started with."""

    def __init__(self) -> None:
        self.status = JobStatus()
        self.description: Description | None = None
        self.failure: STCNError | None = None
        self._client: WorkerClient | None = None
        self._python: str | None = None
        self._asking: threading.Thread | None = None

    @property
    def is_asking(self) -> bool:
        """Whether the worker is being asked what it offers; nothing else may talk to it meanwhile."""
        return self._asking is not None and self._asking.is_alive()

    @property
    def version(self) -> str | None:
        """Version of stcn_plugin that the worker runs, once it has said so."""
        return self._client.version if self._client else None

    def close(self) -> None:
        """End the worker and forget what it said."""
        self._stop()
        self.status = JobStatus()

    def kill(self) -> None:
        """Have the worker killed without waiting for it, since this process is about to end."""
        if self._client is not None:
            self._client.kill()

    def client(self, python: str) -> WorkerClient:
        """Return the worker's client; another interpreter is another worker.

        Raises:
            HostError: No interpreter is set, or another worker is still being asked what it offers.
        """
        if not python:
            raise HostError(
                "the worker's Python is not set",
                where="preferences of the STCN extension",
                fix="Name the Python that stcn_plugin is installed in; `stcn doctor` prints it",
            )
        if self._client is None or python != self._python:
            if self.is_asking:
                raise HostError("another worker is starting", where=self._python, fix="Try again in a moment")
            self._stop()
            self._client, self._python = WorkerClient(WorkerLaunch.from_host(python)), python
        return self._client

    def ask(self, python: str) -> None:
        """Ask the worker what it offers, on a thread; `description` or `failure` tells when `is_asking` ends.

        Raises:
            HostError: No interpreter is set.
        """
        if self.is_asking or self.status.is_running:
            return
        client = self.client(python)
        self.failure = None

        def describe() -> None:
            try:
                self.description = client.describe()
            except STCNError as error:
                self.failure = error
            except Exception as error:  # noqa: BLE001 - the worker was taken away while it was asked
                self.failure = HostError(f"the worker could not be asked ({error})")

        self._asking = threading.Thread(target=describe, name="stcn-describe", daemon=True)
        self._asking.start()

    def wait(self) -> None:
        """Wait until the worker has said what it offers, where it is being asked."""
        if self._asking is not None:
            self._asking.join()

    def _stop(self) -> None:
        if self._client is not None:
            self._client.stop()
        self._client = self._python = self.description = self.failure = None


KEPT = Kept()
