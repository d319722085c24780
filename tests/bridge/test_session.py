"""The session: which hooks fire when, on which thread, and what becomes of a job when one of them fails."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from fake_workers import REPORT, eventually, fake, is_alive

from stcn_plugin.bridge import HostHooks, JobRequest, KeyframeFile, Session, Timeouts, WorkerClient, hookimpl
from stcn_plugin.bridge import session as session_module
from stcn_plugin.bridge.places import keyframe_folder
from stcn_plugin.errors import CancelledError, HostError, PlateError, PluginError, ProtocolError, WorkerError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins end by POSIX signals")

REQUEST = JobRequest(plate="p.####.exr", out="/show/sh010/m.####.exr", keyframes=(KeyframeFile(1001, "given.png"),))
RENDERED = KeyframeFile(1010, "rendered.png")

WORKING = """
hello()
while (asked := request())["type"] != "quit":
    if asked["type"] != "run":
        continue
    id = asked["id"]
    for frame in (1001, 1002):
        send("progressed", id=id, progress={"done": frame - 1000, "total": 2, "frame": frame})
        send("written", id=id, frame=frame, files=["m.%d.exr" % frame])
    send("warned", id=id, text="one object is small")
    done(id)
"""

UNTIL_CANCELLED = """
hello()
while (asked := request())["type"] != "quit":
    id = asked["id"]
    if asked["type"] == "cancel":
        failed(id, "CancelledError", "cancelled; the mattes written so far are whole")
    elif asked["job"]["preset"] == "short":
        done(id)
    else:
        send("progressed", id=id, progress={"done": 1, "total": 9, "frame": 1001})
"""

DEAF = """
hello()
id = request()["id"]
while True:
    send("progressed", id=id, progress={"done": 1, "total": 9, "frame": 1001})
    time.sleep(0.05)
