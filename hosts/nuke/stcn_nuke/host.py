"""Nuke as a plugin of the host hooks: a job from the script's nodes to the script's nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import final

import nuke

from stcn_nuke import colour
from stcn_nuke.delivery import deliver
from stcn_nuke.jobs import PropagateJob
from stcn_nuke.knob_text import get_text
from stcn_nuke.matte_nodes import reload_reads
from stcn_nuke.plate_rendering import PlateRendering
from stcn_nuke.plates import file_pattern, plate_format, render_plate, rendered_pattern
from stcn_nuke.rendering import first_view
from stcn_nuke.rotos import render_keyframes
from stcn_nuke.selection import node_named
from stcn_plugin import environment
from stcn_plugin.bridge import JobRequest, KeyframeFile, Report, WarmWorker, hookimpl
from stcn_plugin.bridge.warm_worker import recorded_python
from stcn_plugin.errors import HostError
from stcn_plugin.frames import parse_frame_range

INSTALL_RECORD = Path(__file__).absolute().parents[1] / "stcn_install.json"


def make_worker(python: str | None = None) -> WarmWorker:
    """Return a worker that runs in the recorded Python.

    Args:
        python: Another Python to use.
    """
    return WarmWorker(
        lambda: python or recorded_python(INSTALL_RECORD),
        setting=str(INSTALL_RECORD),
        fix=f"Run `stcn install nuke` again, or set {environment.WORKER_PYTHON.name} to a Python that has stcn_plugin",
    )


@final
class NukeHost:
    """Runs one job.

    Args:
        job: The job that the artist requested.
        delivers: Whether to add the mattes to the script.
        renders_plate: Whether to render a plate that is not a sequence of files, rather than leave that to
            `plate_rendering`.
    """

    def __init__(self, job: PropagateJob, *, delivers: bool = True, renders_plate: bool = True) -> None:
        self._job = job
        self._delivers = delivers
        self._renders_plate = renders_plate
        self._plate_files = ""
        self._script: _OpenScript | None = None

    def plate_rendering(self, *, is_cancelled: Callable[[], bool]) -> PlateRendering | None:
        """Return the rendering of the plate that is left to do after `stcn_collect_shot`, if any.

        Args:
            is_cancelled: Whether the job was cancelled.
        """
        if not self._plate_files or self._renders_plate:
            return None
        frames = parse_frame_range(self._job.range)
        return PlateRendering(self._job.plate, frames, self._plate_files, is_cancelled=is_cancelled)

    @hookimpl
    def stcn_collect_shot(self, warn: Callable[[str], None]) -> JobRequest:
        """Read the plate's node; render it if it does not read a sequence of files."""
        job = self._job
        self._script = _OpenScript([job.plate, *(source.node for source in job.sources)])
        if len(nuke.views()) > 1:
            warn(f"only the view '{first_view()}' of the script is propagated")
        if not job.out.strip():
            raise HostError(
                "the mattes have no file name", fix="Enter a name with the frame number as ####, such as sh010.####.exr"
            )
        if not job.sources:
            raise HostError(
                "no node is named for the keyframes", fix="Select or name a Roto, or any node with an alpha"
            )
        plate = node_named(job.plate)
        pattern, space = file_pattern(plate), job.colour
        is_rendered = pattern is None
        if pattern is None:
            pattern, space = rendered_pattern(job.out, plate.name()), colour.working_space()
            self._plate_files = pattern
            if self._renders_plate:
                render_plate(plate, parse_frame_range(job.range), pattern)
        return job.request(pattern, colour=space, config=colour.config(), is_rendered=is_rendered)

    @hookimpl
    def stcn_render_keyframes(self, request: JobRequest, folder: str) -> Sequence[KeyframeFile]:
        """Render the alpha of the keyframe sources."""
        return render_keyframes(self._job.sources, request, folder, plate_format(nuke.toNode(self._job.plate)))

    @hookimpl
    def stcn_prepare_mattes(self, request: JobRequest, report: Report) -> None:
        """Add the mattes that are about to be written, in a session with an interface."""
        if self._delivers and nuke.GUI:
            nuke.executeInMainThread(self._prepare_mattes, args=(request, report))

    @hookimpl
    def stcn_show_frame(self, frame: int) -> None:
        """Show the mattes of the current frame."""
        if self._delivers and nuke.GUI:
            nuke.executeInMainThread(self._reload, args=(frame,))

    @hookimpl
    def stcn_job_failed(self) -> None:
        """Show the mattes that were written before the job failed or was cancelled."""
        if self._delivers and nuke.GUI:
            nuke.executeInMainThread(self._reload)

    @hookimpl
    def stcn_deliver_mattes(self, request: JobRequest, report: Report) -> None:
        """Add the mattes to the script that the job was started from."""
        if not self._delivers:
            return
        if self._script is not None and not self._script.is_open():
            raise HostError("another script is open", fix=f"The mattes are on disk: {self._job.out}")
        deliver(self._job, request, report)

    def _prepare_mattes(self, request: JobRequest, report: Report) -> None:
        """Add the mattes, unless the artist has closed the script or removed the plate."""
        if self._script is None or not self._script.is_open() or nuke.toNode(self._job.plate) is None:
            return
        try:
            deliver(self._job, request, report, is_done=False)
        except Exception as error:  # noqa: BLE001 - the mattes are delivered at the end all the same
            nuke.warning(f"STCN: the mattes are not shown while they are written ({error})")

    def _reload(self, frame: int | None = None) -> None:
        """Reload the mattes, if one of their frames is shown: that frame, or any."""
        plate = nuke.toNode(self._job.plate)
        if frame in (None, nuke.frame()) and plate is not None:
            with plate.parent() as group:
                reload_reads(self._job.out, group.nodes())


@final
class _OpenScript:
    """The script that is open now, to be recognised when the job is done.

    It is recognised by its nodes, since the artist may save it under another name, or by its file, since opening it
    again makes new nodes.

    Args:
        names: Names of nodes in it.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._file = _script_file()
        self._nodes = [node for node in map(nuke.toNode, names) if node is not None]

    def is_open(self) -> bool:
        """Return whether this script is still open, or open again."""
        return any(map(_exists, self._nodes)) or (self._file != "" and _script_file() == self._file)


def _script_file() -> str:
    """Return the script's file, empty if it was never saved."""
    return get_text(nuke.root()["name"])


def _exists(node: nuke.Node) -> bool:
    try:
        node.name()
    except ValueError:  # raised by Nuke for a node that was deleted or whose script was closed
        return False
    return True
