"""The STCN docker: the settings of the active document, its objects and its job."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from krita import Canvas, DockWidget, DockWidgetFactory, DockWidgetFactoryBase, Document, Krita
from PyQt5.QtCore import Qt, QTimer
from PyQt5.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QToolButton, QVBoxLayout, QWidget

from stcn_plugin.bridge import WarmWorker
from stcn_plugin.bridge.background_job import as_stcn_error
from stcn_plugin.bridge.description import Description
from stcn_plugin.errors import HostError

from .job_view import JobView, fill_list, short_list
from .object_layers import key_frames, object_layers
from .painting import add_keyframe, add_object
from .plate_import import PlateImport, new_document
from .running_job import RunningJob
from .settings_form import SettingsForm
from .shot_settings import DOCKER, ShotSettings
from .worker import make_worker

_ID = "stcn_docker"
_REFRESH = 2000
"""Milliseconds between two updates of the list of objects."""


class StcnDocker(DockWidget):
    """The docker. Krita creates one per window, without arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("STCN")
        self._worker: WarmWorker = make_worker()
        self._offered: Description | None = None
        self._document: Document | None = None
        self._jobs: list[RunningJob] = []
        self._import: PlateImport | None = None
        self._error = ""
        self._form, self._view = SettingsForm(), JobView()
        self._form.fill(ShotSettings())
        self._objects = short_list("The objects, with the frames of their keyframes")
        self._propagate = self._button("Propagate", self.propagate, "Only what is missing is done")
        self._arrange()
        self._form.changed.connect(self._store)
        self._view.frame_chosen.connect(self._go_to)
        self._refresh_timer = self._timer(lambda: self._refresh() if self.isVisible() else None, _REFRESH)
        self._import_timer = self._timer(self._import_next, 0)
        self._refresh_timer.start()
        notifier = Krita.instance().notifier()
        notifier.setActive(True)
        notifier.applicationClosing.connect(self._close)

    def canvasChanged(self, _canvas: Canvas | None) -> None:  # noqa: N802 - the name that Krita calls
        """Show the settings of the document that is active now."""
        self._document = Krita.instance().activeDocument()
        if self._document is not None:
            self._form.fill(ShotSettings.of(self._document))
            if self._worker.description is None and self._worker.error is None and not self._worker.is_describing:
                self._worker.describe_in_background()
        self._error = ""
        self._refresh()
        self._show_job()

    def import_plate(self) -> None:
        """Import the plate as a layer, into a new document if there is none."""
        if self._import is not None:
            return
        settings = ShotSettings() if self._document is None else ShotSettings.of(self._document)
        self._form.write_to(settings)
        document = self._document or new_document(settings)
        settings.store(document)
        self._form.fill(settings)
        self._import = PlateImport(document)
        self._import_timer.start()
        self._show_job()

    def add_object(self) -> None:
        """Add an object to paint."""
        add_object(self._active_document())
        self._refresh()

    def add_keyframe(self) -> None:
        """Add a keyframe to the active object."""
        add_keyframe(self._active_document())
        self._refresh()

    def propagate(self) -> None:
        """Start a job, or cancel the one of this document."""
        document = self._active_document()
        running = self.job
        if running is not None and running.is_running:
            running.cancel()
        else:
            self._jobs = [job for job in self._jobs if job.is_running]
            job = RunningJob(document, self._worker)
            job.changed.connect(self._show_job)
            self._jobs.append(job)
        self._show_job()

    @property
    def job(self) -> RunningJob | None:
        """The last job of the active document."""
        return next((job for job in reversed(self._jobs) if job.document == self._document), None)

    @property
    def is_importing(self) -> bool:
        """Whether a plate is being imported."""
        return self._import is not None

    def _active_document(self) -> Document:
        if self._document is None:
            raise HostError("no document is open", where=DOCKER, fix="Press Import Plate, or open a document")
        return self._document

    def _attempt(self, action: Callable[[], None], _is_checked: bool = False) -> None:
        """Call what a button does, and show its error."""
        self._error = ""
        try:
            action()
        except Exception as error:  # noqa: BLE001 - Krita would open a dialog with a traceback
            self._error = str(as_stcn_error(error, log=print))
        self._show_job()

    def _store(self) -> None:
        if self._document is not None:
            settings = ShotSettings.of(self._document)
            self._form.write_to(settings)
            settings.store(self._document)

    def _import_next(self) -> None:
        """Import one file. The import ends with the last one, or with an error."""
        running, self._import = self._import, None
        try:
            if running is not None and running.load_next():
                self._import = running
            elif running is not None:
                running.show()
        except Exception as error:  # noqa: BLE001 - as in `_attempt`
            self._error = str(as_stcn_error(error, log=print))
        if self._import is None:
            self._import_timer.stop()
        self._show_job()

    def _refresh(self) -> None:
        """List the objects with their keyframes, and fill the menus once the worker has answered."""
        if self._worker.description is not None and self._offered is not self._worker.description:
            self._offered = self._worker.description
            self._form.offer(self._offered)
        entries = []
        try:
            if self._document is not None:
                frames = ShotSettings.of(self._document).frames
                for layer in object_layers(self._document):
                    keys = ", ".join(map(str, key_frames(self._document, layer, frames)))
                    entries.append((layer.name(), f"{layer.name()}: {keys or 'no keyframes'}"))
        except Exception:  # noqa: BLE001 - the error is shown when the artist propagates
            entries = []
        fill_list(self._objects, entries)

    def _show_job(self) -> None:
        """Show the job of the active document."""
        job = self.job
        self._propagate.setText("Cancel" if job is not None and job.is_running else "Propagate")
        worker_error = str(self._worker.error) if self._worker.error is not None and job is None else ""
        self._view.show_job(job, [self._error, self._import.text if self._import else "", worker_error])

    def _go_to(self, frame: int) -> None:
        if self._document is not None:
            self._document.setCurrentTime(frame)

    def _close(self) -> None:
        """Stop the jobs and the worker, since Krita is closing."""
        self._refresh_timer.stop()
        self._import_timer.stop()
        for job in self._jobs:
            if job.is_running:
                job.abandon()
        self._worker.stop()

    def _arrange(self) -> None:
        content, buttons, more = QWidget(), QHBoxLayout(), QToolButton()
        buttons.addWidget(
            self._button("Add Object", self.add_object, "Add a layer with a keyframe at this frame, to paint an object")
        )
        buttons.addWidget(
            self._button(
                "Add Keyframe", self.add_keyframe, "Add a keyframe to the object here; it starts from the matte"
            )
        )
        more.setText("Edges, Cleaning, Settings")
        more.setCheckable(True)
        more.toggled.connect(self._form.details.setVisible)
        self._form.details.setVisible(False)
        layout = QVBoxLayout(content)
        layout.addWidget(self._form.shot)
        layout.addWidget(self._button("Import Plate", self.import_plate, "Import the plate as a layer"))
        layout.addLayout(buttons)
        for widget in (self._objects, self._propagate, self._view, more, self._form.details):
            layout.addWidget(widget)
        layout.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        area.setWidget(content)
        self.setWidget(area)

    def _button(self, label: str, action: Callable[[], None], help: str) -> QPushButton:  # noqa: A002
        button = QPushButton(label)
        button.setToolTip(f"{help}.")
        button.setMinimumWidth(1)  # a docker may be narrower than its labels
        button.clicked.connect(partial(self._attempt, action))
        return button

    def _timer(self, action: Callable[[], None], interval: int) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(interval)
        timer.timeout.connect(action)
        return timer


def register() -> None:
    """Add the docker to Krita."""
    Krita.instance().addDockWidgetFactory(DockWidgetFactory(_ID, DockWidgetFactoryBase.DockRight, StcnDocker))
