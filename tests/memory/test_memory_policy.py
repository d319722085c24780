"""Eviction from a full memory: keyframes stay, and the most novel of the other elements."""

from __future__ import annotations

import math

import pytest
import torch

from stcn_plugin.memory.bank import MemoryBank, ReadSettings
from stcn_plugin.memory.novelty import novelty, select_replacements
from stcn_plugin.memory.reading import search_keys


def frame(*points: tuple[float, float], value: float = 0.0, objects: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """A frame one pixel high whose keys are points in a plane; every element has the same value."""
    key = torch.tensor(points, dtype=torch.float32).T[:, None]
    return key, torch.full((objects, 3, 1, len(points)), float(value))


def nearest_values(bank: MemoryBank, *points: tuple[float, float]) -> list[float]:
    """The values of the elements nearest to some points; the bank must read one element per query."""
    return bank.read(torch.tensor(points, dtype=torch.float32).T[:, None])[0, 0, 0].tolist()


@pytest.mark.parametrize("budget", [1, 700, 1 << 30])
def test_novelty_is_the_distance_to_the_nearest_key(budget):
    """Novelty is the squared distance to the nearest key for any tile size, and 0 for a key already in memory."""
    generator = torch.Generator().manual_seed(5)
    memory, new = torch.randn(64, 50, generator=generator), torch.randn(64, 13, generator=generator)
    new[:, 4] = memory[:, 30]
    found = novelty(search_keys(memory), new, budget_bytes=budget)
    expected = torch.cdist(new.T.double(), memory.T.double()).square().amin(1)
    torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=1e-5)
    assert found[4] == pytest.approx(0, abs=1e-4)
    assert (found >= 0).all()


def test_the_most_novel_elements_remain():
    """As many elements are evicted as added, and the most novel of both remain."""
    stored = torch.tensor([math.inf, 3.0, 9.0, 1.0, math.inf, 5.0])
    new = torch.tensor([4.0, 0.5, 7.0])
    evicted, added = select_replacements(stored, new)
    assert sorted(evicted.tolist()) == [1, 3]
    assert added.tolist() == [0, 2]
    after = stored.clone()
    after[evicted] = new[added]
    assert sorted(after.tolist()) == [4.0, 5.0, 7.0, 9.0, math.inf, math.inf]


def test_less_novel_elements_replace_nothing():
    """New elements that are less novel than all stored ones are not added."""
    evicted, added = select_replacements(torch.tensor([3.0, math.inf, 2.0]), torch.tensor([1.0, 0.0]))
    assert evicted.tolist() == []
    assert added.tolist() == []


def test_a_full_memory_replaces_single_elements():
    """Only the novel elements of a new frame are added; each replaces a less novel one."""
    bank = MemoryBank(ReadSettings(top_k=1, max_frames=1))
    bank.add(*frame((0, 0), (0, 1), value=1), retention="permanent")
    bank.add(*frame((4, 0), (0, 3), value=2), retention="evictable")  # novelty 16 and 4
    bank.add(*frame((4, 0.1), (0, 9), value=3), retention="evictable")  # novelty 0.01 and 36; 36 replaces 4
    assert bank.elements == 4
    assert nearest_values(bank, (4, 0.1), (0, 9), (0, 3)) == [2, 3, 1]


def test_repeated_frames_do_not_change_the_memory():
    """Of similar elements the older stay, so a still shot keeps reading elements near the keyframe."""
    bank = MemoryBank(ReadSettings(top_k=1, max_frames=2))
    bank.add(*frame((0, 0), (5, 5), value=1), retention="permanent")
    for value in range(2, 9):
        bank.add(*frame((2, 0), (0, 3), value=value), retention="evictable")
    assert nearest_values(bank, (0, 0), (5, 5), (2, 0), (0, 3)) == pytest.approx([1, 1, 2, 2])


def test_keyframes_stay_even_if_they_are_not_novel():
    """Keyframes do not count towards the limit and are never evicted, even identical ones."""
    bank = MemoryBank(ReadSettings(top_k=4, max_frames=1))
    for _ in range(3):
        bank.add(*frame((0, 0), (0, 1), value=1), retention="permanent")
    for far in range(2, 30):
        bank.add(*frame((0, 1.0 * far**2), (3.0 * far**2, 0), value=far), retention="evictable")
    assert bank.elements == 3 * 2 + 2
    assert nearest_values(bank, (0, 0), (0, 1)) == pytest.approx([1, 1])


def test_one_step_frames_do_not_affect_novelty():
    """An element that resembles only the one-step frame is still novel."""
    bank = MemoryBank(ReadSettings(top_k=1, max_frames=1))
    bank.add(*frame((0, 0), value=1), retention="permanent")
    bank.add(*frame((2, 0), value=2), retention="evictable")
    bank.add(*frame((6, 0), value=3), retention="one_step")
    assert bank.elements == 3
    bank.add(*frame((6, 0), value=4), retention="evictable")
    assert bank.elements == 2
    assert nearest_values(bank, (6, 0), (2, 0)) == [4, 1]


def test_a_full_memory_does_not_grow():
    """Once the memory is full, the bank keeps using the same buffers."""
    bank = MemoryBank(ReadSettings(top_k=4, max_frames=3))
    generator = torch.Generator().manual_seed(9)
    buffers, sizes = [], []
    for number in range(40):
        key, value = torch.randn(8, 4, 5, generator=generator), torch.randn(2, 6, 4, 5, generator=generator)
        bank.add(key, value, retention="permanent" if number == 0 else "evictable" if number % 2 else "one_step")
        buffers.append((bank._keys.data_ptr(), bank._values.data_ptr(), bank._novelty.data_ptr()))
        sizes.append(bank.elements)
    assert len(set(buffers[7:])) == 1
    assert max(sizes) == 5 * 20
    assert sizes[-1] == 4 * 20
    assert len(bank._novelty) == 5 * 20


def test_eviction_is_the_same_for_all_objects():
    """Elements are evicted by key only, so every object has a value in every element."""
    bank = MemoryBank(ReadSettings(top_k=1, max_frames=1))
    bank.add(*frame((0, 0), value=1, objects=2), retention="permanent")
    bank.add(*frame((2, 0), value=2, objects=2), retention="evictable")
    bank.add(*frame((9, 0), value=3, objects=2), retention="evictable")
    read = bank.read(torch.tensor([[9.0, 0.0]]).T[:, None])
    assert read.flatten().tolist() == [3] * 6
