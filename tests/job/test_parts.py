"""The parts of a shot, each alone: sizes, read-ahead, write-behind, backward buffer, finishing."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch
from torch.nn import functional

from stcn_plugin.errors import OutputError
from stcn_plugin.job.backward_buffer import BackwardBuffer
from stcn_plugin.job.finishing import finish, shrink, with_keyframe
from stcn_plugin.job.streams import WriteBehind, read_ahead


def test_read_ahead_keeps_order_and_its_bound():
    """Results come in order, and never more than the depth is read before it is wanted."""
    started = []

    def read(item):
        started.append(item)
        return item * 10

    stream = read_ahead(read, range(8), depth=2)
    for position, result in enumerate(stream):
        assert result == position * 10
        assert len(started) <= position + 3
    assert sorted(started) == list(range(8))


def test_read_ahead_raises_in_turn():
    """An error comes when its item's turn comes, after the good ones before it."""

    def read(item):
        if item == 2:
            raise RuntimeError("frame 2 is broken")
        return item

    stream = read_ahead(read, range(5), depth=3)
    assert [next(stream), next(stream)] == [0, 1]
    with pytest.raises(RuntimeError, match="frame 2 is broken"):
        next(stream)


def test_write_behind_writes_in_order_and_is_bounded():
    """Writes happen one after another, and the caller waits when too many are pending."""
    gate, done = threading.Event(), []
    with WriteBehind(depth=2) as writer:
        writer.submit(lambda: gate.wait(10) and done.append(0))
        writer.submit(lambda: done.append(1))
        waiting = threading.Thread(target=lambda: writer.submit(lambda: done.append(2)))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        assert done == []
        gate.set()
        waiting.join(10)
    assert done == [0, 1, 2]


def test_write_behind_finishes_what_it_took_even_after_an_error():
    """When the caller fails, writes under way are completed and the caller's error stands."""
    done = []
    with pytest.raises(RuntimeError, match="the caller's"), WriteBehind(depth=3) as writer:
        for number in range(3):
            writer.submit(lambda number=number: done.append(number))
        raise RuntimeError("the caller's")
    assert done == [0, 1, 2]


def test_write_behind_tells_of_failed_writes():
    """A failed write is raised, on leaving at the latest."""

    def fail():
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), WriteBehind(depth=4) as writer:
        writer.submit(fail)


def test_writes_after_a_failed_one_are_not_tried():
    """What waits behind a write that fails is dropped, also where nobody has yet asked how it went."""
    gate, done = threading.Event(), []

    def fail():
        gate.wait(10)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), WriteBehind(depth=4) as writer:
        writer.submit(fail)
        for number in range(3):
            writer.submit(lambda number=number: done.append(number))
        gate.set()
        time.sleep(0.2)
    assert done == []


