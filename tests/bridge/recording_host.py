"""A host that records the calls of its hooks, and its job."""

from __future__ import annotations

import threading

from stcn_plugin.bridge import JobRequest, KeyframeFile, hookimpl

REQUEST = JobRequest(plate="p.####.exr", out="/show/sh010/m.####.exr", keyframes=(KeyframeFile(1001, "given.png"),))
RENDERED = KeyframeFile(1010, "rendered.png")


class Recorder:
    """A host that records the calls of its hooks, and returns or raises what a test sets for each."""

    def __init__(self, **results):
        self.results = {"stcn_collect_shot": REQUEST, "stcn_render_keyframes": [RENDERED], **results}
        self.calls = []
        self.threads = {}

    def _called(self, hook, *arguments):
        self.calls.append((hook, *arguments))
        self.threads.setdefault(hook, set()).add(threading.get_ident())
        result = self.results.get(hook)
        if callable(result) and not isinstance(result, type):
            result = result()
        if isinstance(result, BaseException):
            raise result
        return result

    def hooks(self):
        return [each[0] for each in self.calls if each[0] != "stcn_is_cancelled"]

    def of(self, hook):
        return [each[1:] for each in self.calls if each[0] == hook]

    @hookimpl
    def stcn_collect_shot(self, warn):
        self.warn = warn
        return self._called("stcn_collect_shot")

    @hookimpl
    def stcn_render_keyframes(self, request, folder):
        return self._called("stcn_render_keyframes", request, folder)

    @hookimpl
    def stcn_show_progress(self, progress):
        self._called("stcn_show_progress", progress.frame)

    @hookimpl
    def stcn_show_frame(self, frame, files):
        self._called("stcn_show_frame", frame, files)

    @hookimpl
    def stcn_show_warning(self, text):
        self._called("stcn_show_warning", text)

    @hookimpl
    def stcn_is_cancelled(self):
        return self._called("stcn_is_cancelled")

    @hookimpl
    def stcn_deliver_mattes(self, request, report):
        self._called("stcn_deliver_mattes", request, report)

    @hookimpl
    def stcn_job_failed(self, error):
        self._called("stcn_job_failed", error)
