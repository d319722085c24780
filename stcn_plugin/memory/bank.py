"""The memory bank: elements of frames kept for objects that came in together.

Elements lie one after another in one buffer. Their order means nothing to the readout, so an element that leaves gives
its place to one that comes: nothing is ever shifted, and once the cap is reached nothing grows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from stcn_plugin.device_failures import is_out_of_memory
from stcn_plugin.memory.novelty import exchange, novelty
from stcn_plugin.memory.reading import read_memory, search_keys

Keep = Literal["always", "while_room", "one_step"]
"""How long a frame stays: for good (keyframes), each element until more novel ones push it out, or until the next frame comes."""


@dataclass(frozen=True)
class ReadSettings:
    """How a bank is read and bounded.

    Args:
        top_k: Memory elements that count per query pixel; ``None`` counts all.
        max_frames: Most elements kept ``while_room``, in frames' worth; ``None`` sets no limit.
        budget_bytes: Largest tile of similarities held at once.
    """

    top_k: int | None = 20
    max_frames: int | None = None
    budget_bytes: int = 8 << 20


class MemoryBank:
    """Keys and values of memory elements, for a fixed set of objects.

    Args:
        settings: Top-k, cap and budget.
    """

    def __init__(self, settings: ReadSettings) -> None:
        self._settings = settings
        self._keys = torch.empty(0)
        self._values = torch.empty(0)
        self._novelty = torch.empty(0)
        self._used = 0
        self._kept = 0  # those of one step, which lie behind the others, left out
        self._given = 0  # of keyframes

    @property
    def elements(self) -> int:
        """How many elements are in memory."""
        return self._used

    def add(self, key: Tensor, value: Tensor, *, keep: Keep) -> None:
        """Memorise one frame. Whatever was kept for one step gives way to it.

        Args:
            key: ``(C, h, w)`` memory key.
            value: ``(O, D, h, w)`` memory values of this bank's objects.
            keep: How long it stays.
        """
        key, value = key.flatten(1), value.flatten(2).permute(2, 0, 1)
        size = len(value)
        found = key.new_full((size,), math.inf)
        if keep == "while_room" and self._settings.max_frames is not None:
            if self._kept:
                found = novelty(self._keys[:, : self._kept], key, budget_bytes=self._settings.budget_bytes)
            if self._kept - self._given >= self._settings.max_frames * size:
                self._used = self._kept
                places, coming = exchange(self._novelty[: self._kept], found)
                self._write(places, key[:, coming], value[coming], found[coming])
                return
        end = self._kept + size
        self._reserve(end, key, value)
        self._write(slice(self._kept, end), key, value, found)
        self._used = end
        if keep != "one_step":
            self._kept = end
        if keep == "always":
            self._given += size

    def read(self, query_key: Tensor) -> Tensor:
        """Read the values that belong to a query frame.

        Args:
            query_key: ``(C, h, w)``.

        Returns:
            Readout ``(O, D, h, w)``.

        Raises:
            ValueError: The bank is empty.
        """
        if not self._used:
            raise ValueError("nothing has been memorised yet")
        _, objects, channels = self._values.shape
        flat = read_memory(
            self._keys[:, : self._used],
            self._values[: self._used].view(self._used, objects * channels),
            query_key.flatten(1),
            top_k=self._settings.top_k,
            budget_bytes=self._settings.budget_bytes,
        )
        return flat.view(-1, objects, channels).permute(1, 2, 0).reshape(objects, channels, *query_key.shape[1:])

    def drop_object(self, position: int) -> None:
        """Forget one object, by its position among the bank's objects."""
        kept = [i for i in range(self._values.shape[1]) if i != position]
        self._values = self._values[:, kept].contiguous()

    def _write(self, places: slice | Tensor, key: Tensor, value: Tensor, found: Tensor) -> None:
        self._keys[:, places] = search_keys(key)
        self._values[places] = value
        self._novelty[places] = found

    def _reserve(self, needed: int, key: Tensor, value: Tensor) -> None:
        """Make room for a number of elements: doubling, so that growing costs little, but not beyond cap and memory."""
        if needed <= len(self._novelty):
            return
        capacity, size = 2 * needed if self._kept else needed, len(value)
        if self._settings.max_frames is not None:
            most = self._given + (self._settings.max_frames + 1) * size  # one more for a single step
            capacity = max(min(capacity, most), needed)
        try:
            self._move(capacity, key, value)
        except (MemoryError, RuntimeError) as error:
            if capacity == needed or not is_out_of_memory(error):
                raise
        else:
            return
        self._move(needed, key, value)  # only now: the error kept alive what had been got before it

    def _move(self, capacity: int, key: Tensor, value: Tensor) -> None:
        """Move to new buffers of a capacity."""
        keys = key.new_empty(key.shape[0] + 1, capacity)  # as search_keys gives them
        values = value.new_empty(capacity, *value.shape[1:])
        novelties = key.new_empty(capacity)
        if self._kept:
            keys[:, : self._kept] = self._keys[:, : self._kept]
            values[: self._kept] = self._values[: self._kept]
            novelties[: self._kept] = self._novelty[: self._kept]
        self._keys, self._values, self._novelty = keys, values, novelties
