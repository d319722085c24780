"""The memory bank: frames kept for objects that came in together.

Elements lie frame by frame in slots of one growing buffer. The order of slots means nothing to the readout, so a
frame that leaves gives its slot to the next that comes: nothing is ever shifted or copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from stcn_plugin.memory.reading import read_memory, search_keys

Keep = Literal["always", "while_room", "one_step"]
"""How long a memory frame stays: for good (keyframes), until the cap pushes it out, or until the next frame comes."""


@dataclass(frozen=True)
class ReadSettings:
    """How a bank is read and bounded.

    Args:
        top_k: Memory elements that count per query pixel; ``None`` counts all.
        max_frames: Most frames kept ``while_room``; ``None`` sets no limit.
        budget_bytes: Largest tile of similarities held at once.
    """

    top_k: int | None = 20
    max_frames: int | None = None
    budget_bytes: int = 32 << 20


class MemoryBank:
    """Keys and values of memory frames, for a fixed set of objects.

    Args:
        settings: Top-k, cap and budget.
    """

    def __init__(self, settings: ReadSettings) -> None:
        self._settings = settings
        self._slots: list[Keep] = []
        self._age: list[int] = []
        self._added = 0
        self._keys = torch.empty(0)
        self._values = torch.empty(0)
        self._frame_elements = 0

    @property
    def frames(self) -> int:
        """How many frames are in memory."""
        return len(self._slots)

    def add(self, key: Tensor, value: Tensor, *, keep: Keep) -> None:
        """Memorise one frame. Whatever was kept for one step gives way to it.

        Args:
            key: ``(C, h, w)`` memory key.
            value: ``(O, D, h, w)`` memory values of this bank's objects.
            keep: How long it stays.
        """
        slot = self._free_slot(keep)
        if slot == len(self._slots):
            self._slots.append(keep)
            self._age.append(self._added)
            self._reserve(key, value)
        self._slots[slot], self._age[slot] = keep, self._added
        self._added += 1
        rows = slice(slot * self._frame_elements, (slot + 1) * self._frame_elements)
        self._keys[:, rows] = search_keys(key.flatten(1))
        self._values[rows] = value.flatten(2).permute(2, 0, 1)

    def read(self, query_key: Tensor) -> Tensor:
        """Read the values that belong to a query frame.

        Args:
            query_key: ``(C, h, w)``.

        Returns:
            Readout ``(O, D, h, w)``.

        Raises:
            ValueError: The bank is empty.
        """
        if not self._slots:
            raise ValueError("nothing has been memorised yet")
        used = len(self._slots) * self._frame_elements
        _, objects, channels = self._values.shape
        flat = read_memory(
            self._keys[:, :used],
            self._values[:used].view(used, objects * channels),
            query_key.flatten(1),
            top_k=self._settings.top_k,
            budget_bytes=self._settings.budget_bytes,
        )
        return flat.view(-1, objects, channels).permute(1, 2, 0).reshape(objects, channels, *query_key.shape[1:])

    def drop_object(self, position: int) -> None:
        """Forget one object, by its position among the bank's objects."""
        kept = [i for i in range(self._values.shape[1]) if i != position]
        self._values = self._values[:, kept].contiguous()

    def _free_slot(self, keep: Keep) -> int:
        """Choose where the next frame goes: the one-step slot, else the oldest beyond the cap, else a new slot."""
        if "one_step" in self._slots:
            slot = self._slots.index("one_step")
            if keep != "while_room" or not self._is_full():
                return slot
            # The cap is reached all the same: the oldest makes room and the one-step slot closes up.
            self._remove(slot)
        if keep == "while_room" and self._is_full():
            return min((age, slot) for slot, age in enumerate(self._age) if self._slots[slot] == "while_room")[1]
        return len(self._slots)

    def _is_full(self) -> bool:
        return self._settings.max_frames is not None and self._slots.count("while_room") >= self._settings.max_frames

    def _remove(self, slot: int) -> None:
        """Close one slot by moving the last one into it."""
        last = len(self._slots) - 1
        if slot != last:
            size = self._frame_elements
            self._keys[:, slot * size : (slot + 1) * size] = self._keys[:, last * size : (last + 1) * size]
            self._values[slot * size : (slot + 1) * size] = self._values[last * size : (last + 1) * size]
            self._slots[slot], self._age[slot] = self._slots[last], self._age[last]
        del self._slots[last], self._age[last]

    def _reserve(self, key: Tensor, value: Tensor) -> None:
        """Make room for the slots there are: doubling, so that growing costs little, but not beyond the cap."""
        self._frame_elements = key.shape[1] * key.shape[2]
        needed = len(self._slots) * self._frame_elements
        if needed <= self._values.shape[0] and self._values.dim() == 3:
            return
        slots = 1 if len(self._slots) == 1 else 2 * len(self._slots)
        if self._settings.max_frames is not None:
            most = self._slots.count("always") + self._settings.max_frames + 1  # one more for a single step
            slots = max(min(slots, most), len(self._slots))
        capacity = slots * self._frame_elements
        keys = key.new_empty(key.shape[0] + 1, capacity)  # as search_keys gives them
        values = value.new_empty(capacity, value.shape[0], value.shape[1])
        if self._values.dim() == 3:
            filled = self._values.shape[0]
            keys[:, :filled], values[:filled] = self._keys, self._values
        self._keys, self._values = keys, values
