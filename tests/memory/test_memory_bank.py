"""The memory read is exact, bounded and stable; the bank retains frames as requested."""

from __future__ import annotations

import math
import weakref

import pytest
import torch

from stcn_plugin.errors import CancelledError
from stcn_plugin.memory.bank import MemoryBank, ReadSettings
from stcn_plugin.memory.reading import largest, read_memory, readout, search_keys, search_queries, similarity


def dense_readout(memory_key, memory_value, query_key, top_k):
    """The published read in float64: dense affinity, zero outside the top k."""
    key, query = memory_key.double(), query_key.double()
    distance = (key[:, :, None] - query[:, None, :]).square().sum(0)
    logits = -distance / math.sqrt(key.shape[0])
    if top_k is not None:
        threshold = logits.topk(min(top_k, logits.shape[0]), dim=0).values[-1]
        logits = logits.masked_fill(logits < threshold, -math.inf)
    return logits.softmax(0).T @ memory_value.double()


@pytest.fixture
def tensors():
    generator = torch.Generator().manual_seed(3)
    key = torch.randn(64, 90, generator=generator)
    value = torch.randn(90, 24, generator=generator)
    query = torch.randn(64, 37, generator=generator)
    return key, value, query


@pytest.mark.parametrize("top_k", [1, 7, 20, 90, 500, None])
@pytest.mark.parametrize("budget", [1, 5000, 1 << 30])
def test_read_equals_the_dense_form(tensors, top_k, budget):
    """The tiled sparse read equals the dense read in float64; k is limited to the number of elements."""
    key, value, query = tensors
    found = read_memory(search_keys(key), value, query, top_k=top_k, budget_bytes=budget)
    torch.testing.assert_close(found, dense_readout(key, value, query, top_k).float(), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("elements", [320, 336, 337, 351, 1000])
@pytest.mark.parametrize("count", [1, 20, 61])
def test_the_largest_are_those_of_a_full_sort(elements, count):
    """Selection in two rounds equals a full sort, also if the elements do not fill whole blocks."""
    similarities = torch.randn(7, elements, generator=torch.Generator().manual_seed(elements))
    values, positions = largest(similarities, count)
    assert torch.equal(values.sort(1).values, similarities.sort(1).values[:, -count:])
    assert torch.equal(similarities.gather(1, positions), values)


def test_large_keys_stay_finite(tensors):
    """Keys so large that an unguarded exponential would overflow give no NaN."""
    key, value, query = tensors
    found = read_memory(search_keys(key * 1000), value, query * 1000, top_k=20, budget_bytes=1 << 20)
    assert torch.isfinite(found).all()
    nearest = (key[:, :, None] - query[:, None, :]).square().sum(0).argmin(0)
    torch.testing.assert_close(found, value[nearest])


def test_tiles_respect_the_budget(tensors, monkeypatch):
    """No tile of similarities is larger than the budget."""
    key, value, query = tensors
    sizes = []

    def watched(keys, queries, *, out):
        result = similarity(keys, queries, out=out)
        sizes.append(result.numel() * result.element_size())
        return result

    monkeypatch.setattr("stcn_plugin.memory.reading.similarity", watched)
    read_memory(search_keys(key), value, query, top_k=5, budget_bytes=4 * 90 * 10)
    assert max(sizes) == 4 * 90 * 10
    assert len(sizes) == 4


def test_on_tile_is_called_after_every_tile_and_can_stop_the_read(tensors):
    """Reading an 8K frame takes minutes on a CPU, so it must be possible to cancel it."""
    key, value, query = tensors
    settings = {"top_k": 5, "budget_bytes": 4 * key.shape[1] * 10}  # ten queries per tile
    tiles = []
    read_memory(search_keys(key), value, query, on_tile=lambda: tiles.append(1), **settings)
    assert len(tiles) == -(-query.shape[1] // 10)

    def stop() -> None:
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        read_memory(search_keys(key), value, query, on_tile=stop, **settings)


def test_running_out_of_memory_halves_the_tiles(tensors, monkeypatch):
    """Smaller tiles give the same result; if one query does not fit, the error is raised."""
    key, value, query = tensors
    capacity = 10

    def scarce(keys, queries, *, out):
        if len(queries) > capacity:
            raise torch.OutOfMemoryError
        return similarity(keys, queries, out=out)

    settings = {"top_k": 5, "budget_bytes": 1 << 30}
    expected = read_memory(search_keys(key), value, query, **settings)
    monkeypatch.setattr("stcn_plugin.memory.reading.similarity", scarce)
    found = read_memory(search_keys(key), value, query, **settings)
    torch.testing.assert_close(found, expected)
    capacity = 0
    with pytest.raises(torch.OutOfMemoryError):
        read_memory(search_keys(key), value, query, **settings)


def test_a_tile_that_did_not_fit_is_freed_before_the_next(tensors, monkeypatch):
    """When a smaller tile is allocated, the larger one is no longer referenced."""
    key, value, query = tensors
    tiles, alive = [], []

    def watched(keys, queries, *, out):
        alive.append([tile() is not None for tile in tiles])
        tiles.append(weakref.ref(out))
        return similarity(keys, queries, out=out)

    def scarce(similarities, *arguments, **named):
        if len(similarities) > 10:
            raise torch.AcceleratorError("CUDA error: out of memory")
        return readout(similarities, *arguments, **named)

    monkeypatch.setattr("stcn_plugin.memory.reading.similarity", watched)
    monkeypatch.setattr("stcn_plugin.memory.reading.readout", scarce)
    read_memory(search_keys(key), value, query, top_k=5, budget_bytes=1 << 30)
    assert alive[:3] == [[], [False], [False, False]]  # 37, 18, 9 queries


def test_invalid_arguments_are_refused(tensors):
    """Different key channels and a top-k below 1 raise ValueError."""
    key, value, query = tensors
    with pytest.raises(ValueError, match=r"\(C \+ 1, N\) and \(P, C \+ 1\)"):
        similarity(search_keys(key[:32]), search_queries(query))
    with pytest.raises(ValueError, match="at least 1"):
        readout(similarity(search_keys(key), search_queries(query)), value, top_k=0)


def frame(number: int, objects: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """A frame whose keys are far from all others, and whose value is no mean of other values."""
    key = torch.zeros(64, 2, 2)
    key[number] = 50 + number
    value = torch.stack([torch.full((3, 2, 2), number**3 % 101 + 100.0 * o) for o in range(objects)])
    return key, value


def remembered(bank: MemoryBank, numbers) -> list[int]:
    """The frames in the bank: those that a query with their key returns."""
    return [n for n in numbers if torch.allclose(bank.read(frame(n)[0]), frame(n)[1], atol=1e-3)]


def test_a_bank_returns_each_frame_and_object():
    """A query equal to a memory key reads the value of that frame, for every object."""
    bank = MemoryBank(ReadSettings(top_k=4))
    for number in range(9):
        bank.add(*frame(number), retention="evictable")
    assert remembered(bank, range(12)) == list(range(9))
    assert bank.elements == 9 * 4


def test_the_least_novel_frames_are_evicted_but_never_keyframes():
    """Beyond the limit the least novel frame is evicted; keyframes stay and do not count."""
    bank = MemoryBank(ReadSettings(top_k=4, max_frames=3))
    bank.add(*frame(0), retention="permanent")
    for number in range(1, 6):
        bank.add(*frame(number), retention="evictable")
    bank.add(*frame(6), retention="permanent")
    bank.add(*frame(7), retention="evictable")
    assert remembered(bank, range(8)) == [0, 4, 5, 6, 7]
    assert bank.elements == 5 * 4


@pytest.mark.parametrize("max_frames", [None, 1, 2])
def test_one_step_frames_are_dropped_when_the_next_is_added(max_frames):
    """A one-step frame can be read until any other frame is added."""
    bank = MemoryBank(ReadSettings(top_k=4, max_frames=max_frames))
    bank.add(*frame(0), retention="permanent")
    bank.add(*frame(1), retention="one_step")
    assert remembered(bank, range(9)) == [0, 1]
    bank.add(*frame(2), retention="one_step")
    assert remembered(bank, range(9)) == [0, 2]
    bank.add(*frame(3), retention="evictable")
    assert remembered(bank, range(9)) == [0, 3]
    bank.add(*frame(4), retention="one_step")
    bank.add(*frame(5), retention="evictable")
    assert remembered(bank, range(9)) == ([0, 5] if max_frames == 1 else [0, 3, 5])
    bank.add(*frame(6), retention="one_step")
    bank.add(*frame(7), retention="evictable")
    expected = {None: [0, 3, 5, 7], 1: [0, 7], 2: [0, 5, 7]}
    assert remembered(bank, range(9)) == expected[max_frames]


class Full(torch.utils._python_dispatch.TorchDispatchMode):
    """A device that cannot allocate memory values of more than ``most`` elements."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.refused: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.new_empty.default and max(args[1]) > self.most and len(args[1]) == 3:
            self.refused.append(tuple(args[1]))
            raise torch.OutOfMemoryError("out of memory")
        return func(*args, **(kwargs or {}))


def test_a_buffer_that_cannot_double_grows_by_the_minimum():
    """If there is no memory for twice the size, the buffer grows by one frame; if not even that fits, it raises."""
    bank = MemoryBank(ReadSettings(top_k=4))
    bank.add(*frame(0), retention="permanent")
    with Full(12) as full:
        bank.add(*frame(1), retention="permanent")  # 16 elements for 8
        bank.add(*frame(2), retention="permanent")
        assert full.refused == [(16, 2, 3), (24, 2, 3)]
        assert remembered(bank, range(9)) == [0, 1, 2]
        with pytest.raises(torch.OutOfMemoryError):
            bank.add(*frame(3), retention="permanent")
    assert remembered(bank, range(9)) == [0, 1, 2]


def test_dropping_an_object_does_not_change_the_others():
    """The values of the other objects stay the same."""
    bank = MemoryBank(ReadSettings(top_k=4))
    bank.add(*frame(1, objects=3), retention="permanent")
    before = bank.read(frame(1)[0])
    bank.drop_object(1)
    assert torch.equal(bank.read(frame(1)[0]), before[[0, 2]])


def test_reading_an_empty_bank_is_an_error():
    """Reading before anything was memorised raises ValueError."""
    with pytest.raises(ValueError, match="nothing has been memorised"):
        MemoryBank(ReadSettings()).read(torch.zeros(64, 2, 2))
