"""The parts of a job, each alone: internal size, read-ahead, write-behind, backward buffer, finishing."""

from __future__ import annotations

import tempfile
import threading

import numpy as np
import pytest
import torch
from torch.nn import functional
from waiting import eventually

from stcn_plugin.errors import OutputError
from stcn_plugin.job.backward_buffer import BackwardBuffer
from stcn_plugin.job.finishing import finish, shrink, with_keyframe
from stcn_plugin.job.streams import WriteBehind, read_ahead


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
    frames = {index: {"a": generator.random((5, 7)).astype(np.float16)} for index in (9, 4, 6)}
    with BackwardBuffer(("b", "a"), (5, 7), records=3) as buffer:
        for index, probabilities in frames.items():
            buffer.put(index, probabilities)
        assert list(tmp_path.iterdir()) == []
        for index in (4, 9, 6):
            found = buffer.get(index)
            np.testing.assert_array_equal(found["a"], frames[index]["a"])
            assert not found["b"].any()


def test_a_full_temporary_folder_is_an_error_at_the_start():
    """The error has the size and the folder."""
    with pytest.raises(OutputError, match=r"165888000000 MB") as caught:
        BackwardBuffer(list(map(str, range(100))), (2160, 3840), records=100_000_000)
    assert caught.value.where == tempfile.gettempdir()
    assert "TMPDIR" in caught.value.fix


def test_finish_applies_matte_levels_exactly():
    """Up to black is exactly 0, from white up exactly 1, and the middle is 0.5."""
    own = torch.tensor([[[0.0, 0.05, 0.5, 0.95, 1.0]]])
    assert finish(own, size=(1, 5), black=0.05, white=0.95).flatten().tolist() == pytest.approx([0, 0, 0.5, 1, 1])


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_finish_keeps_0_and_1_exactly(value):
    """When scaled up, and without matte levels."""
    assert torch.equal(
        finish(torch.full((1, 3, 4), value), size=(9, 12), black=0, white=1), torch.full((1, 9, 12), value)
    )


def test_finish_limits_the_sum_to_one():
    """Overlapping objects share a pixel in proportion."""
    own = torch.tensor([0.9, 0.6, 0.3])[:, None, None].expand(3, 2, 2)
    mattes = finish(own, size=(2, 2), black=0, white=1)
    assert mattes[:, 0, 0].tolist() == pytest.approx([0.5, 1 / 3, 1 / 6])
    untouched = finish(own[1:], size=(2, 2), black=0, white=1)
    assert untouched[:, 0, 0].tolist() == pytest.approx([0.6, 0.3])


@pytest.mark.parametrize("objects", [1, 2, 3, 5])
def test_finish_does_not_modify_its_input(objects):
    """The mattes equal the formula, at any size and number of objects."""
    own = torch.rand(objects, 6, 9, generator=torch.Generator().manual_seed(0))
    before = own.clone()
    for size in ((6, 9), (12, 18)):
        large = functional.interpolate(before[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
        clipped = ((large - 0.15) / (0.85 - 0.15)).clamp(0, 1)
        assert torch.equal(finish(own, size=size, black=0.15, white=0.85), clipped / clipped.sum(0).clamp(min=1))
        assert torch.equal(own, before)


def test_finish_does_not_shift_edges():
    """A centred edge stays centred at any size, and a ramp stays a ramp."""
    own = torch.linspace(0, 1, 12)[None, None].expand(1, 4, 12)
    large = finish(own, size=(16, 48), black=0, white=1)[0]
    assert large.shape == (16, 48)
    torch.testing.assert_close(large, 1 - large.flip(1))
    # A ramp stays a ramp: at 4 times the size, pixel x is at (x + .5) / 4 - .5.
    inside = torch.arange(4, 44)
    torch.testing.assert_close(large[0, inside], ((inside + 0.5) / 4 - 0.5) / 11)


def test_keyframe_replaces_and_attenuates_others():
    """The artist's matte is unchanged; the other mattes are 0 where it is opaque."""
    propagated = {"a": np.full((1, 3), 0.5, np.float32), "b": np.array([[0.8, 0.8, 0.8]], np.float32)}
    artist = {"a": np.array([[0, 0.25, 1]], np.float32)}
    mattes = with_keyframe(propagated, artist)
    np.testing.assert_array_equal(mattes["a"], artist["a"])
    np.testing.assert_allclose(mattes["b"], [[0.8, 0.6, 0]], atol=1e-6)
    assert with_keyframe(propagated, {})["b"] is propagated["b"]


def test_overlapping_keyframes_are_scaled_only_where_they_overlap():
    """Two mattes of the artist with a sum above 1 share the pixel."""
    artist = {"a": np.array([[1, 1, 0.5]], np.float32), "b": np.array([[0, 1, 0.25]], np.float32)}
    mattes = with_keyframe({name: np.zeros((1, 3), np.float32) for name in "ab"}, artist)
    np.testing.assert_allclose(mattes["a"], [[1, 0.5, 0.5]])
    np.testing.assert_allclose(mattes["b"], [[0, 0.5, 0.25]])


def test_shrink_keeps_the_covered_area():
    """A matte at the internal size covers the same fraction of the image."""
    matte = np.zeros((60, 80), np.float32)
    matte[10:37, 15:52] = 1
    small = shrink(matte, (15, 20), torch.device("cpu"))
    assert small.shape == (15, 20)
    assert float(small.mean()) == pytest.approx(matte.mean(), abs=2e-3)
