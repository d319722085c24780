"""A host that records the calls of its hooks, and its job."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from stcn_plugin.bridge import JobRequest, KeyframeFile, Progress, Report, hookimpl
from stcn_plugin.errors import STCNError

REQUEST = JobRequest(plate="p.####.exr", out="/show/sh010/m.####.exr", keyframes=(KeyframeFile(1001, "given.png"),))
RENDERED = KeyframeFile(1010, "rendered.png")


class Recorder:
    """A host that records the calls of its hooks, and returns or raises what a test sets for each."""

    def __init__(self, **results: Any) -> None:
        self.results: dict[str, Any] = {"stcn_collect_shot": REQUEST, "stcn_render_keyframes": [RENDERED], **results}
        self.calls: list[tuple[Any, ...]] = []
        self.threads: dict[str, set[int]] = {}
        self.warn: Callable[[str], None] = lambda _: None

    def hooks(self) -> list[str]:
        """Return the names of the hooks in the order of their calls."""
        return [call[0] for call in self.calls if call[0] != "stcn_is_cancelled"]

    def of(self, hook: str) -> list[tuple[Any, ...]]:
        """Return the arguments of the calls of a hook."""
        return [call[1:] for call in self.calls if call[0] == hook]

    @hookimpl
    def stcn_collect_shot(self, warn: Callable[[str], None]) -> Any:
        self.warn = warn
        return self._called("stcn_collect_shot")

    @hookimpl
    def stcn_render_keyframes(self, request: JobRequest, folder: str) -> Any:
        return self._called("stcn_render_keyframes", request, folder)

    @hookimpl
    def stcn_prepare_mattes(self, request: JobRequest, report: Report) -> None:
        self._called("stcn_prepare_mattes", request, report)

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        self._called("stcn_show_progress", progress.frame)

    @hookimpl
    def stcn_show_frame(self, frame: int, files: Sequence[str]) -> None:
        self._called("stcn_show_frame", frame, files)

    @hookimpl
    def stcn_show_warning(self, text: str) -> None:
        self._called("stcn_show_warning", text)

    @hookimpl
    def stcn_is_cancelled(self) -> Any:
        return self._called("stcn_is_cancelled")

    @hookimpl
    def stcn_deliver_mattes(self, request: JobRequest, report: Report) -> None:
        self._called("stcn_deliver_mattes", request, report)

    @hookimpl
    def stcn_job_failed(self, error: STCNError) -> None:
        self._called("stcn_job_failed", error)

    def _called(self, hook: str, *arguments: Any) -> Any:
        self.calls.append((hook, *arguments))
        self.threads.setdefault(hook, set()).add(threading.get_ident())
        result = self.results.get(hook)
        if callable(result) and not isinstance(result, type):
            result = result()
        if isinstance(result, BaseException):
            raise result
        return result
