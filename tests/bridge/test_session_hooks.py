"""The session and its hooks: which fire when, on which thread, and what becomes of a job when one of them fails."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace

import pytest
from fake_workers import REPORT, WORKING, fake, stopped_clients
from recording_host import RENDERED, REQUEST, Recorder

from stcn_plugin.bridge import HostHooks, JobRequest, Session, WorkerClient, hookimpl
from stcn_plugin.bridge.files import keyframe_folder
from stcn_plugin.errors import HostError, PlateError, PluginError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins end by POSIX signals")

client = pytest.fixture(stopped_clients)


def test_the_recorder_has_every_hook():
    """No hook is left out below."""
    named = {name for name in vars(HostHooks) if name.startswith("stcn_")}
    assert named == {name for name in vars(Recorder) if name.startswith("stcn_")}


def test_hooks_fire_in_order_on_the_callers_thread(client):
    """A run collects, renders, shows and delivers, all on the thread that called it; nothing failed."""
    host = Recorder()
    report = Session(host, client()).run()
    assert report == REPORT
    assert host.hooks() == [
        "stcn_collect_shot",
        "stcn_render_keyframes",
        "stcn_show_progress",
        "stcn_show_frame",
        "stcn_show_progress",
        "stcn_show_frame",
        "stcn_show_warning",
        "stcn_deliver_mattes",
    ]
    whole = replace(REQUEST, keyframes=(*REQUEST.keyframes, RENDERED))
    assert host.of("stcn_render_keyframes") == [(REQUEST, "/show/sh010/keyframes")]
    assert host.of("stcn_show_progress") == [(1001,), (1002,)]
    assert host.of("stcn_show_frame") == [(1001, ("m.1001.exr",)), (1002, ("m.1002.exr",))]
    assert host.of("stcn_show_warning") == [("one object is small",)]
    assert host.of("stcn_deliver_mattes") == [(whole, REPORT)]
    assert host.of("stcn_is_cancelled")
    assert set().union(*host.threads.values()) == {threading.get_ident()}


def test_steps_fire_on_the_thread_that_takes_them(client):
    """A host that polls beside its main thread is told there, and collects and delivers on its main thread."""
    host, reports = Recorder(), []
    session = Session(host, client())

    def poll():
        while (report := session.poll(timeout=0.05)) is None:
            pass
        reports.append(report)

    session.start(session.prepare())
    assert session.is_running
    beside = threading.Thread(target=poll)
    beside.start()
    thread = beside.ident
    beside.join()
    assert not session.is_running
    session.deliver(reports[0])
    for hook in ("stcn_collect_shot", "stcn_render_keyframes", "stcn_deliver_mattes"):
        assert host.threads[hook] == {threading.get_ident()}
    for hook in ("stcn_show_progress", "stcn_show_frame", "stcn_show_warning", "stcn_is_cancelled"):
        assert host.threads[hook] == {thread}


@pytest.mark.parametrize(
    "hook", ["stcn_collect_shot", "stcn_render_keyframes", "stcn_deliver_mattes", "stcn_is_cancelled"]
)
def test_a_hook_that_has_to_answer_ends_the_job_when_it_raises(client, hook):
    """The error names the plugin and the hook, is told once, and the session is as good as new."""
    host = Recorder(**{hook: RuntimeError("the roto is locked")})
    session = Session(host, client())
    with pytest.raises(PluginError) as caught:
        session.run()
    assert str(caught.value) == f"plugin Recorder: its hook {hook} failed (RuntimeError: the roto is locked)."
    assert host.of("stcn_job_failed") == [(caught.value,)]
    assert host.hooks()[-1] == "stcn_job_failed"
    assert not session.is_running
    del host.answers[hook]
    host.answers["stcn_collect_shot"] = REQUEST
    assert session.run() == REPORT


def test_a_job_that_a_hook_ended_is_cancelled_in_the_worker(client):
    """When the host gives up on a job, the worker is told, and is free for the next one."""
    script = """
