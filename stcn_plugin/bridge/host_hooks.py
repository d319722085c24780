"""The host interface: what a compositing tool's plugin implements. Nuke, Blender and the command line are three of them.

Each hook says when it fires and on which thread. *The session's thread* is the one that called the session's method:
`Session.run` does all on one thread; a host that stays usable calls `prepare` and `deliver` on its main thread and `poll`
from a timer or a thread of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from stcn_plugin.bridge.job import JobRequest, KeyframeFile, Progress, Report
from stcn_plugin.bridge.plugins import PROJECT
from stcn_plugin.errors import STCNError

_hookspec = pluggy.HookspecMarker(PROJECT)


class HostHooks:
    """Hooks of a host, in the order in which they fire."""

    @_hookspec(firstresult=True)
    def stcn_collect_shot(self) -> JobRequest | None:
        """Say what is to be propagated.

        Fires once a job, first, on the thread that called `Session.prepare`: a host's main thread. Must answer: an error
        raised here ends the job. Keyframes that are files already stand in the request.
        """

    @_hookspec(firstresult=True)
    def stcn_render_keyframes(self, request: JobRequest, folder: str) -> Sequence[KeyframeFile] | None:
        """Write the artist's roto at every keyframe as pictures, at the plate's full format.

        Fires after `stcn_collect_shot`, on the same thread. An error raised here ends the job. Hosts whose keyframes are
        files answer ``None``.

        Args:
            request: What was collected.
            folder: Where the files belong; need not exist. Kept, since an update reads them again.
        """

    @_hookspec
    def stcn_show_progress(self, progress: Progress) -> None:
        """Show how far the job is.

        Fires after every step, on the thread that called `Session.poll`. An error raised here is reported as a warning.
        """

    @_hookspec
    def stcn_show_frame(self, frame: int, files: Sequence[str]) -> None:
        """Show a frame's mattes: they are on disk.

        Fires once a frame, in the order in which they are written, on the thread that called `Session.poll`. An error
        raised here is reported as a warning.
        """

    @_hookspec
    def stcn_show_warning(self, text: str) -> None:
        """Tell the artist what went wrong without harm to the mattes.

        Fires whenever that happens, on the thread that called `Session.poll`. An error raised here is passed over.
        """

    @_hookspec
    def stcn_is_cancelled(self) -> bool | None:
        """Say whether the artist wants the job stopped.

        Fires at every `Session.poll`, on its thread; every plugin is asked. After the first ``True`` the worker stops
        within a frame, and the job fails with a `CancelledError`. An error raised here ends the job.
        """

    @_hookspec
    def stcn_deliver_mattes(self, request: JobRequest, report: Report) -> None:
        """Bring the mattes into the artist's script.

        Fires once, when all mattes are on disk, on the thread that called `Session.deliver`: a host's main thread. An
        error raised here is the job's, though its mattes are there.

        Args:
            request: What was propagated, keyframes included.
            report: What was written.
        """

    @_hookspec
    def stcn_job_failed(self, error: STCNError) -> None:
        """Tell the artist that the job failed or was cancelled: not all mattes are there, or not in the script.

        Fires once, after whatever failed, on the thread that called the session's method. An error raised here is
        reported as a warning.
        """
