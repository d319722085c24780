"""Shows a job in the docker: its progress, its result, and the frames to look at. And the lists of the docker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QLabel, QListWidget, QListWidgetItem, QProgressBar, QVBoxLayout, QWidget

from stcn_plugin.errors import CancelledError

from .running_job import RunningJob

_LIST_HEIGHT = 70
_PERCENT = 100


@final
class JobView(QWidget):
    """The job of the active document."""

    frame_chosen = pyqtSignal(int)
    """The artist wants to go to a frame."""

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._bar, self._text = QProgressBar(), QLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.PlainText)
        self._text.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self._frames = short_list("Frames to look at, the worst first; click one to go to it")
        self._frames.itemClicked.connect(lambda item: self.frame_chosen.emit(item.data(Qt.UserRole)))
        for widget in (self._bar, self._text, self._frames):
            layout.addWidget(widget)

    @property
    def text(self) -> str:
        """What is shown as text."""
        return str(self._text.text())

    def show_job(self, job: RunningJob | None, lines: Sequence[str]) -> None:
        """Show a job.

        Args:
            job: The job, if the document has one.
            lines: Lines above its own.
        """
        notes = job.status.notes if job is not None else ()
        self._bar.setVisible(job is not None and job.is_running)
        self._bar.setValue(int(_PERCENT * job.status.fraction) if job is not None else 0)
        self._text.setText("\n".join(filter(None, [*lines, *_lines_of(job)])))
        self._frames.setVisible(bool(notes))
        fill_list(self._frames, [(note.frame, f"{note.frame} · {note.text}") for note in notes])


def short_list(help: str) -> QListWidget:  # noqa: A002
    """Return a list of a few lines' height."""
    found = QListWidget()
    found.setToolTip(f"{help}.")
    found.setMaximumHeight(_LIST_HEIGHT)
    return found


def fill_list(target: QListWidget, entries: Sequence[tuple[object, str]]) -> None:
    """Show entries, each a value and its text; a list that shows them already keeps what is selected."""
    shown = [target.item(row) for row in range(target.count())]
    if entries == [(item.data(Qt.UserRole), item.text()) for item in shown]:
        return
    target.clear()
    for value, text in entries:
        item = QListWidgetItem(text)
        item.setData(Qt.UserRole, value)
        target.addItem(item)


def _lines_of(job: RunningJob | None) -> list[str]:
    """Return state, error, reasons, warnings and weights of a job."""
    if job is None:
        return []
    status = job.status
    lines = [job.text]
    if status.error is not None and not isinstance(status.error, CancelledError):
        lines.append(str(status.error))
    lines += [*status.reasons, *status.warnings, *(problem.text for problem in status.problems)]
    if status.report is not None and status.report.weights is not None:
        lines.append(f"Weights: {status.report.weights.text}")
    return lines
