"""The STCN menu, in the menu bar and the node toolbar. Every error ends in one message, never in a traceback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, final

import nuke

from stcn_nuke.host import NukeHost, make_worker
from stcn_nuke.jobs import PropagateJob
from stcn_nuke.knob_text import get_text
from stcn_nuke.matte_nodes import selected_origin
from stcn_nuke.progress_bar import ProgressBar
from stcn_nuke.rotos import current_sources
from stcn_nuke.selection import read_selection
from stcn_plugin.bridge import BackgroundJob, Description, JobStatus
from stcn_plugin.bridge.background_job import as_stcn_error
from stcn_plugin.errors import CancelledError, HostError
from stcn_plugin.frames import parse_frame_range

if TYPE_CHECKING:
    from stcn_nuke.frames_panel import FramesPanel

_MENU = "STCN"
_PARENTS = ("Nuke", "Nodes")  # the menu bar and the node toolbar


def add_menus() -> None:
    """Add the menus, which share one worker and run one job at a time."""
    commands = Commands()
    for parent in _PARENTS:
        menu = nuke.menu(parent).addMenu(_MENU)
        menu.addCommand("Propagate roto...", commands.propagate)
        menu.addCommand("Update", commands.update)
        menu.addCommand("Cancel", commands.cancel)
        menu.addCommand("Doubtful frames...", commands.show_frames)
        menu.addSeparator()
        menu.addCommand("Test the worker", commands.test_worker)


@final
class Commands:
    """The commands of the menu."""

    def __init__(self) -> None:
        self._worker = make_worker()
        self._job: BackgroundJob | None = None
        self._last: dict[str, PropagateJob] = {}
        """The last job of each script file."""
        self._finished: tuple[str, JobStatus] | None = None
        """Mattes and status of the last job that was finished."""
        self._frames_panel: FramesPanel | None = None

    def propagate(self) -> None:
        """Ask for the settings of a new shot, and propagate it."""
        _report_errors(self._propagate)

    def update(self) -> None:
        """Run the job of the selected mattes again, with the keyframes that their sources have now."""
        _report_errors(self._update)

    def cancel(self) -> None:
        """Cancel the running job."""
        _report_errors(self._cancel)

    def show_frames(self) -> None:
        """Show the doubtful frames of the last job again."""
        _report_errors(self._show_frames)

    def test_worker(self) -> None:
        """Start the worker and show its devices, weights and presets."""
        _report_errors(self._test_worker)

    def _propagate(self) -> None:
        from stcn_nuke.panels import PropagatePanel

        self._check_idle()
        panel = PropagatePanel(read_selection(), last=self._last.get(_script()))
        self._describe(panel.show_description)
        if panel.ask():
            self._start(panel.job())

    def _update(self) -> None:
        self._check_idle()
        job = PropagateJob.parse(selected_origin().job)
        self._start(replace(job, sources=current_sources(job.sources, parse_frame_range(job.range))))

    def _start(self, job: PropagateJob) -> None:
        self._last[_script()] = job
        bar, status = ProgressBar(), JobStatus()
        background = BackgroundJob(NukeHost(job), self._worker, status=status, plugins=[bar])
        self._job = background
        try:
            background.prepare()
            background.run_in_thread(
                call_in_main_thread=nuke.executeInMainThread,
                on_end=lambda error: self._end(job, status, error),
                display=bar,
            )
        except BaseException:
            self._job = None
            raise

    def _end(self, job: PropagateJob, status: JobStatus, error: Exception | None) -> None:
        self._job = None
        if error is not None:
            _show_error(error)
            return
        self._finished = job.out, status
        for problem in status.problems:
            nuke.warning(f"STCN: {problem.text}")
        if status.notes or status.problems:
            _report_errors(self._show_frames)
        else:
            self._close_frames()

    def _show_frames(self) -> None:
        from stcn_nuke.frames_panel import FramesPanel

        if self._finished is None:
            raise HostError("no job is finished yet", fix="Propagate a roto first")
        out, status = self._finished
        if not status.notes and not status.problems:
            raise HostError("the last job has no doubtful frame", where=out)
        self._close_frames()
        self._frames_panel = FramesPanel(out, status.notes, status.problems)
        self._frames_panel.show()

    def _close_frames(self) -> None:
        """Close the list of an earlier job."""
        if self._frames_panel is not None:
            self._frames_panel.close()
            self._frames_panel = None

    def _cancel(self) -> None:
        if self._job is None:
            raise HostError("no job is running")
        self._job.cancel()

    def _check_idle(self) -> None:
        if self._job is not None:
            raise HostError("a job is running", fix="Wait for it, or cancel it first")

    def _test_worker(self) -> None:
        def show(description: Description | None, error: Exception | None) -> None:
            if description is not None:
                nuke.message(summary(description))
            elif error is not None:
                _show_error(error)

        self._check_idle()
        self._describe(show, refresh=True)

    def _describe(self, show: Callable[[Description | None, Exception | None], None], *, refresh: bool = False) -> None:
        """Ask the worker for its description, which is shown on the main thread, even while a panel is open."""
        worker = self._worker
        worker.describe_in_background(
            lambda: nuke.executeInMainThread(show, args=(worker.description, worker.error)), refresh=refresh
        )


def _script() -> str:
    """Return the file of the script, empty if it was never saved."""
    return get_text(nuke.root()["name"])


def summary(description: Description) -> str:
    """Return the description of a worker as text."""
    lines = ["The worker is running."]
    for title, choices in (
        ("Devices", description.devices),
        ("Weights", description.weights),
        ("Presets", description.presets),
    ):
        lines.append(f"\n{title}:")
        lines += [f"  {choice.name}: {choice.label}" for choice in choices]
    return "\n".join(lines)


def _report_errors(command: Callable[[], None]) -> None:
    """Run a command, and show an error as a message."""
    try:
        command()
    except Exception as error:  # noqa: BLE001 - the artist sees every error
        _show_error(error)


def _show_error(error: Exception) -> None:
    """Show an error; a cancelled job only prints a line."""
    shown = as_stcn_error(error, log=nuke.tprint)
    if isinstance(shown, CancelledError):
        nuke.tprint(f"STCN: {shown}")
    else:
        nuke.message(f"STCN: {shown}")
