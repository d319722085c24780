"""The session's hooks: their order and threads, and the job when one of them fails."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace

import pytest
from fake_workers import REPORT, WORKING, fake, report_of, stopped_clients
from recording_host import RENDERED, REQUEST, Recorder

from stcn_plugin.bridge import HostHooks, JobRequest, Session, WorkerClient, hookimpl
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.errors import HostError, PlateError, PluginError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins end by POSIX signals")

client = pytest.fixture(stopped_clients)


def test_the_recorder_has_every_hook():
    """The tests below cover all hooks."""
    named = {name for name in vars(HostHooks) if name.startswith("stcn_")}
    assert named == {name for name in vars(Recorder) if name.startswith("stcn_")}


def test_run_calls_the_hooks_in_order_on_its_thread(client):
    """It collects, renders, shows and delivers."""
    host = Recorder()
    report = Session(host, client()).run()
    assert report == REPORT
    assert host.hooks() == [
        "stcn_collect_shot",
        "stcn_render_keyframes",
        "stcn_prepare_mattes",
        "stcn_show_progress",
        "stcn_show_frame",
        "stcn_show_progress",
        "stcn_show_frame",
        "stcn_show_warning",
        "stcn_deliver_mattes",
    ]
    whole = replace(REQUEST, keyframes=(*REQUEST.keyframes, RENDERED))
    assert host.of("stcn_render_keyframes") == [(REQUEST, "/show/sh010/keyframes")]
    assert host.of("stcn_prepare_mattes") == [(whole, replace(REPORT, device="none", precision="none"))]
    assert host.of("stcn_show_progress") == [(1001,), (1002,)]
    assert host.of("stcn_show_frame") == [(1001, ("m.1001.exr",)), (1002, ("m.1002.exr",))]
    assert host.of("stcn_show_warning") == [("one object is small",)]
    assert host.of("stcn_deliver_mattes") == [(whole, REPORT)]
    assert host.of("stcn_is_cancelled")
    assert set().union(*host.threads.values()) == {threading.get_ident()}


def test_hooks_are_called_on_the_thread_of_their_method(client):
    """A host may poll on a thread, and prepare and deliver on its main thread."""
    host, reports = Recorder(), []
    session = Session(host, client())

    def poll():
        reports.append(report_of(session))

    session.start(session.prepare())
    assert session.is_running
    polling = threading.Thread(target=poll)
    polling.start()
    thread = polling.ident
    polling.join()
    assert not session.is_running
    session.deliver(reports[0])
    for hook in ("stcn_collect_shot", "stcn_render_keyframes", "stcn_deliver_mattes"):
        assert host.threads[hook] == {threading.get_ident()}
    for hook in ("stcn_show_progress", "stcn_show_frame", "stcn_show_warning", "stcn_is_cancelled"):
        assert host.threads[hook] == {thread}


@pytest.mark.parametrize(
    "hook", ["stcn_collect_shot", "stcn_render_keyframes", "stcn_deliver_mattes", "stcn_is_cancelled"]
)
def test_an_error_in_a_required_hook_ends_the_job(client, hook):
    """The error names plugin and hook and is reported once; the session can run another job."""
    host = Recorder(**{hook: RuntimeError("the roto is locked")})
    session = Session(host, client())
    with pytest.raises(PluginError) as caught:
        session.run()
    assert caught.value.where == "plugin Recorder"
    assert hook in caught.value.what
    assert "(RuntimeError: the roto is locked)" in caught.value.what
    assert host.of("stcn_job_failed") == [(caught.value,)]
    assert host.hooks()[-1] == "stcn_job_failed"
    assert not session.is_running
    del host.results[hook]
    host.results["stcn_collect_shot"] = REQUEST
    assert session.run() == REPORT


def test_a_job_that_a_hook_ended_is_cancelled_in_the_worker(client):
    """The worker is free for the next job."""
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
    host.results["stcn_is_cancelled"] = None
    assert session.run() == REPORT
    assert host.of("stcn_show_warning") == [("True of the first",)]
    assert len(host.of("stcn_job_failed")) == 1


def test_errors_of_the_package_are_raised_unchanged(client):
    """A host reports in its own words what the artist can fix."""
    error = HostError("nothing is selected", fix="Select a Read")
    host = Recorder(stcn_collect_shot=error)
    with pytest.raises(HostError) as caught:
        Session(host, client()).run()
    assert caught.value is error
    assert host.of("stcn_job_failed") == [(error,)]


@pytest.mark.parametrize("hook", ["stcn_show_progress", "stcn_show_frame", "stcn_show_warning"])
def test_an_error_in_a_notified_hook_is_one_warning(client, hook):
    """The job is delivered; the warning is shown once, not once per frame."""
    host = Recorder(**{hook: RuntimeError("no window")})
    assert Session(host, client()).run() == REPORT
    texts = [text for (text,) in host.of("stcn_show_warning")]
    assert texts[-1] == "one object is small"
    failures = texts[:-1]
    assert len(failures) == (hook != "stcn_show_warning")
    assert all(hook in text and "no window" in text for text in failures)
    assert "stcn_job_failed" not in host.hooks()


def test_an_error_while_reporting_a_failure_is_a_warning(client):
    """The first error is raised."""
    host = Recorder(stcn_collect_shot=PlateError("is cut"), stcn_job_failed=RuntimeError("no window"))
    with pytest.raises(PlateError, match="is cut"):
        Session(host, client()).run()
    ((warning,),) = host.of("stcn_show_warning")
    assert "stcn_job_failed" in warning
    assert "no window" in warning


@pytest.mark.parametrize(
    ("hook", "result"),
    [
        ("stcn_collect_shot", {"plate": "p"}),
        ("stcn_render_keyframes", "rendered.png"),
        ("stcn_render_keyframes", [RENDERED, "rendered.png"]),
    ],
)
def test_a_result_of_the_wrong_type_is_refused(client, hook, result):
    """The error names the plugin; nothing is sent to the worker."""
    host = Recorder(**{hook: result})
    worker = client()
    with pytest.raises(PluginError) as caught:
        Session(host, worker).run()
    assert caught.value.where == "plugin Recorder"
    assert hook in caught.value.what
    assert type(result).__name__ in caught.value.what
    assert len(host.of("stcn_job_failed")) == 1
    assert worker.pid is None


def test_a_job_needs_a_request_with_mattes():
    """No request, or one without a pattern for the mattes, is an error."""
    worker = WorkerClient(fake(WORKING))
    for request, message in (
        (None, "plugin Recorder: its hook stcn_collect_shot returned None"),
        (JobRequest(plate="p"), "no file pattern"),
    ):
        host = Recorder(stcn_collect_shot=request)
        with pytest.raises((HostError, PluginError), match=message) as caught:
            Session(host, worker).run()
        assert caught.value.fix
        assert len(host.of("stcn_job_failed")) == 1


def test_a_host_without_a_request_is_told_which_hook_it_needs():
    """If no plugin implements `stcn_collect_shot`."""
    with pytest.raises(PluginError, match="no plugin has the hook stcn_collect_shot"):
        Session(object(), WorkerClient(fake(WORKING))).prepare()


@pytest.mark.parametrize(
    "build", [BuildOptions(segments=(2,)), BuildOptions(is_dry_run=True)], ids=["segment", "dry run"]
)
def test_mattes_of_a_part_of_the_shot_are_not_loaded(client, build):
    """Neither before they are written nor afterwards."""
    host = Recorder(stcn_collect_shot=replace(REQUEST, build=build))
    assert Session(host, client()).run() == REPORT
    assert host.of("stcn_prepare_mattes") == host.of("stcn_deliver_mattes") == []


class UnknownHook(Recorder):
    @hookimpl
    def stcn_show_preview(self):
        """Unknown hook."""


class WrongArgument:
    @hookimpl
    def stcn_show_progress(self, percent):
        """Unknown argument."""


@pytest.mark.parametrize(("plugin", "word"), [(UnknownHook, "stcn_show_preview"), (WrongArgument, "percent")])
def test_a_host_with_an_unknown_hook_or_argument_is_refused(plugin, word):
    """The error names the plugin."""
    with pytest.raises(PluginError, match=word) as caught:
        Session(plugin(), WorkerClient(fake(WORKING)))
    assert caught.value.where == f"plugin {plugin.__name__}"


def test_plugins_are_called_before_the_host(client):
    """Another plugin may return a result in place of the host; both are notified."""
    host, other = Recorder(), type("Other", (Recorder,), {})(stcn_render_keyframes=[])
    Session(host, client(), plugins=[other]).run()
    assert host.of("stcn_collect_shot") == []
    assert other.of("stcn_deliver_mattes") == [(REQUEST, REPORT)]
    assert host.of("stcn_deliver_mattes") == other.of("stcn_deliver_mattes")
    assert host.of("stcn_show_frame") == other.of("stcn_show_frame")


@pytest.mark.parametrize("hook", ["stcn_collect_shot", "stcn_render_keyframes"])
def test_a_host_can_warn_while_it_prepares_a_job(client, hook):
    """The warning is shown like those of the worker."""
    host = Recorder()
    result = host.results[hook]
    host.results[hook] = lambda: host.warn("the roto is hidden") or result
    Session(host, client()).prepare()
    assert host.of("stcn_show_warning") == [("the roto is hidden",)]
