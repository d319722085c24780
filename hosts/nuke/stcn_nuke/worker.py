"""The worker that this Nuke keeps warm: whose Python it is, and one client over all jobs."""

from __future__ import annotations

import atexit
import json
import threading
from pathlib import Path
from typing import final

from stcn_plugin import environment
from stcn_plugin.bridge import Description, WorkerClient, WorkerLaunch
from stcn_plugin.errors import WorkerError

_RECORD = Path(__file__).absolute().parents[1] / "stcn_install.json"


def worker_python(record: Path = _RECORD) -> str:
    """Return the Python that has stcn_plugin: that of ``STCN_WORKER_PYTHON``, else the one the installer recorded.

    Raises:
        WorkerError: Neither names one.
    """
    if python := environment.WORKER_PYTHON.value():
        return python
    try:
        recorded = json.loads(record.read_text("utf-8"))["python"]
    except (OSError, ValueError, KeyError, TypeError):
        recorded = None
    if not isinstance(recorded, str) or not recorded:
        raise WorkerError(
            "no Python is set for the worker",
            where=str(record),
            fix=f"Run `stcn install nuke` again, or set {environment.WORKER_PYTHON.name} to a Python that has stcn_plugin",
        )
    return recorded


@final
class Worker:
    """Keeps one worker process for all jobs of this Nuke and stops it when Nuke ends."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        """Held by the thread that uses the client."""
        self._client: WorkerClient | None = None
        self._description: Description | None = None

    def client(self) -> WorkerClient:
        """Return the client; its process starts with the first job.

        Raises:
            WorkerError: No Python is set for it.
        """
        if self._client is None:
            self._client = WorkerClient(WorkerLaunch.from_host(worker_python()))
            atexit.register(self.stop)
        return self._client

    def describe(self) -> Description:
        """Return what the worker offers; waits for its start, so call it beside the main thread.

        Raises:
            STCNError: The worker cannot be started, died, hung, or met an error.
        """
        with self.lock:
            if self._description is None:
                self._description = self.client().describe()
            return self._description

    def forget(self) -> None:
        """Ask anew next time: an artist who tests the worker wants to know what is there now."""
        self._description = None

    def stop(self) -> None:
        """End the worker where there is one."""
        if self._client is not None:
            self._client.stop()
