"""The callbacks of a running job, and its warnings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from stcn_plugin.bridge.job import Progress
from stcn_plugin.job.activities import Activity


@dataclass(frozen=True)
class Watcher:
    """Callbacks of a running job.

    Args:
        on_progress: Called after every step, on the calling thread.
        on_frame: Called with a frame and its files when they are on disk, on the thread that writes.
        on_warning: Called with problems that do not affect the mattes, on any thread.
        is_cancelled: Called before every step and between its stages, on the calling thread.
        on_activity: Called with the current activities whenever one begins, advances or ends, on any thread.
    """

    on_progress: Callable[[Progress], None] = lambda _: None
    on_frame: Callable[[int, Sequence[Path]], None] = lambda _frame, _files: None
    on_warning: Callable[[str], None] = lambda _: None
    is_cancelled: Callable[[], bool] = lambda: False
    on_activity: Callable[[Sequence[Activity]], None] = lambda _: None


class Warnings:
    """The distinct warnings of a job. Each is reported once.

    Args:
        report: Called with every new warning, on the thread that adds it.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._lock = Lock()
        self._texts: dict[str, None] = {}

    @property
    def texts(self) -> tuple[str, ...]:
        """All warnings so far, in order."""
        with self._lock:
            return tuple(self._texts)

    def add(self, text: str) -> None:
        """Report a warning unless it was reported before. Thread-safe."""
        with self._lock:
            is_new = text not in self._texts
            self._texts[text] = None
        if is_new:
            self._report(text)