"""


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


@pytest.fixture
def client():
    """Make clients of stand-ins, all stopped in the end."""
    made = []

    def make(script=WORKING, **limits):
        made.append(WorkerClient(fake(script), timeouts=Timeouts(**{"quit": 0.5, **limits})))
        return made[-1]

    yield make
    for each in made:
        each.stop()


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


def test_a_job_that_the_worker_would_not_understand_fails_before_it_starts(client):
    """A request of wrong types is an error like any other."""
    host = Recorder(stcn_collect_shot=replace(REQUEST, update=("1001",)))
    with pytest.raises(ProtocolError, match="update"):
        Session(host, client()).run()
    assert len(host.of("stcn_job_failed")) == 1


def test_the_workers_error_is_the_jobs(client):
    """What the worker met is raised as what it was, and told once; messages of other jobs are passed over."""
    host = Recorder()
    session = Session(
        host,
        client(
            "hello(); id = request()['id']; done(999); failed(999, 'PlateError', 'of another job')\n"
            "send('written', id=998, frame=7, files=[]); failed(id, 'PlateError', 'is cut'); id = request()['id']; done(id); request()"
        ),
    )
    with pytest.raises(PlateError, match="is cut") as caught:
        session.run()
    assert host.of("stcn_job_failed") == [(caught.value,)]
    assert host.of("stcn_show_frame") == []
    assert session.run() == REPORT


def test_a_worker_that_dies_is_the_jobs_error(client):
    """The host is told once, and the next job finds another worker."""
    host = Recorder()
    session = Session(host, client("hello(); request(); say('bad luck'); sys.exit(4)"))
    for times in (1, 2):
        with pytest.raises(WorkerError, match="exit code 4"):
            session.run()
        assert len(host.of("stcn_job_failed")) == times
        assert "bad luck" in str(host.of("stcn_job_failed")[-1][0])


def test_cancelling_is_asked_at_every_poll(client):
    """Once the host says so, the job ends as cancelled; the same session and worker then run another."""
    polls = iter([None, False, False, True, True])
    host = Recorder(stcn_is_cancelled=lambda: next(polls, True))
    worker = client(UNTIL_CANCELLED)
    session = Session(host, worker)
    with pytest.raises(CancelledError, match="the mattes written so far are whole"):
        session.run()
    assert len(host.of("stcn_is_cancelled")) >= 4
    assert len(host.of("stcn_job_failed")) == 1
    pid = worker.pid
    host.answers.update(stcn_is_cancelled=False, stcn_collect_shot=replace(REQUEST, preset="short"))
    assert session.run() == REPORT
    assert worker.pid == pid


def test_every_plugin_may_cancel(client):
    """A plugin that says no does not speak for the host, nor the host for a plugin."""
    for host, plugin in ((True, False), (False, True)):

        class Farm:
            answer = plugin

            @hookimpl
            def stcn_is_cancelled(self):
                return self.answer

        session = Session(Recorder(stcn_is_cancelled=host), client(UNTIL_CANCELLED), plugins=[Farm()])
        with pytest.raises(CancelledError):
            session.run()


def test_cancelling_from_another_thread(client):
    """A button may cancel on the main thread what another thread polls."""
    session = Session(Recorder(), client(UNTIL_CANCELLED))
    session.cancel()  # nothing runs, nothing happens
    session.start(session.prepare())
    threading.Timer(0.1, session.cancel).start()
    with pytest.raises(CancelledError):
        while True:
            session.poll(timeout=0.05)


def test_one_job_at_a_time(client):
    """A second start is refused and leaves the first alone; polling and delivering want a job."""
    host = Recorder()
    session = Session(host, client())
    for call in (session.poll, lambda: session.deliver(REPORT)):
        with pytest.raises(HostError, match=r"no job (is running|was run)"):
            call()
    request = session.prepare()
    session.start(request)
    for call in (session.prepare, lambda: session.start(request)):
        with pytest.raises(HostError, match="a job is running"):
            call()
    while (report := session.poll(timeout=0.05)) is None:
        pass
    assert report == REPORT
    assert "stcn_job_failed" not in host.hooks()


def test_a_poll_ends_though_the_worker_tells_and_tells(client, monkeypatch):
    """A host gets back to its own work after so many messages."""
    monkeypatch.setattr(session_module, "_MOST_MESSAGES", 10)
    host = Recorder()
    session = Session(host, client(DEAF.replace("time.sleep(0.05)", "")))
    session.start(session.prepare())
    before = 0
    for _ in range(20):
        session.poll(timeout=0.05)
        shown = len(host.of("stcn_show_progress"))
        assert shown - before <= 10
        before = shown
    assert before > 10


def interrupted(*times):
    """Raise Ctrl-C at some of the calls."""
    calls = iter(range(1000))

    def answer():
        if next(calls) in times:
            raise KeyboardInterrupt

    return answer


def test_ctrl_c_cancels(client):
    """The first Ctrl-C ends the job as a cancel does; the session goes on to be of use, with the same worker."""
    host = Recorder(stcn_show_progress=interrupted(0))
    worker = client(UNTIL_CANCELLED)
    session = Session(host, worker)
    with pytest.raises(CancelledError, match="the mattes written so far are whole") as caught:
        session.run()
    assert host.of("stcn_job_failed") == [(caught.value,)]
    pid = worker.pid
    assert is_alive(pid)
    host.answers["stcn_collect_shot"] = replace(REQUEST, preset="short")
    assert session.run() == REPORT
    assert worker.pid == pid


def test_a_second_ctrl_c_stops_by_force(client):
    """Whoever cannot wait for a deaf worker does not have to; the next job gets another worker."""
    host = Recorder(stcn_show_progress=interrupted(0, 3))
    worker = client(DEAF)
    session = Session(host, worker)
    pids = []
    host.answers["stcn_show_frame"] = None
    host.answers["stcn_is_cancelled"] = lambda: pids.append(worker.pid)
    with pytest.raises(CancelledError, match="stopped") as caught:
        session.run()
    assert host.of("stcn_job_failed") == [(caught.value,)]
    assert not session.is_running
    assert not worker.is_running
    assert eventually(lambda: not is_alive(pids[0]))
    session.start(session.prepare())
    assert worker.pid != pids[0]
    session.cancel()


@pytest.mark.parametrize("hook", ["stcn_collect_shot", "stcn_render_keyframes", "stcn_deliver_mattes"])
def test_ctrl_c_outside_the_propagation_ends_the_job(client, hook):
    """While the host collects, renders or delivers, one Ctrl-C is enough."""
    host = Recorder(**{hook: KeyboardInterrupt()})
    session = Session(host, client())
    with pytest.raises(CancelledError) as caught:
        session.run()
    assert host.of("stcn_job_failed") == [(caught.value,)]
    assert not session.is_running


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


IMPATIENT = """
import sys
sys.path[:0] = ["tests/bridge"]
from fake_workers import fake
from test_session import DEAF, Recorder
from stcn_plugin.bridge import Session, WorkerClient
worker = WorkerClient(fake(DEAF))
host = Recorder(stcn_show_progress=lambda: print("progress", worker.pid, flush=True))
try:
    Session(host, worker).run()
except Exception as error:
    print(type(error).__name__, len(host.of("stcn_job_failed")), worker.is_running)
"""


def test_ctrl_c_for_real():
    """Two signals from a terminal end a host whose worker is deaf: cancelled, told once, and no process is left."""
    host = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    pid = int(host.stdout.readline().split()[1])
    host.send_signal(signal.SIGINT)
    for _ in range(10):  # it goes on, since it only asked
        assert host.stdout.readline().startswith("progress")
    host.send_signal(signal.SIGINT)
    out, err = host.communicate(timeout=60)
    assert (out.splitlines()[-1], err, host.returncode) == ("CancelledError 1 False", "", 0)
    assert eventually(lambda: not is_alive(pid))
