"""Blender as a host: a plugin of the same interface as Nuke and the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import bpy

from stcn_plugin.bridge import JobRequest, KeyframeFile, Progress, Report, hookimpl
from stcn_plugin.errors import HostError, STCNError

from .choices import SHOT_ENDING, Choices, frames_of, shot_file_of
from .compositing import deliver
from .exr_windows import place, windows
from .kept import JobStatus
from .masks import edited_layers, find_mask, keyed_frames, layers_at, render_layers

_MATTE = "R"
"""Channel of a rendered keyframe that holds the matte; all three are alike."""


class BlenderHost:
    """Collects from a scene and brings the mattes into its compositor.

    Args:
        choices: What the artist chose.
        status: Told how far the job is.
        update: Frame of the scene whose keyframe is new or changed; ``None`` propagates the whole shot.
        on_progress: Called when the status has changed.
    """

    def __init__(
        self,
        choices: Choices,
        status: JobStatus,
        *,
        update: int | None = None,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._choices = choices
        self._status = status
        self._update = update
        self._on_progress = on_progress

    @hookimpl
    def stcn_collect_shot(self) -> JobRequest:
        """Return the shot as the panel says it."""
        if self._update is not None:
            return self._choices.update_request(self._update)
        request, warnings = self._choices.request()
        self._status.warnings += warnings
        return request

    @hookimpl
    def stcn_render_keyframes(self, request: JobRequest, folder: str) -> Sequence[KeyframeFile] | None:
        """Have the compositor draw every layer of the mask at its keyframes."""
        if self._choices.keyframe_kind != "MASK":
            return None
        mask = find_mask(self._choices.mask)
        shift = self._choices.plate.shift
        file = first_file(self._choices)
        size = picture_size(file)
        mattes = render_layers(
            mask,
            self._keyframes_of(mask),
            scene=bpy.data.scenes[self._choices.scene],
            size=size,
            folder=Path(folder),
            stem=stem_of(request),
            shift=shift,
        )
        found = windows(file)
        if found and found[0] != found[1] and size == (found[0][2] - found[0][0] + 1, found[0][3] - found[0][1] + 1):
            for each in mattes:
                place(Path(each.file), *found)
        return [KeyframeFile(each.frame + shift, each.file, {each.layer: _MATTE}) for each in mattes]

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        """Move the bar of the panel."""
        self._status.done, self._status.total = progress.done, progress.total
        self._status.text = f"Frame {progress.frame - self._choices.plate.shift}"
        self._on_progress()

    @hookimpl
    def stcn_show_warning(self, text: str) -> None:
        """Keep a warning for the panel."""
        self._status.warnings.append(text)

    @hookimpl
    def stcn_is_cancelled(self) -> bool:
        """Tell whether the artist pressed Cancel."""
        return self._status.is_cancelled

    @hookimpl
    def stcn_deliver_mattes(self, request: JobRequest, report: Report) -> None:
        """Put the mattes into the compositor, and remember the shot file for updates."""
        scene = bpy.data.scenes.get(self._choices.scene)
        if scene is None:
            raise HostError("the scene is gone; the mattes are on disk", where=self._choices.scene)
        shot_file = report.shot_file or request.save_as or ""
        deliver(scene, self._choices, report, shot_file=shot_file)
        scene.stcn.shot_file = shot_file

    @hookimpl
    def stcn_job_failed(self, error: STCNError) -> None:
        """Keep the error for the panel."""
        self._status.error = str(error)

    def _keyframes_of(self, mask: bpy.types.Mask) -> dict[str, Sequence[int]]:
        """Return every layer's keyframes, as frames of the scene."""
        if self._update is not None:
            return {layer: [self._update] for layer in edited_layers(mask, self._update)}
        if self._choices.keyframes_at:
            at: dict[str, list[int]] = {}
            for frame in frames_of(self._choices.keyframes_at):
                for layer in layers_at(mask, frame):
                    at.setdefault(layer, []).append(frame)
            return dict(at)
        frames = self._choices.frames
        keys = keyed_frames(mask, range(frames[0], frames[-1] + 1))
        wanted = {layer: [frame for frame in found if frame in set(frames)] for layer, found in keys.items()}
        current = bpy.data.scenes[self._choices.scene].frame_current
        for layer, found in wanted.items():
            if not found:
                self._status.warnings.append(
                    f"the mask layer '{layer}' does not move in the range; it is taken as right at frame {current}"
                )
                wanted[layer] = [current]
        return dict(wanted)


def stem_of(request: JobRequest) -> str:
    """Return what the names of a request's rendered keyframes start with: the name of its shot file."""
    file = shot_file_of(request.out) if request.out else request.shot_file or ""
    return Path(file).name.removesuffix(SHOT_ENDING)


def first_file(choices: Choices) -> Path:
    """Return the first file of the plate that is on disk, else the one that Blender names."""
    numbers = choices.plate.files.numbers_on_disk()
    return choices.plate.files.path(numbers[0] if numbers else int(choices.plate.files.number))


def picture_size(file: Path) -> tuple[int, int]:
    """Return width and height of a picture as Blender shows it.

    Raises:
        HostError: It cannot be read.
    """
    try:
        image = bpy.data.images.load(str(file))
    except RuntimeError:
        raise HostError(
            "Blender cannot read this file of the plate", where=str(file), fix="Check that it is there"
        ) from None
    try:
        width, height = image.size
    finally:
        bpy.data.images.remove(image)
    if not width or not height:
        raise HostError("Blender cannot read this file of the plate", where=str(file), fix="Check that it is whole")
    return width, height
