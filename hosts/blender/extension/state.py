"""The worker and the current job of this Blender process.

Blender creates operators and panels itself, without arguments, so their shared state is one global object.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from stcn_plugin.bridge import JobStatus, WarmWorker
from stcn_plugin.bridge.warm_worker import recorded_python

INSTALL_RECORD = Path(__file__).parent / "worker.json"
"""Written by the installer: the Python that stcn_plugin was installed with."""


def addon_preferences() -> Any | None:
    """Return the extension's preferences; ``None`` if it runs without being installed."""
    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon else None


def worker_python() -> str:
    """Return the worker's Python from the preferences, or the recorded one; empty if neither is set."""
    preferences = addon_preferences()
    if preferences and preferences.python:
        return str(bpy.path.abspath(preferences.python))
    return recorded_python(INSTALL_RECORD)


def make_worker(python: str | None = None) -> WarmWorker:
    """Return a worker that runs in the Python of the preferences.

    Args:
        python: Another Python to use.
    """
    return WarmWorker(
        lambda: python or worker_python(),
        setting="preferences of the STCN extension",
        fix="Choose the Python that stcn_plugin is installed in; `stcn doctor` prints it",
    )


class State:
    """State shared by operators and panels."""

    def __init__(self) -> None:
        self.worker = make_worker()
        self.status = JobStatus()
        """Status of the job that was started last."""
        self.jobs: list[JobStatus] = []

    @property
    def running(self) -> list[JobStatus]:
        """Status of the running job and of those that wait for it, in that order."""
        self.jobs = [each for each in self.jobs if each.is_running]
        return self.jobs

    def add_job(self, status: JobStatus) -> None:
        """Show another job from now on."""
        self.status = status
        self.jobs = [*self.running, status]

    def reset(self) -> None:
        """Stop the worker and reset the status."""
        self.worker.stop()
        self.status, self.jobs = JobStatus(), []


STATE = State()