hello()
first = request()["id"]
send("progressed", id=first, progress={"done": 1, "total": 9, "frame": 1001})
cancelled = request()
failed(first, "CancelledError", "cancelled")
second = request()["id"]
send("warned", id=second, text="%s of the first" % (cancelled == {"type": "cancel", "id": first}))
done(second)
request()
"""
    host = Recorder(stcn_is_cancelled=lambda: RuntimeError("no window") if host.of("stcn_show_progress") else None)
    session = Session(host, client(script))
    with pytest.raises(PluginError, match="no window"):
        session.run()
    host.answers["stcn_is_cancelled"] = None
    assert session.run() == REPORT
    assert host.of("stcn_show_warning") == [("True of the first",)]
    assert len(host.of("stcn_job_failed")) == 1


def test_an_error_of_this_package_passes_as_it_is(client):
    """What a host says in its own words the artist reads in them."""
    error = HostError("nothing is selected", fix="Select a Read")
    host = Recorder(stcn_collect_shot=error)
    with pytest.raises(HostError) as caught:
        Session(host, client()).run()
    assert caught.value is error
    assert host.of("stcn_job_failed") == [(error,)]


@pytest.mark.parametrize("hook", ["stcn_show_progress", "stcn_show_frame", "stcn_show_warning"])
def test_a_hook_that_is_only_told_harms_nothing_when_it_raises(client, hook):
    """The job is delivered; the failure is one warning, however often it comes."""
    host = Recorder(**{hook: RuntimeError("no window")})
    assert Session(host, client()).run() == REPORT
    warning = f"plugin Recorder: its hook {hook} failed (RuntimeError: no window)."
    texts = [text for (text,) in host.of("stcn_show_warning")]
    assert texts == ["one object is small"] if hook == "stcn_show_warning" else [warning, "one object is small"]
    assert "stcn_job_failed" not in host.hooks()


def test_a_failure_that_cannot_be_told_is_raised_all_the_same(client):
    """A host that fails even in telling of a failure gets the first error, and a warning for its own."""
    host = Recorder(stcn_collect_shot=PlateError("is cut"), stcn_job_failed=RuntimeError("no window"))
    with pytest.raises(PlateError, match="is cut"):
        Session(host, client()).run()
    assert host.of("stcn_show_warning") == [
        ("plugin Recorder: its hook stcn_job_failed failed (RuntimeError: no window).",)
    ]


@pytest.mark.parametrize(
    ("hook", "answer"),
    [
        ("stcn_collect_shot", {"plate": "p"}),
        ("stcn_render_keyframes", "rendered.png"),
        ("stcn_render_keyframes", [RENDERED, "rendered.png"]),
    ],
)
def test_an_answer_of_no_use_names_the_plugin(client, hook, answer):
    """A hook that gives something else is told by name, before anything is sent."""
    host = Recorder(**{hook: answer})
    worker = client()
    with pytest.raises(PluginError, match=f"plugin Recorder: its hook {hook} gave a {type(answer).__name__}"):
        Session(host, worker).run()
    assert len(host.of("stcn_job_failed")) == 1
    assert worker.pid is None


def test_a_host_that_collects_nothing_is_told():
    """Without a shot there is nothing to do; nor is there a folder for a shot that is nowhere."""
    worker = WorkerClient(fake(WORKING))
    for answer, said in ((None, "collected no shot"), (JobRequest(plate="p"), "where its mattes go")):
        host = Recorder(stcn_collect_shot=answer)
        with pytest.raises(HostError, match=said):
            Session(host, worker).run()
        assert len(host.of("stcn_job_failed")) == 1


class UnknownHook(Recorder):
    @hookimpl
    def stcn_show_preview(self):
        """There is no such hook."""


class WrongArgument:
    @hookimpl
    def stcn_show_progress(self, percent):
        """There is no such argument."""


@pytest.mark.parametrize(("plugin", "said"), [(UnknownHook, "stcn_show_preview"), (WrongArgument, "percent")])
def test_a_host_that_does_not_fit_is_told_by_name(plugin, said):
    """A misspelt hook or argument is told at once, with the plugin's name."""
    with pytest.raises(PluginError, match=f"plugin {plugin.__name__}: .*{said}"):
        Session(plugin(), WorkerClient(fake(WORKING)))


def test_plugins_beside_a_host_are_asked_before_it(client):
    """Another plugin may answer in the host's place, and is told what the host is told."""
    host, beside = Recorder(), type("Beside", (Recorder,), {})(stcn_render_keyframes=[])
    Session(host, client(), plugins=[beside]).run()
    assert host.of("stcn_collect_shot") == []
    assert beside.of("stcn_deliver_mattes") == [(REQUEST, REPORT)]
    assert host.of("stcn_deliver_mattes") == beside.of("stcn_deliver_mattes")
    assert host.of("stcn_show_frame") == beside.of("stcn_show_frame")


def test_keyframes_lie_beside_the_mattes():
    """Beside the mattes, else beside the shot file, always absolute."""
    assert keyframe_folder(JobRequest(out="/a/b/m.####.exr", shot_file="/c/s.yaml")) == "/a/b/keyframes"
    assert keyframe_folder(JobRequest(shot_file="/c/s.yaml")) == "/c/keyframes"
    assert keyframe_folder(JobRequest(out="/a/<object>/v1/m.####.exr")) == "/a/keyframes"
    assert keyframe_folder(JobRequest(out="m.####.exr")).startswith("/")
