"""The studio interface: what a studio's plugin may implement to extend the pipeline. All hooks fire in the worker.

The built-in ways (plates by OpenImageIO, presets and weights inside the package) are a plugin of the same interface, asked
last. *The main thread* is the one that runs the job.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from stcn_plugin.bridge.job import Report
from stcn_plugin.bridge.plugins import PROJECT
from stcn_plugin.errors import STCNError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stcn_plugin.media.plate_files import PlateFiles

_hookspec = pluggy.HookspecMarker(PROJECT)


class StudioHooks:
    """Hooks of the pipeline, in the order in which they fire."""

    @_hookspec
    def stcn_preset_folders(self) -> Sequence[Path] | None:
        """Name folders of presets, searched after those of ``STCN_PRESET_PATH`` and before the built-in ones.

        Fires whenever presets are looked up, on the main thread. An error raised here ends the job.
        """

    @_hookspec
    def stcn_weights_files(self) -> Mapping[str, Path] | None:
        """Name weights beside those of the store, which come first: name to ``.safetensors`` file.

        Fires whenever weights are looked up, on the main thread. An error raised here ends the job.
        """

    @_hookspec(firstresult=True)
    def stcn_open_plate(self, pattern: str, part: str | None, layer: str | None) -> PlateFiles | None:
        """Take over the reading of a plate; ``None`` leaves it to the next plugin, and in the end to OpenImageIO.

        Fires once a shot, before anything is read, on the main thread; what it returns is used by several threads. An
        error raised here, or by what it returns, ends the job.

        Args:
            pattern: The plate's frame pattern; for deciding by its ending or folder.
            part: Part of a multi-part EXR that the settings name.
            layer: Layer that the settings name.
        """

    @_hookspec
    def stcn_shot_started(self, out: str, frames: Sequence[int], objects: Sequence[str]) -> None:
        """Be told that a shot starts: everything is checked, nothing is written.

        Fires once a shot, on the main thread. An error raised here is reported as a warning.

        Args:
            out: Frame pattern of the mattes.
            frames: Frames that will be written.
            objects: Names of all objects.
        """

    @_hookspec
    def stcn_process_mattes(
        self, frame: int, mattes: Mapping[str, NDArray[np.float32]]
    ) -> Mapping[str, NDArray[np.float32]] | None:
        """Change a frame's mattes before they are written; ``None`` leaves them as they are.

        Fires once a frame, keyframes too, on the thread that writes; several plugins follow one another, each given
        what the one before gave. An error raised here ends the job. Overlays show what comes out. Where it sums to
        more than 1 over the objects, it is scaled to 1.

        Args:
            frame: Frame number.
            mattes: Object name to ``(H, W)`` float32 in 0-1; arrays are read-only.

        Returns:
            Mattes of the same names and shapes, in 0-1; names left out stay as they are.
        """

    @_hookspec
    def stcn_frame_written(self, frame: int, files: Sequence[Path]) -> None:
        """Be told that a frame's mattes are on disk.

        Fires once a frame, in the order in which they are written, on the thread that writes. An error raised here is
        reported as a warning.

        Args:
            frame: Frame number.
            files: Its matte files.
        """

    @_hookspec
    def stcn_shot_finished(self, report: Report) -> None:
        """Be told that a shot is done, all files on disk.

        Fires once a shot, on the main thread. An error raised here is reported as a warning.

        Args:
            report: What was written.
        """

    @_hookspec
    def stcn_shot_failed(self, out: str, error: STCNError) -> None:
        """Be told that a shot that had started ended with an error, or was cancelled.

        Fires in place of `stcn_shot_finished`, on the main thread. An error raised here is reported as a warning.

        Args:
            out: Frame pattern of the mattes.
            error: What ended it; a `CancelledError` where the user did.
        """
