"""The worker that stays alive between jobs: its Python, its description, and its reservation."""

from __future__ import annotations

import threading

import pytest
from waiting import eventually

from stcn_plugin.bridge import EVERY_WORKER, Choice, Description, WarmWorker, WorkerClient
from stcn_plugin.bridge.warm_worker import recorded_python
from stcn_plugin.errors import HostError, WeightsError, WorkerError

OFFERED = Description((Choice("default", "balanced"),), (Choice("starter", "MIT"),), (Choice("cpu", "processor"),))


@pytest.fixture
def worker():
    """A worker whose Python does not exist."""
    worker = WarmWorker(lambda: "/absent/python", setting="the settings", fix="Set it")
    yield worker
    worker.stop()


def describe(monkeypatch, result):
    """Replace the answer of the worker process by a value, an error or a function."""

    def answer(self):
        value = result() if callable(result) else result
        if isinstance(value, Exception):
            raise value
        return value

    monkeypatch.setattr(WorkerClient, "describe", answer)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"python": 3}', '{"python": ""}', "\udcff"])
def test_a_damaged_record_names_no_python(tmp_path, monkeypatch, content):
    """Nor does a missing one."""
    monkeypatch.delenv("STCN_WORKER_PYTHON", raising=False)
    record = tmp_path / "record.json"
    if content is not None:
        record.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert recorded_python(record) == ""


def test_the_environment_overrides_the_record(tmp_path, monkeypatch):
    """Farms have another Python than the artist's machine."""
    record = tmp_path / "record.json"
    record.write_text('{"python": "/opt/stcn/bin/python", "version": "1"}')
    monkeypatch.delenv("STCN_WORKER_PYTHON", raising=False)
    assert recorded_python(record) == "/opt/stcn/bin/python"
    monkeypatch.setenv("STCN_WORKER_PYTHON", " /pipeline/python ")
    assert recorded_python(record) == "/pipeline/python"


def test_without_a_python_the_error_names_the_setting():
    """The error names the setting and how to set it."""
    worker = WarmWorker(lambda: "", setting="the settings", fix="Set it")
    with pytest.raises(WorkerError) as caught:
        worker.client()
    assert (caught.value.where, caught.value.fix) == ("the settings", "Set it")
    worker.describe_in_background()
    worker.wait_for_description()
    assert worker.error.where == "the settings"


def test_the_client_is_kept_until_the_python_changes(monkeypatch):
    """A worker in use is not replaced."""
    pythons = ["/one"]
    worker = WarmWorker(lambda: pythons[-1], setting="", fix="")
    first = worker.client()
    assert worker.client() is first
    pythons.append("/other")
    with worker.reserved(), pytest.raises(HostError) as caught:
        worker.client()
    assert caught.value.where == "/one"
    assert worker.client() is not first


def test_the_menus_are_filled_by_the_worker(worker, monkeypatch):
    """Until it answers, they have what every worker offers."""
    done = threading.Event()
    describe(monkeypatch, OFFERED)
    assert worker.choices == EVERY_WORKER
    worker.describe_in_background(done.set)
    worker.wait_for_description()
    assert done.is_set()
    assert (worker.description, worker.choices, worker.error) == (OFFERED, OFFERED, None)


def test_the_worker_is_asked_again_only_on_request(worker, monkeypatch):
    """Testing the worker shows its current description."""
    answers = []
    describe(monkeypatch, lambda: answers.append(OFFERED) or OFFERED)
    for refresh, count in ((False, 1), (False, 1), (True, 2)):
        worker.describe_in_background(refresh=refresh)
        worker.wait_for_description()
        assert len(answers) == count


@pytest.mark.parametrize("error", [WeightsError("damaged"), RuntimeError("stopped")])
def test_an_error_of_the_worker_is_kept(worker, monkeypatch, error):
    """Until it is asked again; an unexpected exception becomes a `WorkerError`."""
    describe(monkeypatch, error)
    worker.describe_in_background()
    worker.wait_for_description()
    assert worker.description is None
    assert worker.error is error or (isinstance(worker.error, WorkerError) and "stopped" in worker.error.what)
    describe(monkeypatch, OFFERED)
    worker.describe_in_background()
    worker.wait_for_description()
    assert worker.error is None


def test_describing_waits_for_a_job(worker, monkeypatch):
    """Only one of them uses the worker at a time."""
    describe(monkeypatch, OFFERED)
    assert worker.acquire()
    assert not worker.acquire()
    assert not worker.acquire(timeout=0.01)
    worker.describe_in_background()
    assert worker.is_describing
    assert worker.description is None
    worker.release()
    assert eventually(lambda: not worker.is_describing)
    assert worker.description == OFFERED


def test_a_worker_that_cannot_be_started_is_reported(worker):
    """By the error of its process."""
    worker.describe_in_background()
    worker.wait_for_description()
    assert worker.error.where == "/absent/python"
