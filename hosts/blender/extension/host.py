"""Blender as a plugin of the host hooks: a job from the scene's settings to its compositor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import bpy

from stcn_plugin.bridge import BackgroundJob, JobRequest, JobStatus, KeyframeFile, Report, WarmWorker, hookimpl
from stcn_plugin.bridge.files import keyframe_path
from stcn_plugin.bridge.frame_notes import frame_notes
from stcn_plugin.errors import HostError

from .compositing import deliver, reload_images
from .exr_windows import read_windows, write_windows
from .frame_markers import mark_frames
from .masks import find_mask, keyed_frames, layers_at, render_layers
from .settings import scene_settings
from .shot_settings import ShotSettings, parse_keyframes_at
from .state import STATE

_MATTE = "R"
"""Channel of a rendered keyframe that has the matte; all three are the same."""


def create_job(settings: ShotSettings, worker: WarmWorker, *, plugins: Sequence[object] = ()) -> BackgroundJob:
    """Create a job, whose state the panels show.

    Args:
        settings: The settings of the scene.
        worker: The worker.
        plugins: Further plugins of the host hooks.

    Raises:
        WorkerError: No Python is set for the worker.
    """
    status = JobStatus(frame_shift=settings.plate.shift)
    STATE.status = status
    return BackgroundJob(BlenderHost(settings), worker, status=status, plugins=plugins)


class BlenderHost:
    """Runs one job.

    Args:
        settings: The settings of the scene.
    """

    def __init__(self, settings: ShotSettings) -> None:
        self._settings = settings
        self._to_come: tuple[JobRequest, Report] | None = None
        """Mattes whose nodes are added with the first file."""

    @hookimpl
    def stcn_collect_shot(self, warn: Callable[[str], None]) -> JobRequest:
        """Return the request that the settings describe."""
        request, warnings = self._settings.request()
        for text in warnings:
            warn(text)
        return request

    @hookimpl
    def stcn_render_keyframes(
        self, request: JobRequest, folder: str, warn: Callable[[str], None]
    ) -> Sequence[KeyframeFile] | None:
        """Render every layer of the mask at its keyframes."""
        if self._settings.keyframe_kind != "MASK":
            return None
        mask = find_mask(self._settings.mask)
        plate_file = _first_file(self._settings)
        size = _image_size(plate_file)
        shift = self._settings.plate.shift
        mattes = render_layers(
            mask,
            self._keyframes_of(mask, warn),
            scene=bpy.data.scenes[self._settings.scene],
            size=size,
            path=lambda layer, frame: Path(keyframe_path(request, folder, layer, frame + shift)),
        )
        windows = read_windows(plate_file)
        if windows and windows[0] != windows[1] and size == windows[0].size:
            for matte in mattes:
                write_windows(matte.file, *windows)
        return [KeyframeFile(matte.frame + shift, str(matte.file), {matte.layer: _MATTE}) for matte in mattes]

    @hookimpl
    def stcn_prepare_mattes(self, request: JobRequest, report: Report) -> None:
        """Remember the mattes: Blender knows the layers of an image only when a file is there."""
        self._to_come = request, report

    @hookimpl
    def stcn_show_frame(self, frame: int, files: Sequence[str]) -> None:
        """Add the nodes with the first mattes; then show those of the current frame."""
        scene: bpy.types.Scene | None = bpy.data.scenes.get(self._settings.scene)
        if scene is None:
            return
        if self._to_come is not None:
            (request, report), self._to_come = self._to_come, None
            shot_file = report.shot_file or request.save_as or ""
            deliver(scene, self._settings, report, shot_file=shot_file, written=frame)
        elif scene.frame_current + self._settings.plate.shift == frame:
            reload_images(frame, files)

    @hookimpl
    def stcn_deliver_mattes(self, request: JobRequest, report: Report) -> None:
        """Add the mattes to the compositor, and mark the frames to go to."""
        scene: bpy.types.Scene | None = bpy.data.scenes.get(self._settings.scene)
        if scene is None:
            raise HostError("the scene no longer exists; the mattes are on disk", where=self._settings.scene)
        shot_file = report.shot_file or request.save_as or ""
        deliver(scene, self._settings, report, shot_file=shot_file)
        scene_settings(scene).shot_file = shot_file
        mark_frames(scene, frame_notes(report, frame_shift=self._settings.plate.shift))

    def _keyframes_of(self, mask: bpy.types.Mask, warn: Callable[[str], None]) -> dict[str, Sequence[int]]:
        """Return the keyframes of every layer, as frames of the scene."""
        if self._settings.keyframes_at:
            at: dict[str, list[int]] = {}
            for frame in parse_keyframes_at(self._settings.keyframes_at):
                for layer in layers_at(mask, frame):
                    at.setdefault(layer, []).append(frame)
            return dict(at)
        frames = self._settings.frames
        keys = keyed_frames(mask, range(frames[0], frames[-1] + 1))
        keyframes = {layer: [key for key in found if key in set(frames)] for layer, found in keys.items()}
        still = {layer: self._frame_of_still_layer(mask, layer) for layer, found in keyframes.items() if not found}
        for frame in sorted(set(still.values())):
            names = [f"'{layer}'" for layer, at_frame in still.items() if at_frame == frame]
            warn(f"mask layers without a shape key in the range are keyframes at frame {frame}: {', '.join(names)}")
        return {**keyframes, **{layer: [frame] for layer, frame in still.items()}}

    def _frame_of_still_layer(self, mask: bpy.types.Mask, layer: str) -> int:
        """Return the frame at which a layer without keys is a keyframe: that of the first job, in any later job."""
        scene = bpy.data.scenes[self._settings.scene]
        known, name = scene_settings(scene).still_layers, f"{mask.name}/{layer}"
        entry = known.get(name)
        if entry is None or entry.frame not in self._settings.frames:
            entry = entry or known.add()
            entry.name, entry.frame = name, scene.frame_current
        return int(entry.frame)


def _first_file(settings: ShotSettings) -> Path:
    """Return the first file of the plate on disk; without one, the file that Blender names."""
    files = settings.plate.files
    numbers = files.numbers_on_disk()
    return files.path(numbers[0] if numbers else int(files.number))


def _image_size(file: Path) -> tuple[int, int]:
    """Return width and height of an image as Blender reads it.

    Raises:
        HostError: Blender cannot read it.
    """
    try:
        image = bpy.data.images.load(str(file))
    except RuntimeError:
        raise HostError(
            "Blender cannot read this file of the plate", where=str(file), fix="Check that it exists"
        ) from None
    try:
        width, height = image.size
    finally:
        bpy.data.images.remove(image)
    if not width or not height:
        raise HostError("Blender cannot read this file of the plate", where=str(file), fix="Check the file")
    return width, height
