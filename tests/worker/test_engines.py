"""The engine that the worker keeps between jobs, what it releases, and when the worker exits."""

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
    """The garbage collector only runs if it is called."""
    gc.disable()
    yield
    gc.enable()


def settings(precision: str) -> Preset:
    return Preset(compute=Compute(device="cpu", precision=precision))


def test_an_engine_is_released_before_the_next_is_loaded(without_collector, monkeypatch):
    """Including reference cycles of the traced network; two engines would need twice the memory."""
    from stcn_plugin.job import propagate as propagate

    engines = Engines()
    first = weakref.ref(engines(settings("float32"))._folded.key)
    assert first() is not None
    seen, load = [], propagate.load_engine_for
    monkeypatch.setattr(propagate, "load_engine_for", lambda preset: seen.append(first()) or load(preset))
    engines(settings("bfloat16"))
    assert seen == [None]


class FakeChannel:
    """A channel with queued requests that records the messages sent."""

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

    def record(self, activities) -> None:
        pass


@pytest.fixture
def served(monkeypatch):
    """Serve two jobs that raise an error after they have loaded the engine; return exit code and messages."""

    def call(error: Exception) -> tuple[int, list[Message]]:
        channel = FakeChannel(Run(1, JobRequest()), Run(2, JobRequest()), Quit())

        def run_shot(request, engine_for, **_):
            engine_for(settings("float32"))
            raise error

        monkeypatch.setattr(serve.Channel, "of_process", lambda: channel)
        monkeypatch.setattr(serve.faulthandler, "enable", lambda **_: None)
        monkeypatch.setattr(serve, "run_shot", run_shot)
        return serve.main([]), channel.sent[1:]

    return call


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


LOST = torch.AcceleratorError("CUDA error: device-side assert triggered")


@pytest.mark.parametrize("error", [LOST, caused(DeviceError("the GPU failed"), LOST)], ids=["itself", "cause"])
def test_the_worker_exits_after_a_gpu_failure(served, error):
    """The job gets the error; the exit code asks the client to run the next one in a new process."""
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
def test_the_worker_survives_other_errors(served, error):
    """Both jobs run, and both are answered."""
    code, sent = served(error)
    assert code == 0
    assert [(type(message), message.id) for message in sent] == [(Failed, 1), (Failed, 2)]


def test_memory_of_a_failed_job_is_released(served, monkeypatch):
    """Its objects first, which the error references, then the cache."""
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
    channel = FakeChannel(Run(1, JobRequest()), Quit())
    monkeypatch.setattr(serve.Channel, "of_process", lambda: channel)
    monkeypatch.setattr(serve.faulthandler, "enable", lambda **_: None)
    monkeypatch.setattr(serve, "run_shot", run_shot)
    assert serve.main([]) == 0
    assert len(found) == 1
    assert alive[-1] is False
    assert len(alive) == 2  # once for the network that the engine was made of, once after the job
