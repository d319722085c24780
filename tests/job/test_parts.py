"""The parts of a job, each alone: internal size, read-ahead, write-behind, backward buffer."""

from __future__ import annotations

import tempfile
import threading

import numpy as np
import pytest
import torch
from waiting import eventually

from stcn_plugin.errors import OutputError
from stcn_plugin.job.backward_buffer import BackwardBuffer
from stcn_plugin.job.keyframes import shrink
from stcn_plugin.job.streams import WriteBehind, read_ahead
from stcn_plugin.matte.views import View
from stcn_plugin.response import KNOTS, Response
from stcn_plugin.window import Window


def test_read_ahead_is_ordered_and_bounded():
    """Results come in order, and at most ``depth`` items are read ahead."""
    started = []

    def read(item):
        started.append(item)
        return item * 10

    stream = read_ahead(read, range(8), depth=2)
    for position, result in enumerate(stream):
        assert result == position * 10
        assert len(started) <= position + 3
    assert sorted(started) == list(range(8))


def test_read_ahead_raises_an_error_in_place_of_its_item():
    """After the results of the items before it."""

    def read(item):
        if item == 2:
            raise RuntimeError("frame 2 is broken")
        return item

    stream = read_ahead(read, range(5), depth=3)
    assert [next(stream), next(stream)] == [0, 1]
    with pytest.raises(RuntimeError, match="frame 2 is broken"):
        next(stream)


def test_write_behind_is_ordered_and_bounded():
    """Writes run one after another, and `submit` blocks while too many are pending."""
    gate, done = threading.Event(), []
    with WriteBehind(depth=2) as writer:
        writer.submit(lambda: gate.wait(10) and done.append(0))
        writer.submit(lambda: done.append(1))
        submitting = threading.Thread(target=lambda: writer.submit(lambda: done.append(2)))
        submitting.start()
        submitting.join(0.2)
        assert submitting.is_alive()
        assert done == []
        gate.set()
        submitting.join(10)
    assert done == [0, 1, 2]


def test_write_behind_waits_for_all_writes():
    """And can be used again."""
    gate, done = threading.Event(), []
    with WriteBehind(depth=4) as writer:
        for number in range(3):
            writer.submit(lambda number=number: gate.wait(10) and done.append(number))
        threading.Timer(0.1, gate.set).start()
        writer.wait()
        assert done == [0, 1, 2]
        writer.submit(lambda: done.append(3))
    assert done == [0, 1, 2, 3]


def test_write_behind_finishes_pending_writes_after_an_error():
    """The caller's error is raised after the pending writes."""
    done = []
    with pytest.raises(RuntimeError, match="the caller's"), WriteBehind(depth=3) as writer:
        for number in range(3):
            writer.submit(lambda number=number: done.append(number))
        raise RuntimeError("the caller's")
    assert done == [0, 1, 2]


def test_write_behind_raises_the_error_of_a_write():
    """On leaving the context at the latest."""

    def fail():
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), WriteBehind(depth=4) as writer:
        writer.submit(fail)


def test_writes_after_a_failed_one_are_dropped():
    """Also while nobody has asked for the result of the failed one yet."""
    gate, done = threading.Event(), []

    def fail():
        gate.wait(10)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), WriteBehind(depth=4) as writer:
        writer.submit(fail)
        for number in range(3):
            writer.submit(lambda number=number: done.append(number))
        gate.set()
        assert eventually(lambda: all(future.done() for future in writer._pending), 30)
    assert done == []


def test_backward_buffer_returns_what_was_put(tmp_path, monkeypatch):
    """In any order and in half precision; the file has no name in the folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    generator = np.random.default_rng(1)

    def view(shape: tuple[int, int], *names: str) -> View:
        return View(
            Window(*generator.integers(0, 99, 4).tolist()),
            {name: generator.random(shape).astype(np.float16) for name in names},
            {names[0]: Response(tuple(np.sort(generator.random(KNOTS)).tolist()))},
        )

    frames = {9: [view((5, 7), "a", "b")], 4: [view((5, 7), "a", "b"), view((11, 3), "b"), view((4, 4), "a")], 6: []}
    with BackwardBuffer(500) as buffer:
        for index, views in frames.items():
            buffer.put(index, views)
        assert list(tmp_path.iterdir()) == []
        for index in (4, 9, 6, 4):
            found = buffer.get(index)
            assert [(each.window, each.responses) for each in found] == [
                (each.window, each.responses) for each in frames[index]
            ]
            for each, expected in zip(found, frames[index], strict=True):
                assert list(each.planes) == list(expected.planes)
                for name, plane in expected.planes.items():
                    np.testing.assert_array_equal(each.planes[name], plane)
                    assert each.planes[name].dtype == np.float16


def test_a_full_temporary_folder_is_an_error_at_the_start():
    """The error has the size and the folder."""
    with pytest.raises(OutputError, match=r"165888000000 MB") as caught:
        BackwardBuffer(2 * 100 * 2160 * 3840 * 100_000_000)
    assert caught.value.where == tempfile.gettempdir()
    assert "TMPDIR" in caught.value.fix


def test_shrink_keeps_the_covered_area():
    """A matte at the internal size covers the same fraction of the image."""
    matte = np.zeros((60, 80), np.float32)
    matte[10:37, 15:52] = 1
    small = shrink(matte, (15, 20), torch.device("cpu"))
    assert small.shape == (15, 20)
    assert float(small.mean()) == pytest.approx(matte.mean(), abs=2e-3)
