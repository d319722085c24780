"""What the worker keeps between jobs, what it lets go, and when it lets another take its place."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.bridge.messages import RETIRED, Failed, Message, Quit, Run
from stcn_plugin.errors import DeviceError
from stcn_plugin.presets.model import Compute, Preset
from stcn_plugin.worker import serve
from stcn_plugin.worker.engines import Engines


@pytest.fixture
def without_collector():
    """Nothing is collected unless it is asked for."""
    gc.disable()
    yield
    gc.enable()


def settings(precision: str) -> Preset:
    return Preset(compute=Compute(device="cpu", precision=precision))


def test_a_replaced_engine_is_gone_before_the_next_is_loaded(without_collector, monkeypatch):
    """Cycles of the traced network do not keep it: two would need twice the memory."""
    from stcn_plugin.job import propagate as propagate

    networks = Engines()
    first = weakref.ref(networks(settings("float32"))._folded.key)
    assert first() is not None
    seen, load = [], propagate.load_engine_for
    monkeypatch.setattr(propagate, "load_engine_for", lambda preset: seen.append(first()) or load(preset))
    networks(settings("bfloat16"))
    assert seen == [None]


class Host:
    """A channel with requests ready, that keeps what it is sent."""

    def __init__(self, *requests: Message) -> None:
        self._requests = list(requests)
        self.sent: list[Message] = []
        self.exit_code = 0
        self.stopped_by = None

    def open(self) -> None:
        pass

    def next(self, timeout: float | None = None) -> Message:
        return self._requests.pop(0)

    def send(self, message: Message) -> None:
        self.sent.append(message)

    def is_cancelled(self, job: int) -> bool:
        return False

    def stop(self, number: int) -> None:
        pass

    @contextmanager
    def working(self, job: int) -> Iterator[None]:
        yield

    def note(self, activities) -> None:
        pass


@pytest.fixture
def served(monkeypatch):
    """Serve two jobs, each of which fails so once it has its engine; return exit code and messages."""

    def call(error: Exception) -> tuple[int, list[Message]]:
        host = Host(Run(1, JobRequest()), Run(2, JobRequest()), Quit())

        def run_shot(request, engine_for, **_):
            engine_for(settings("float32"))
            raise error

        monkeypatch.setattr(serve.Channel, "of_process", lambda: host)
        monkeypatch.setattr(serve.faulthandler, "enable", lambda **_: None)
        monkeypatch.setattr(serve, "run_shot", run_shot)
        return serve.main([]), host.sent[1:]

    return call


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


LOST = torch.AcceleratorError("CUDA error: device-side assert triggered")


@pytest.mark.parametrize("error", [LOST, caused(DeviceError("the GPU failed"), LOST)], ids=["itself", "cause"])
def test_a_worker_whose_gpu_failed_tells_it_and_leaves(served, error):
    """The job is answered in words; the next is for another process, which the exit code asks the client for."""
    code, sent = served(error)
    assert code == RETIRED
    assert [type(message) for message in sent] == [Failed]
    assert sent[0].id == 1
    assert type(sent[0].error) is DeviceError
    assert "GPU" in sent[0].error.what


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shapes differ"),
        caused(DeviceError("the device is out of memory"), torch.AcceleratorError("CUDA error: out of memory")),
    ],
    ids=str,
)
def test_a_worker_outlives_other_errors(served, error):
    """Both jobs are tried, and both are answered."""
    code, sent = served(error)
    assert code == 0
    assert [(type(message), message.id) for message in sent] == [(Failed, 1), (Failed, 2)]


def test_what_a_failed_job_held_is_given_back(served, monkeypatch):
    """An error keeps alive what its job computed with; once it is told, that goes, and the cache after it."""
    found = []

    class Held:
        pass

    def failing(held: Held) -> None:
        found.append(weakref.ref(held))
        raise RuntimeError("in the middle")

    def run_shot(request, engine_for, **_):
        engine_for(settings("float32"))
        failing(Held())

    alive = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: alive.append(bool(found) and found[-1]() is not None))
    host = Host(Run(1, JobRequest()), Quit())
    monkeypatch.setattr(serve.Channel, "of_process", lambda: host)
    monkeypatch.setattr(serve.faulthandler, "enable", lambda **_: None)
    monkeypatch.setattr(serve, "run_shot", run_shot)
    assert serve.main([]) == 0
    assert len(found) == 1
    assert alive[-1] is False
    assert len(alive) == 2  # once for the network that the engine was made of, once after the job
