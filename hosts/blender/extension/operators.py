"""The buttons that have the worker do something: propagate, update, cancel, test."""

from __future__ import annotations

from typing import ClassVar

import bpy

from stcn_plugin.errors import CancelledError, STCNError

from .choices import Choices
from .kept import KEPT
from .preferences import worker_lines, worker_python
from .runs import Run

_EDITORS = ("NODE_EDITOR", "CLIP_EDITOR", "IMAGE_EDITOR")
_TICK = 0.1
"""Seconds between two looks at the worker."""
_HOW_TO_STOP = "Cancel in the STCN panel stops"


class _WhileBlenderIsUsable:
    """A modal operator that looks at the worker on every tick of a timer, and lets all other events pass."""

    bl_options: ClassVar[set[str]] = {"REGISTER"}

    def _begin(self, context: bpy.types.Context) -> set[str]:
        manager = context.window_manager
        self._timer = manager.event_timer_add(_TICK, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def _end(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        _redraw(context)

    def _fail(self, error: STCNError) -> set[str]:
        """Tell an error in Blender's own way."""
        self.report({"WARNING" if isinstance(error, CancelledError) else "ERROR"}, str(error))
        return {"CANCELLED"}


class _RunsJob(_WhileBlenderIsUsable):
    """Runs a job: modal where somebody watches, else to its end."""

    _run: Run

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """One job at a time."""
        cls.poll_message_set("A job is running; wait for it, or cancel it first")
        return not KEPT.status.is_running

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Collect, render the keyframes and start."""
        try:
            choices = Choices.of(context.scene)
            self._run = Run(
                choices, worker_python(), update=self._updated(context), on_progress=lambda: _redraw(context)
            )
            if bpy.app.background:
                self._run.wait()
                return self._done()
        except STCNError as error:
            return self._fail(error)
        context.window_manager.progress_begin(0, 100)
        self._tell(context, f"STCN: starting · {_HOW_TO_STOP}")
        return self._begin(context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Take what the worker has told since."""
        status = self._run.status
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            report = self._run.poll()
        except STCNError as error:
            self._end(context)
            return self._fail(error)
        if report is None:
            if status.is_cancelled:
                self._tell(context, "STCN: stopping after this frame")
            elif status.total:
                context.window_manager.progress_update(int(100 * status.share))
                self._tell(context, f"STCN: {status.text}, step {status.done} of {status.total} · {_HOW_TO_STOP}")
            return {"PASS_THROUGH"}
        self._end(context)
        bpy.ops.ed.undo_push(message=self.bl_label)
        return self._done()

    def cancel(self, context: bpy.types.Context) -> None:
        """Stop: Blender is closing, or another file is opened."""
        self._run.abandon()
        self._end(context)

    def _updated(self, _context: bpy.types.Context) -> int | None:
        return None

    def _done(self) -> set[str]:
        for text in self._run.status.warnings:
            self.report({"WARNING"}, text)
        self.report({"INFO"}, f"Mattes: {self._run.status.text}")
        return {"FINISHED"}

    def _tell(self, context: bpy.types.Context, text: str | None) -> None:
        if context.workspace:
            context.workspace.status_text_set(text)

    def _end(self, context: bpy.types.Context) -> None:
        self._tell(context, None)
        context.window_manager.progress_end()
        super()._end(context)


class STCN_OT_propagate(_RunsJob, bpy.types.Operator):  # noqa: N801 - Blender's own naming
    """Propagate the keyframes over the plate and bring the mattes into the compositor."""

    bl_idname = "stcn.propagate"
    bl_label = "Propagate"


class STCN_OT_update(_RunsJob, bpy.types.Operator):  # noqa: N801
    """Take the matte at this frame as a keyframe, and compute only the frames again that it changes.

    Of a mask, it is a keyframe of the layers with selected points; where none is selected, of the active layer.
    """

    bl_idname = "stcn.update"
    bl_label = "Add Keyframe Here"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where something was propagated."""
        cls.poll_message_set("Nothing was propagated in this scene yet, or a job is running")
        return bool(context.scene.stcn.shot_file) and not KEPT.status.is_running

    def _updated(self, context: bpy.types.Context) -> int:
        return context.scene.frame_current


class STCN_OT_cancel(bpy.types.Operator):  # noqa: N801
    """Stop the job after the frame it is at; the mattes written so far are whole."""

    bl_idname = "stcn.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Only where a job runs."""
        return KEPT.status.is_running

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Ask for the end."""
        KEPT.status.is_cancelled = True
        KEPT.status.text = "Stopping"
        _redraw(context)
        return {"FINISHED"}


class STCN_OT_test_worker(_WhileBlenderIsUsable, bpy.types.Operator):  # noqa: N801
    """Start the worker and ask it for its version, devices, weights and presets."""

    bl_idname = "stcn.test_worker"
    bl_label = "Test the Worker"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Not while a job runs."""
        return not KEPT.status.is_running

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start it."""
        try:
            KEPT.ask(worker_python())
        except STCNError as error:
            return self._fail(error)
        if bpy.app.background:
            KEPT.wait()
            return self._tell()
        return self._begin(context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Wait for its answer."""
        if event.type != "TIMER" or KEPT.is_asking:
            return {"PASS_THROUGH"}
        self._end(context)
        return self._tell()

    def cancel(self, context: bpy.types.Context) -> None:
        """Stop waiting."""
        self._end(context)

    def _tell(self) -> set[str]:
        if KEPT.failure:
            return self._fail(KEPT.failure)
        self.report({"INFO"}, ". ".join(worker_lines()))
        return {"FINISHED"}


_CLASSES = (STCN_OT_propagate, STCN_OT_update, STCN_OT_cancel, STCN_OT_test_worker)


def _redraw(context: bpy.types.Context) -> None:
    """Have every panel of this extension drawn again."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in _EDITORS or area.type == "PREFERENCES":
                area.tag_redraw()


register, unregister = bpy.utils.register_classes_factory(_CLASSES)
