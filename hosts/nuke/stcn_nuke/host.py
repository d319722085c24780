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
    """

    def __init__(self, job: PropagateJob, *, delivers: bool = True) -> None:
        self._job = job
        self._delivers = delivers
        self._script: _OpenScript | None = None

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
            render_plate(plate, parse_frame_range(job.range), pattern)
        return job.request(pattern, colour=space, config=colour.config(), is_rendered=is_rendered)

    @hookimpl
    def stcn_render_keyframes(self, request: JobRequest, folder: str) -> Sequence[KeyframeFile]:
        """Render the alpha of the keyframe sources."""
        return render_keyframes(self._job.sources, request, folder, plate_format(nuke.toNode(self._job.plate)))

    @hookimpl
    def stcn_show_frame(self, frame: int) -> None:
        """Show the mattes of the current frame, if the script has those of an earlier run."""
        if self._delivers and nuke.GUI:
            nuke.executeInMainThread(self._reload, args=(frame,))

    @hookimpl
    def stcn_deliver_mattes(self, request: JobRequest, report: Report) -> None:
        """Add the mattes to the script that the job was started from."""
        if not self._delivers:
            return
        if self._script is not None and not self._script.is_open():
            raise HostError("another script is open", fix=f"The mattes are on disk: {self._job.out}")
        deliver(self._job, request, report)

    def _reload(self, frame: int) -> None:
        """Reload the mattes if their frame is shown."""
        plate = nuke.toNode(self._job.plate)
        if frame == nuke.frame() and plate is not None:
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
