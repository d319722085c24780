"""A host that writes down what it is told, and the job that it asks for."""

from __future__ import annotations

import threading

from stcn_plugin.bridge import JobRequest, KeyframeFile, hookimpl

REQUEST = JobRequest(plate="p.####.exr", out="/show/sh010/m.####.exr", keyframes=(KeyframeFile(1001, "given.png"),))
RENDERED = KeyframeFile(1010, "rendered.png")


class Recorder:
    """A host that writes down what it is told, and with what it answers or raises at each hook."""

    def __init__(self, **answers):
        self.answers = {"stcn_collect_shot": REQUEST, "stcn_render_keyframes": [RENDERED], **answers}
        self.told = []
        self.threads = {}

    def _fires(self, hook, *arguments):
        self.told.append((hook, *arguments))
        self.threads.setdefault(hook, set()).add(threading.get_ident())
        answer = self.answers.get(hook)
        if callable(answer) and not isinstance(answer, type):
            answer = answer()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def hooks(self):
        return [each[0] for each in self.told if each[0] != "stcn_is_cancelled"]

    def of(self, hook):
        return [each[1:] for each in self.told if each[0] == hook]

    @hookimpl
    def stcn_collect_shot(self):
        return self._fires("stcn_collect_shot")

    @hookimpl
    def stcn_render_keyframes(self, request, folder):
        return self._fires("stcn_render_keyframes", request, folder)

    @hookimpl
    def stcn_show_progress(self, progress):
        self._fires("stcn_show_progress", progress.frame)

    @hookimpl
    def stcn_show_frame(self, frame, files):
        self._fires("stcn_show_frame", frame, files)

    @hookimpl
    def stcn_show_warning(self, text):
        self._fires("stcn_show_warning", text)

    @hookimpl
    def stcn_is_cancelled(self):
        return self._fires("stcn_is_cancelled")

    @hookimpl
    def stcn_deliver_mattes(self, request, report):
        self._fires("stcn_deliver_mattes", request, report)

    @hookimpl
    def stcn_job_failed(self, error):
        self._fires("stcn_job_failed", error)