def test_backward_buffer_returns_what_was_put(tmp_path, monkeypatch):
    """Records come back in any order, in half precision, and the folder is empty all the while."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    generator = torch.Generator().manual_seed(1)
    frames = {index: torch.rand(2, 5, 7, generator=generator) for index in (9, 4, 6)}
    with BackwardBuffer((2, 5, 7), records=3) as buffer:
        for index, probabilities in frames.items():
            buffer.put(index, probabilities)
        assert list(tmp_path.iterdir()) == []
        for index in (4, 9, 6):
            found = buffer.get(index, torch.device("cpu"))
            assert torch.equal(found, frames[index].half().float())


def test_a_full_temporary_folder_is_reported_before_anything_runs():
    """More than the disk has is an error at once, with the size and where to look."""
    with pytest.raises(OutputError, match=r"cannot take \d+ MB.*TMPDIR"):
        BackwardBuffer((100, 2160, 3840), records=100_000_000)


def test_finish_clips_at_both_ends_exactly():
    """Up to black is exactly 0, from white on exactly 1, half way between is a half."""
    own = torch.tensor([[[0.0, 0.05, 0.5, 0.95, 1.0]]])
    assert finish(own, size=(1, 5), black=0.05, white=0.95).flatten().tolist() == pytest.approx([0, 0, 0.5, 1, 1])


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_finish_keeps_certainty_at_any_size(value):
    """What is exactly 0 or 1 stays so when enlarged, also without clip points."""
    assert torch.equal(
        finish(torch.full((1, 3, 4), value), size=(9, 12), black=0, white=1), torch.full((1, 9, 12), value)
    )


def test_finish_never_sums_above_one():
    """Objects that claim the same pixel share it in proportion."""
    own = torch.tensor([0.9, 0.6, 0.3])[:, None, None].expand(3, 2, 2)
    mattes = finish(own, size=(2, 2), black=0, white=1)
    assert mattes[:, 0, 0].tolist() == pytest.approx([0.5, 1 / 3, 1 / 6])
    untouched = finish(own[1:], size=(2, 2), black=0, white=1)
    assert untouched[:, 0, 0].tolist() == pytest.approx([0.6, 0.3])


@pytest.mark.parametrize("objects", [1, 2, 3, 5])
def test_finish_leaves_the_probabilities_alone(objects):
    """What came from the network is as it was, whatever the size; the mattes are what the formula says of it."""
    own = torch.rand(objects, 6, 9, generator=torch.Generator().manual_seed(0))
    before = own.clone()
    for size in ((6, 9), (12, 18)):
        large = functional.interpolate(before[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
        clipped = ((large - 0.15) / (0.85 - 0.15)).clamp(0, 1)
        assert torch.equal(finish(own, size=size, black=0.15, white=0.85), clipped / clipped.sum(0).clamp(min=1))
        assert torch.equal(own, before)


def test_finish_enlarges_in_place():
    """A centred edge stays where it is, at any size, and each side mirrors the other."""
    own = torch.linspace(0, 1, 12)[None, None].expand(1, 4, 12)
    large = finish(own, size=(16, 48), black=0, white=1)[0]
    assert large.shape == (16, 48)
    torch.testing.assert_close(large, 1 - large.flip(1))
    # A ramp stays a ramp: at 4 times the size, pixel x is at (x + .5) / 4 - .5.
    inside = torch.arange(4, 44)
    torch.testing.assert_close(large[0, inside], ((inside + 0.5) / 4 - 0.5) / 11)


def test_keyframe_replaces_and_makes_room():
    """The artist's matte stands as it is; the others give way where it is solid."""
    propagated = {"a": np.full((1, 3), 0.5, np.float32), "b": np.array([[0.8, 0.8, 0.8]], np.float32)}
    artist = {"a": np.array([[0, 0.25, 1]], np.float32)}
    mattes = with_keyframe(propagated, artist)
    np.testing.assert_array_equal(mattes["a"], artist["a"])
    np.testing.assert_allclose(mattes["b"], [[0.8, 0.6, 0]], atol=1e-6)
    assert with_keyframe(propagated, {})["b"] is propagated["b"]


def test_overlapping_keyframes_are_scaled_only_where_they_overlap():
    """Two artists' mattes that add up to more than 1 share the pixel; elsewhere they stand."""
    artist = {"a": np.array([[1, 1, 0.5]], np.float32), "b": np.array([[0, 1, 0.25]], np.float32)}
    mattes = with_keyframe({name: np.zeros((1, 3), np.float32) for name in "ab"}, artist)
    np.testing.assert_allclose(mattes["a"], [[1, 0.5, 0.5]])
    np.testing.assert_allclose(mattes["b"], [[0, 0.5, 0.25]])


def test_shrink_keeps_coverage():
    """A matte made smaller covers the same share of the picture."""
    matte = np.zeros((60, 80), np.float32)
    matte[10:37, 15:52] = 1
    small = shrink(matte, (15, 20), torch.device("cpu"))
    assert small.shape == (15, 20)
    assert float(small.mean()) == pytest.approx(matte.mean(), abs=2e-3)
