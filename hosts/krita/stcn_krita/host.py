"""Krita as a plugin of the host hooks: a job from the layers of a document to its layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import final

from krita import Document

from stcn_plugin.bridge import JobRequest, KeyframeFile, Report, hookimpl
from stcn_plugin.bridge.files import keyframe_path
from stcn_plugin.errors import HostError

from .matte_layers import MatteLoading
from .object_layers import key_frames, object_layers, save_matte
from .shot_settings import ShotSettings

_LAYOUT = "per_object"
"""The layout of matte files that Krita reads."""


@final
class KritaHost:
    """Runs one job.

    Args:
        document: The document, with its settings.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._settings = ShotSettings.of(document)
        self._loading: MatteLoading | None = None

    @property
    def remaining(self) -> int:
        """Number of mattes on disk that are not loaded yet."""
        return self._loading.remaining if self._loading else 0

    def load_next(self) -> bool:
        """Load one matte that is on disk; return whether there was any."""
        return self._loading is not None and self._loading.load_next()

    def load_all(self, report: Report) -> None:
        """Make `load_next` load all mattes of a job that is done."""
        if report.layout == _LAYOUT:
            self._load_from(report).add_all()

    @hookimpl
    def stcn_collect_shot(self) -> JobRequest:
        """Return the request that the settings of the document describe."""
        return self._settings.request(self._document)

    @hookimpl
    def stcn_render_keyframes(
        self, request: JobRequest, folder: str, warn: Callable[[str], None]
    ) -> Sequence[KeyframeFile]:
        """Write every object at its keyframes, without those at which nothing is painted."""
        self._document.waitForDone()
        frames, shift = self._settings.frames, self._settings.shift
        found = []
        for layer in object_layers(self._document):
            name = layer.name()
            times: list[int | None] = [*key_frames(self._document, layer, frames)] if layer.animated() else [None]
            for time in times:
                frame = self._still_frame(layer.uniqueId().toString(), frames) if time is None else time
                file = Path(keyframe_path(request, folder, name, frame + shift)).with_suffix(".png")
                if not save_matte(self._document, layer, time, file):
                    continue
                found.append(KeyframeFile(frame + shift, str(file), {name: name}))
                if time is None:
                    warn(f"the layer '{name}' has no keyframes; it is a keyframe at frame {frame}")
        if not found:
            raise HostError(
                "nothing is painted in the frame range",
                where=self._document.name(),
                fix="Go to a frame, press Add Keyframe, and paint the object on its layer",
            )
        return found

    @hookimpl
    def stcn_prepare_mattes(self, report: Report) -> None:
        """Get ready to load the mattes."""
        if report.layout == _LAYOUT:
            self._load_from(report)

    @hookimpl
    def stcn_show_frame(self, frame: int) -> None:
        """Remember which mattes can be loaded."""
        if self._loading is not None:
            self._loading.add_frame(frame)

    @hookimpl
    def stcn_deliver_mattes(self, report: Report) -> None:
        """Load the mattes that are not loaded yet, and show all of them."""
        if report.layout != _LAYOUT:
            raise HostError(
                f"the mattes are on disk, but Krita cannot show the layout {report.layout}",
                where="output.layout",
                fix="Leave output.layout out of the settings to get a layer for each object",
            )
        loading = self._load_from(report)
        loading.add_all()
        while loading.load_next():
            pass
        self._show()
        settings = ShotSettings.of(self._document)
        settings.weights_used = report.weights.text if report.weights else settings.weights_used
        settings.shot_file = report.shot_file or settings.shot_file
        settings.store(self._document)

    @hookimpl
    def stcn_job_failed(self) -> None:
        """Show the mattes that were loaded before the job failed or was cancelled."""
        if self._loading is not None:
            self._show()

    def _show(self) -> None:
        loading, self._loading = self._loading, None
        if loading is not None:
            loading.show()

    def _load_from(self, report: Report) -> MatteLoading:
        if self._loading is None:
            shift = self._settings.shift
            frames = range(report.first - shift, report.last - shift + 1)
            self._loading = MatteLoading(self._document, report.patterns, frames=frames, shift=shift)
        return self._loading

    def _still_frame(self, layer: str, frames: Sequence[int]) -> int:
        """Return the frame at which a layer without keyframes is one: the current frame of its first job."""
        settings = ShotSettings.of(self._document)
        frame = settings.still.get(layer)
        if frame is None or frame not in frames:
            frame = settings.still[layer] = self._document.currentTime()
            settings.store(self._document)
        return frame
