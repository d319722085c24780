"""A job that runs while the artist works: a timer polls the worker, and loads one file at a time."""

from __future__ import annotations

from typing import final

from krita import Document
from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from stcn_plugin.bridge import BackgroundJob, JobStatus, Report, WarmWorker
from stcn_plugin.bridge.background_job import as_stcn_error

from .host import KritaHost
from .shot_settings import ShotSettings

_INTERVAL = 100
"""Milliseconds between two polls of the worker."""


@final
class RunningJob(QObject):
    """One job of a document.

    Args:
        document: The document, with its settings.
        worker: The worker.

    Raises:
        STCNError: The job cannot be prepared.
    """

    changed = pyqtSignal()
    """The state of the job is another one."""

    def __init__(self, document: Document, worker: WarmWorker) -> None:
        super().__init__()
        self.document = document
        self._host = KritaHost(document)
        self.status = JobStatus(frame_shift=ShotSettings.of(document).shift)
        self._job = BackgroundJob(self._host, worker, status=self.status)
        self._report: Report | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_INTERVAL)
        self._timer.timeout.connect(self._advance)
        self._job.prepare()
        self._timer.start()

    @property
    def is_running(self) -> bool:
        """Whether the job has not ended."""
        return bool(self._timer.isActive())

    @property
    def text(self) -> str:
        """The state in a few words."""
        if self.is_running and self._report is not None:
            return f"Loading {self._host.remaining} mattes"
        return self.status.text

    def cancel(self) -> None:
        """Cancel the job within a frame; mattes on disk are kept."""
        self._job.cancel()

    def abandon(self) -> None:
        """Cancel the job without waiting for its end."""
        self._timer.stop()
        self._job.abandon()

    def _advance(self) -> None:
        try:
            if self._report is None:
                self._report = self._job.poll()
                if self._report is not None:
                    self._host.load_all(self._report)
                else:
                    self._host.load_next()
            elif self.status.is_cancelled or not self._host.load_next():
                self._timer.stop()
                self._job.deliver(self._report)
        except Exception as error:  # noqa: BLE001 - shown in the docker; the timer would raise it again and again
            self.abandon()  # other jobs wait for the worker
            self.status.error = as_stcn_error(error, log=print)
        self.changed.emit()
