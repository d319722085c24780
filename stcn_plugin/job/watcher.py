"""What a job tells and asks while it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from stcn_plugin.bridge.job import Progress
from stcn_plugin.job.activities import Activity


@dataclass(frozen=True)
class Watcher:
    """Whom a job tells how it is going.

    Args:
        on_progress: Told after every step, on the calling thread.
        on_frame: Told a frame and its files when they are on disk, on the thread that writes.
        on_warning: Told what went wrong without harm to the mattes, on any thread.
        is_cancelled: Asked before every step and between its stages, on the calling thread.
        on_activity: Called with the pieces of work under way whenever one begins, gets further or ends, on any thread.
    """

    on_progress: Callable[[Progress], None] = lambda _: None
    on_frame: Callable[[int, Sequence[Path]], None] = lambda _frame, _files: None
    on_warning: Callable[[str], None] = lambda _: None
    is_cancelled: Callable[[], bool] = lambda: False
    on_activity: Callable[[Sequence[Activity]], None] = lambda _: None


class Warnings:
    """The warnings of a job: each is reported once, and all are there in the end.

    Args:
        report: Called with every new warning, on the thread that gives it.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._lock = Lock()
        self._texts: dict[str, None] = {}

    @property
    def texts(self) -> tuple[str, ...]:
        """All warnings so far, in their order."""
        with self._lock:
            return tuple(self._texts)

    def add(self, text: str) -> None:
        """Report a warning unless it has been; may be called on any thread."""
        with self._lock:
            is_new = text not in self._texts
            self._texts[text] = None
        if is_new:
            self._report(text)
