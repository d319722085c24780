"""Operators that use the worker: propagate, cancel, test."""

import bpy
from bpy.props import IntProperty

from stcn_plugin.bridge import BackgroundJob, Progress
from stcn_plugin.errors import CancelledError, STCNError

from .host import create_job
from .preferences import worker_lines
from .shot_settings import ShotSettings
from .state import STATE

_EDITORS = ("NODE_EDITOR", "CLIP_EDITOR", "IMAGE_EDITOR", "PREFERENCES")
_INTERVAL = 0.1
"""Seconds between two polls of the worker."""


class _ModalOperator(bpy.types.Operator):
    """A modal operator that polls the worker from a timer and passes all other events through."""

    bl_options = {"REGISTER"}  # noqa: RUF012 - declared like this by Blender
    _timer: bpy.types.Timer

    def _begin(self, context: bpy.types.Context) -> set[str]:
        manager = context.window_manager
        self._timer = manager.event_timer_add(_INTERVAL, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def _end(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        _redraw(context)

    def _report_error(self, error: STCNError) -> set[str]:
        self.report({"WARNING" if isinstance(error, CancelledError) else "ERROR"}, str(error))
        return {"CANCELLED"}


class STCN_OT_propagate(_ModalOperator):  # noqa: N801 - Blender's naming convention
    """Propagate the keyframes over the plate and add the mattes to the compositor.

    Only what is missing is done: after another keyframe, a changed setting, or a cancelled job. While a job is running,
    the next one waits for it.
    """

    bl_idname = "stcn.propagate"
    bl_label = "Propagate"

    _job: BackgroundJob
    _shown: Progress | None = None
    _before = 0

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Collect the shot, render the keyframes and queue the job; in background mode, run it to its end."""
        try:
            settings = ShotSettings.of(context.scene)
            self._job = create_job(settings, STATE.worker)
            if bpy.app.background:
                self._job.run()
                return self._report_result()
            self._job.prepare()
            STATE.add_job(self._job.status)
        except STCNError as error:
            return self._report_error(error)
        context.window_manager.progress_begin(0, 100)
        self._show_text(context, "Starting")
        return self._begin(context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Advance the job."""
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        status = self._job.status
        try:
            report = self._job.poll()
            if report is None:
                if status.is_cancelled:
                    self._show_text(context, status.text)
                elif status.jobs_before != self._before:
                    self._before = status.jobs_before
                    _redraw(context)
                elif status.progress is not None and status.progress is not self._shown:
                    self._shown = status.progress
                    context.window_manager.progress_update(int(100 * status.fraction))
                    self._show_text(context, f"{status.text}, step {status.progress.done} of {status.progress.total}")
                    _redraw(context)
                return {"PASS_THROUGH"}
            self._job.deliver(report)
        except STCNError as error:
            self._end(context)
            return self._report_error(error)
        self._end(context)
        bpy.ops.ed.undo_push(message=self.bl_label)
        return self._report_result()

    def cancel(self, context: bpy.types.Context) -> None:
        """Stop the job: Blender is closing, or opens another file."""
        self._job.abandon()
        self._end(context)

    def _report_result(self) -> set[str]:
        status = self._job.status
        for text in (*status.warnings, *(problem.text for problem in status.problems)):
            self.report({"WARNING"}, text)
        self.report({"INFO"}, f"Mattes: {status.text}")
        return {"FINISHED"}

    def _show_text(self, context: bpy.types.Context, text: str) -> None:
        if context.workspace:
            context.workspace.status_text_set(f"STCN: {text} · Cancel in the STCN panel stops the job")

    def _end(self, context: bpy.types.Context) -> None:
        if context.workspace and not STATE.running:
            context.workspace.status_text_set(None)
        context.window_manager.progress_end()
        super()._end(context)


class STCN_OT_cancel(bpy.types.Operator):  # noqa: N801
    """Cancel the job after the current frame; mattes on disk are complete, and Propagate goes on from there."""

    bl_idname = "stcn.cancel"
    bl_label = "Cancel"

    number: IntProperty(name="Job", description="0 for the running job, 1 for the next one, and so on")

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Only while a job is running."""
        return bool(STATE.running)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Cancel the job."""
        if self.number < len(STATE.running):
            STATE.running[self.number].is_cancelled = True
        _redraw(context)
        return {"FINISHED"}


class STCN_OT_test_worker(_ModalOperator):  # noqa: N801
    """Start the worker and show its version, devices and weights."""

    bl_idname = "stcn.test_worker"
    bl_label = "Test the Worker"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Not while the worker is in use."""
        return not STATE.running and not STATE.worker.is_describing

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start the worker."""
        STATE.worker.describe_in_background(refresh=True)
        if bpy.app.background:
            STATE.worker.wait_for_description()
            return self._report_result()
        return self._begin(context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Wait for the worker's answer."""
        if event.type != "TIMER" or STATE.worker.is_describing:
            return {"PASS_THROUGH"}
        self._end(context)
        return self._report_result()

    def cancel(self, context: bpy.types.Context) -> None:
        """Stop waiting."""
        self._end(context)

    def _report_result(self) -> set[str]:
        if STATE.worker.error:
            return self._report_error(STATE.worker.error)
        self.report({"INFO"}, ". ".join(worker_lines()))
        return {"FINISHED"}


def _redraw(context: bpy.types.Context) -> None:
    """Redraw the editors that show this extension's panels."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in _EDITORS:
                area.tag_redraw()


CLASSES = (STCN_OT_propagate, STCN_OT_cancel, STCN_OT_test_worker)
"""For Blender to register."""
