"""The STCN menu, in the menu bar and the node toolbar. Every error ends in one message, never in a traceback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, final

import nuke

from stcn_nuke.host import NukeHost, make_worker
from stcn_nuke.jobs import KeyframeSource, PropagateJob
from stcn_nuke.matte_nodes import origins_selected, selected_origin
from stcn_nuke.messages import report_errors, show_error, summary
from stcn_nuke.plates import frame_range
from stcn_nuke.progress_bar import ProgressBar
from stcn_nuke.remembered import JobResult, last_job, last_result, remember, remember_result
from stcn_nuke.rotos import current_sources, sources_of
from stcn_nuke.selection import Selection, node_named, read_selection
from stcn_plugin.bridge import BackgroundJob, Description, JobStatus
from stcn_plugin.errors import CancelledError, HostError
from stcn_plugin.frames import parse_frame_range

if TYPE_CHECKING:
    from stcn_nuke.frames_panel import FramesPanel
    from stcn_nuke.panels import PropagatePanel

_MENU = "STCN"
_PARENTS = ("Nuke", "Nodes")  # the menu bar and the node toolbar
_SHORTCUTS = {"Propagate roto...": "ctrl+alt+m", "Update": "ctrl+alt+u"}


def add_menus() -> None:
    """Add the menus, which share one worker. Shortcuts are those of the menu bar."""
    commands = Commands()
    for parent in _PARENTS:
        menu = nuke.menu(parent).addMenu(_MENU)
        for label, command in (
            ("Propagate roto...", commands.propagate),
            ("Update", commands.update),
            ("Cancel", commands.cancel),
            ("Cancel all jobs", commands.cancel_all),
            ("Doubtful frames...", commands.show_frames),
        ):
            menu.addCommand(label, command, _SHORTCUTS.get(label, "") if parent == "Nuke" else "")
        menu.addSeparator()
        menu.addCommand("Test the worker", commands.test_worker)


@final
class Commands:
    """The commands of the menu."""

    def __init__(self) -> None:
        self._worker = make_worker()
        self._jobs: list[BackgroundJob] = []
        """The running job and those that wait for it."""
        self._panel: PropagatePanel | None = None
        self._frames_panel: FramesPanel | None = None

    def propagate(self) -> None:
        """Open the panel for the selected plate and rotos, or for the selected mattes."""
        report_errors(self._propagate)

    def update(self) -> None:
        """Run the job of the selected mattes again, with the keyframes that their sources have now."""
        report_errors(self._update)

    def cancel(self) -> None:
        """Cancel the running job."""
        report_errors(lambda: self._cancel(self._jobs[:1]))

    def cancel_all(self) -> None:
        """Cancel the running job and those that wait for it."""
        report_errors(lambda: self._cancel(self._jobs))

    def show_frames(self) -> None:
        """Show the doubtful frames of the last job again."""
        report_errors(self._show_frames)

    def test_worker(self) -> None:
        """Start the worker and show its devices, weights and presets."""
        report_errors(self._test_worker)

    def _propagate(self) -> None:
        from stcn_nuke.panels import PropagatePanel

        selection, sources, last = _chosen()
        panel = PropagatePanel(selection, sources, last=last, result=last_result(), on_action=self._act)
        self._close_panel()
        self._panel = panel
        panel.show()
        if not self._jobs:
            self._describe(self._fill_panel)

    def _act(self, action: str) -> None:
        """Do what a button of the panel stands for."""
        if action == "refresh":
            self.propagate()
        elif action == "close_panel":
            self._close_panel()
        elif (panel := self._panel) is not None:
            report_errors(lambda: self._start(panel.job()))

    def _fill_panel(self, description: Description | None, error: Exception | None) -> None:
        self._in_panel(lambda panel: panel.show_description(description, error))

    def _in_panel(self, show: Callable[[PropagatePanel], None]) -> None:
        """Change what the panel shows, if it is open."""
        if self._panel is not None:
            with suppress(ValueError):  # raised by Nuke if the artist has closed the panel
                show(self._panel)

    def _close_panel(self) -> None:
        if self._panel is not None:
            self._panel.close()
            self._panel = None

    def _update(self) -> None:
        job = PropagateJob.parse(selected_origin().job)
        self._start(replace(job, sources=current_sources(job.sources, parse_frame_range(job.range))))

    def _start(self, job: PropagateJob) -> None:
        """Prepare a job, and run it after those that were started before."""
        remember(job)
        status = JobStatus()
        bar = ProgressBar(status)
        host = NukeHost(job, renders_plate=False)
        background = BackgroundJob(host, self._worker, status=status, plugins=[bar])
        background.prepare()
        self._jobs.append(background)

        def run(error: Exception | None = None) -> None:
            if error is not None:
                background.abandon()
                self._end(background, job, error)
                return
            background.run_in_thread(
                call_in_main_thread=nuke.executeInMainThread,
                on_end=lambda error: self._end(background, job, error),
                display=bar,
            )

        rendering = host.plate_rendering(is_cancelled=lambda: status.is_cancelled)
        if rendering is None:
            run()
        else:
            rendering.run_in_thread(run)

    def _end(self, background: BackgroundJob, job: PropagateJob, error: Exception | None) -> None:
        self._jobs.remove(background)
        if error is not None:
            if isinstance(error, CancelledError):
                self._in_panel(lambda panel: panel.show_result("cancelled. Propagate goes on from there"))
            show_error(error)
            return
        status = background.status
        result = JobResult.of(job.out, status)
        remember_result(result)
        nuke.tprint(f"STCN: {result.text}")
        self._in_panel(lambda panel: panel.show_result(result.label))
        for problem in status.problems:
            nuke.warning(f"STCN: {problem.text}")
        if result.rows:
            report_errors(self._show_frames)
        else:
            self._close_frames()

    def _show_frames(self) -> None:
        from stcn_nuke.frames_panel import FramesPanel

        result = last_result()
        if result is None:
            raise HostError("no job of this script is finished yet", fix="Propagate a roto first")
        if not result.rows:
            raise HostError("the last job has no doubtful frame", where=result.out)
        self._close_frames()
        self._frames_panel = FramesPanel(result)
        self._frames_panel.show()

    def _close_frames(self) -> None:
        """Close the list of an earlier job."""
        if self._frames_panel is not None:
            self._frames_panel.close()
            self._frames_panel = None

    def _cancel(self, jobs: list[BackgroundJob]) -> None:
        if not jobs:
            raise HostError("no job is running")
        for job in jobs:
            job.cancel()

    def _test_worker(self) -> None:
        def show(description: Description | None, error: Exception | None) -> None:
            if description is not None:
                nuke.message(summary(description))
            elif error is not None:
                show_error(error)

        if self._jobs:
            raise HostError("a job is running", fix="Wait for it, or cancel it first")
        self._describe(show, refresh=True)

    def _describe(self, show: Callable[[Description | None, Exception | None], None], *, refresh: bool = False) -> None:
        """Ask the worker for its description, which is shown on the main thread, even while a panel is open."""
        worker = self._worker
        worker.describe_in_background(
            lambda: nuke.executeInMainThread(show, args=(worker.description, worker.error)), refresh=refresh
        )


def _chosen() -> tuple[Selection, Sequence[KeyframeSource], PropagateJob | None]:
    """Return the plate, the objects and a job to suggest: of the selected nodes, or of the selected mattes.

    Raises:
        HostError: Neither is selected, or the plate of the mattes is gone.
    """
    if not origins_selected():
        selection, last = read_selection(), last_job()
        shot = parse_frame_range(frame_range(node_named(selection.plate)))
        return selection, _renamed(sources_of(selection.sources, shot), last), last
    job = PropagateJob.parse(selected_origin().job)
    node_named(job.plate)
    shot = parse_frame_range(job.range)
    job = replace(job, sources=current_sources(job.sources, shot))
    return Selection(job.plate, (job.plate,), tuple(source.node for source in job.sources)), job.sources, job


def _renamed(sources: Sequence[KeyframeSource], last: PropagateJob | None) -> Sequence[KeyframeSource]:
    """Return sources with the names that the artist gave them for the last job."""
    names = {(source.node, source.elements): source.name for source in last.sources} if last is not None else {}
    return [replace(source, name=names.get((source.node, source.elements), source.name)) for source in sources]
