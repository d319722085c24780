"""The host hooks, which a plugin inside a compositing tool implements, as for Nuke, Blender and the command line.

Every hook's docstring states when it is called, on which thread, what happens if it raises, and what happens if several
plugins implement it. ``docs/reference/hooks.md`` is generated from these docstrings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pluggy

from stcn_plugin.bridge.hooks import PROJECT
from stcn_plugin.bridge.job import JobRequest, KeyframeFile, Progress
from stcn_plugin.bridge.report import Report
from stcn_plugin.errors import STCNError

_hookspec = pluggy.HookspecMarker(PROJECT)


class HostHooks:
    """Host hooks run inside a compositing tool and are called by a `Session`. They are listed in the order of a job.

    `Session.run` calls all of them on one thread. A tool that has to stay responsive calls `Session.prepare` and
    `Session.deliver` on its main thread and `Session.poll` from a timer or another thread.
    """

    @_hookspec(firstresult=True)
    def stcn_collect_shot(self, warn: Callable[[str], None]) -> JobRequest | None:
        """Return the request of the job: the plate, the pattern of the mattes, range, preset and settings.

        Include keyframes that are already files. `stcn_render_keyframes` adds the others.

        When: Once per job, before any other hook.
        Thread: The thread that called `Session.prepare`, usually the tool's main thread.
        On error: The job fails. It also fails if no plugin returns a request.
        Several plugins: The first result is used.

        Args:
            warn: Shows a warning to the artist, by `stcn_show_warning`.

        Example:
            @hookimpl
            def stcn_collect_shot(self) -> JobRequest:
                return JobRequest(plate=self.plate, out=self.out, range="1001-1100", preset="hero")
        """

    @_hookspec(firstresult=True)
    def stcn_render_keyframes(
        self, request: JobRequest, folder: str, warn: Callable[[str], None]
    ) -> Sequence[KeyframeFile] | None:
        """Render the artist's roto at every keyframe to image files, at the plate's full format.

        Return ``None`` if all keyframes are already files.

        When: Once per job, after `stcn_collect_shot`.
        Thread: The thread that called `Session.prepare`.
        On error: The job fails.
        Several plugins: The first result is used.

        Args:
            request: The request that `stcn_collect_shot` returned.
            folder: Folder for the files. It may not exist yet. Keep the files: the shot file names them.
            warn: Shows a warning to the artist, by `stcn_show_warning`.

        Example:
            @hookimpl
            def stcn_render_keyframes(self, folder: str) -> Sequence[KeyframeFile]:
                return [KeyframeFile(frame, self.render_alpha(frame, folder), {"hero": "A"}) for frame in self.keyframes]
        """

    @_hookspec
    def stcn_prepare_mattes(self, request: JobRequest, report: Report) -> None:
        """Load the mattes that are about to be written, so that each appears as soon as it is on disk.

        Their files may be missing, or those of an earlier job. `stcn_deliver_mattes` follows unless the job fails.

        When: Once per job, after all checks and before the first matte is written. Never for some of its segments, or
            for a dry run.
        Thread: The thread that called `Session.poll`.
        On error: The error is shown as a warning.
        Several plugins: All are called.

        Args:
            request: The request, including the keyframes.
            report: The objects, layers and patterns of the mattes, and the first and last frame.

        Example:
            @hookimpl
            def stcn_prepare_mattes(self, report: Report) -> None:
                for name, pattern in report.patterns.items():
                    self.script.add_sequence(pattern, layer=report.layers[name], missing_frames="checkerboard")
        """

    @_hookspec
    def stcn_show_progress(self, progress: Progress) -> None:
        """Show the progress of the job.

        When: After every step. A frame between two keyframes takes two steps with `direction: both`.
        Thread: The thread that called `Session.poll`.
        On error: The error is shown as a warning, once per job.
        Several plugins: All are called.

        Args:
            progress: Steps done, steps in total, and the current frame.

        Example:
            @hookimpl
            def stcn_show_progress(self, progress: Progress) -> None:
                self.bar.set(progress.done / progress.total, f"frame {progress.frame}")
        """

    @_hookspec
    def stcn_show_frame(self, frame: int, files: Sequence[str]) -> None:
        """Show the mattes of a frame, which are now on disk.

        When: Once per frame, in the order in which frames are written.
        Thread: The thread that called `Session.poll`.
        On error: The error is shown as a warning, once per job.
        Several plugins: All are called.

        Args:
            frame: The frame number.
            files: The frame's matte files.

        Example:
            @hookimpl
            def stcn_show_frame(self, frame: int, files: Sequence[str]) -> None:
                self.viewer.reload(files)
        """

    @_hookspec
    def stcn_show_warning(self, text: str) -> None:
        """Show a warning. The job continues.

        When: Whenever the job has a warning.
        Thread: The thread that called the method of the `Session`.
        On error: The error is ignored.
        Several plugins: All are called.

        Args:
            text: The warning.

        Example:
            @hookimpl
            def stcn_show_warning(self, text: str) -> None:
                self.log.append(text)
        """

    @_hookspec
    def stcn_is_cancelled(self) -> bool | None:
        """Return whether the artist has cancelled the job.

        After the first ``True``, the worker stops within one frame and the job fails with a `CancelledError`.

        When: At every `Session.poll`.
        Thread: The thread that called `Session.poll`.
        On error: The job fails.
        Several plugins: All are called. The job is cancelled if any of them returns ``True``.

        Example:
            @hookimpl
            def stcn_is_cancelled(self) -> bool:
                return self.task.isCancelled()
        """

    @_hookspec
    def stcn_deliver_mattes(self, request: JobRequest, report: Report) -> None:
        """Load the mattes into the artist's script.

        The report lists only the files that this job wrote, which may be none. Its patterns, first and last frame are
        those of the whole shot.

        When: Once per job, when all mattes of the shot are on disk. Never for some of its segments, or for a dry run.
        Thread: The thread that called `Session.deliver`, usually the tool's main thread.
        On error: The job fails; the mattes stay on disk.
        Several plugins: All are called.

        Args:
            request: The request, including the keyframes.
            report: The result. `Report.patterns` has the files of each object, `Report.layers` its layer.

        Example:
            @hookimpl
            def stcn_deliver_mattes(self, report: Report) -> None:
                for name, pattern in report.patterns.items():
                    self.script.add_sequence(pattern, layer=report.layers[name])
        """

    @_hookspec
    def stcn_job_failed(self, error: STCNError) -> None:
        """Show that the job failed or was cancelled.

        Some mattes may be missing, or may be on disk but not in the script.

        When: Once per job, after the failure.
        Thread: The thread that called the `Session` method that failed.
        On error: The error is shown as a warning.
        Several plugins: All are called.

        Args:
            error: The reason; a `CancelledError` if the artist cancelled.

        Example:
            @hookimpl
            def stcn_job_failed(self, error: STCNError) -> None:
                self.dialog.show(str(error))
        """
