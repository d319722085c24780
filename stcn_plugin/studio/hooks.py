"""The studio hooks, which a studio plugin implements to extend the worker.

The built-in behaviour (plates read by OpenImageIO, presets and weights of the package) is itself a plugin of these hooks,
and is called last. Every hook's docstring states when it is called, on which thread, what happens if it raises, and what
happens if several plugins implement it. ``docs/reference/hooks.md`` is generated from these docstrings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from stcn_plugin.bridge.hooks import PROJECT
from stcn_plugin.bridge.report import Report
from stcn_plugin.errors import STCNError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stcn_plugin.media.plate_files import PlateFiles

_hookspec = pluggy.HookspecMarker(PROJECT)


class StudioHooks:
    """Studio hooks run in the worker. They are listed in the order of a job.

    *The main thread* is the worker's main thread, which runs the job.
    """

    @_hookspec
    def stcn_preset_folders(self) -> Sequence[Path] | None:
        """Return folders with presets.

        They are searched after the folders of `STCN_PRESET_PATH` and before the built-in presets.

        When: Whenever presets are looked up: for a job, for a panel's menu, and by `stcn presets`.
        Thread: The main thread.
        On error: The job fails.
        Several plugins: All are called. If two presets have the same name, the first one found is used.

        Example:
            @hookimpl
            def stcn_preset_folders() -> Sequence[Path]:
                return [Path("/shows/badger/presets")]
        """

    @_hookspec
    def stcn_weights_files(self) -> Mapping[str, Path] | None:
        """Return weights by name, each a ``.safetensors`` file.

        Weights of the same name in the weights store take precedence. The names of the weights in the package
        (`starter`, `starter-free`) are reserved.

        When: Whenever weights are looked up: for a job, for a panel's menu, and by `stcn weights`.
        Thread: The main thread.
        On error: The job fails.
        Several plugins: All are called. If two plugins use the same name, the first one found is used.

        Example:
            @hookimpl
            def stcn_weights_files() -> Mapping[str, Path]:
                return {"badger_fur": Path("/shows/badger/weights/fur_v3.safetensors")}
        """

    @_hookspec(firstresult=True)
    def stcn_open_plate(self, pattern: str, part: str | None, layer: str | None) -> PlateFiles | None:
        """Return a reader for the plate, or ``None`` to leave it to the next plugin and finally to OpenImageIO.

        The reader (`stcn_plugin.studio.PlateFiles`) has two methods:

        - ``header(path, *, where)`` returns a `FrameHeader`: windows, pixel aspect, timecode and frame rate. It is
          called for every file before the job starts.
        - ``picture(path, *, where)`` returns a `PlatePicture`: the header, float32 pixels of shape ``(H, W, 3)`` or
          ``(H, W, 1)``, whether the file stores floats, and its colour space.

        Both may be called from several threads at the same time. ``where`` names the frame and the file, for error
        messages. Missing frames, the check of the format, overscan, resizing and colour work as for any other plate.
        Every frame needs a separate file, with any extension. If the extension is not that of an image format, the plate
        must be given as a pattern with ``####``, not as the name of one file.

        When: Once per shot, before anything is read.
        Thread: The main thread. The reader itself is used by several threads.
        On error: The job fails, also if a method of the reader raises.
        Several plugins: The first result is used.

        Args:
            pattern: The plate's frame pattern. Check its extension or folder to decide whether to read it.
            part: The part of a multi-part EXR that `read.part` names.
            layer: The layer that `read.layer` names.

        Example:
            @hookimpl
            def stcn_open_plate(pattern: str) -> PlateFiles | None:
                return VaultPlates() if pattern.startswith("/vault/") else None
        """

    @_hookspec
    def stcn_shot_started(self, out: str, frames: Sequence[int], objects: Sequence[str]) -> None:
        """Called when a shot starts. All checks have passed; nothing has been written yet.

        When: Once per shot.
        Thread: The main thread.
        On error: The error is reported as a warning.
        Several plugins: All are called.

        Args:
            out: Frame pattern of the mattes.
            frames: The frames to be written.
            objects: Names of all objects.

        Example:
            @hookimpl
            def stcn_shot_started(out: str, frames: Sequence[int]) -> None:
                tracker.post(status="running", out=out, frames=len(frames))
        """

    @_hookspec
    def stcn_process_mattes(
        self, frame: int, mattes: Mapping[str, NDArray[np.float32]]
    ) -> Mapping[str, NDArray[np.float32]] | None:
        """Change the mattes of a frame before they are written, or return ``None`` to leave them as they are.

        Mattes with NaN, values outside 0-1 or another shape are an error. If the objects of a pixel then add up to more
        than 1, they are scaled to 1. Overlays show the changed mattes.

        When: Once per frame, including keyframes, before its files are written.
        Thread: The thread that writes the files. A slow hook slows down writing and so the job.
        On error: The job fails. Frames that are already on disk are complete.
        Several plugins: All are called. Each gets the mattes that the one before it returned.

        Args:
            frame: The frame number.
            mattes: Object name to matte, ``(H, W)`` float32 in 0-1. The arrays are read-only.

        Returns:
            New mattes by name, of the same shape, in 0-1. Objects that are left out keep their matte.

        Example:
            @hookimpl
            def stcn_process_mattes(mattes: Mapping[str, NDArray[np.float32]]) -> Mapping[str, NDArray[np.float32]]:
                return {name: ndimage.gaussian_filter(matte, 1.5) for name, matte in mattes.items()}
        """

    @_hookspec
    def stcn_frame_written(self, frame: int, files: Sequence[Path]) -> None:
        """Called when the mattes of a frame are on disk.

        When: Once per frame, in the order in which frames are written, which is not ascending.
        Thread: The thread that writes the files.
        On error: The error is reported as a warning, once per shot.
        Several plugins: All are called.

        Args:
            frame: The frame number.
            files: The frame's matte files.

        Example:
            @hookimpl
            def stcn_frame_written(frame: int, files: Sequence[Path]) -> None:
                for file in files:
                    asset_system.register(file, frame=frame)
        """

    @_hookspec
    def stcn_shot_finished(self, report: Report) -> None:
        """Called when a shot is done and all its files are on disk.

        When: Once per shot.
        Thread: The main thread.
        On error: The error is reported as a warning.
        Several plugins: All are called.

        Args:
            report: The result.

        Example:
            @hookimpl
            def stcn_shot_finished(report: Report) -> None:
                tracker.post(status="done", mattes=dict(report.patterns), warnings=list(report.warnings))
        """

    @_hookspec
    def stcn_shot_failed(self, out: str, error: STCNError) -> None:
        """Called when a shot that had started failed or was cancelled.

        When: Instead of `stcn_shot_finished`.
        Thread: The main thread.
        On error: The error is reported as a warning.
        Several plugins: All are called.

        Args:
            out: Frame pattern of the mattes.
            error: The reason; a `CancelledError` if the user cancelled.

        Example:
            @hookimpl
            def stcn_shot_failed(out: str, error: STCNError) -> None:
                tracker.post(status="failed", out=out, reason=str(error))
        """
