"""The memory bank: keys and values of memory frames for objects that entered on the same frame.

Elements are stored in one buffer. The readout does not depend on their order, so a new element overwrites an evicted one.
Once the limit is reached, the buffer does not grow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from stcn_plugin.choices import BUDGET_MB, TOP_K
from stcn_plugin.device_failures import is_out_of_memory
from stcn_plugin.memory.novelty import novelty, select_replacements
from stcn_plugin.memory.reading import read_memory, search_keys

Retention = Literal["permanent", "evictable", "one_step"]
"""How long a frame stays: `permanent` (keyframes), `evictable`, or `one_step` (until the next frame is added)."""


@dataclass(frozen=True, eq=False)
class BankState:
    """A copy of everything that a bank holds, on the CPU.

    Args:
        keys: ``(C + 1, capacity)`` search keys; elements past ``used`` are undefined, here and below.
        values: ``(capacity, O, D)``.
        novelty: ``(capacity,)``.
        used: Number of elements that are read.
        stored: Number of elements without one-step elements.
        permanent: Number of elements that are never evicted.
    """

    keys: Tensor
    values: Tensor
    novelty: Tensor
    used: int
    stored: int
    permanent: int


@dataclass(frozen=True)
class ReadSettings:
    """Read settings and limit of a bank.

    Args:
        top_k: Memory elements kept per query pixel; ``None`` keeps all.
        max_frames: Maximum number of evictable elements, in frames; ``None`` sets no limit.
        budget_bytes: Maximum size of one tile of similarities.
    """

    top_k: int | None = TOP_K
    max_frames: int | None = None
    budget_bytes: int = BUDGET_MB << 20


class MemoryBank:
    """Keys and values of memory elements, for a fixed set of objects.

    Args:
        settings: Top-k, limit and budget.
    """

    def __init__(self, settings: ReadSettings) -> None:
        self._settings = settings
        self._keys = torch.empty(0)
        self._values = torch.empty(0)
        self._novelty = torch.empty(0)
        self._used = 0
        self._stored = 0  # without one-step elements, which are stored last
        self._permanent = 0

    @property
    def elements(self) -> int:
        """Number of elements in memory."""
        return self._used

    def add(self, key: Tensor, value: Tensor, *, retention: Retention) -> None:
        """Memorise a frame. A one-step frame added before is dropped.

        Args:
            key: ``(C, h, w)`` memory key.
            value: ``(O, D, h, w)`` memory values of the bank's objects.
            retention: How long the frame stays.
        """
        key, value = key.flatten(1), value.flatten(2).permute(2, 0, 1)
        size = len(value)
        novelties = key.new_full((size,), math.inf)
        if retention == "evictable" and self._settings.max_frames is not None:
            if self._stored:
                novelties = novelty(self._keys[:, : self._stored], key, budget_bytes=self._settings.budget_bytes)
            if self._stored - self._permanent >= self._settings.max_frames * size:
                self._used = self._stored
                evicted, replacing = select_replacements(self._novelty[: self._stored], novelties)
                self._write(evicted, key[:, replacing], value[replacing], novelties[replacing])
                return
        end = self._stored + size
        self._reserve(end, key, value)
        self._write(slice(self._stored, end), key, value, novelties)
        self._used = end
        if retention != "one_step":
            self._stored = end
        if retention == "permanent":
            self._permanent += size

    def read(self, query_key: Tensor, *, on_tile: Callable[[], None] = lambda: None) -> Tensor:
        """Read the memory for a query frame.

        Args:
            query_key: ``(C, h, w)``.
            on_tile: Called after each tile; reading a large frame takes minutes on a CPU. An exception that it raises
                stops the read.

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
            on_tile=on_tile,
        )
        return flat.view(-1, objects, channels).permute(1, 2, 0).reshape(objects, channels, *query_key.shape[1:])

    def state(self) -> BankState:
        """Return a copy of the memory, for `restored`."""
        keys, values, novelty = (
            tensor.detach().to("cpu", copy=True) for tensor in (self._keys, self._values, self._novelty)
        )
        return BankState(keys, values, novelty, self._used, self._stored, self._permanent)

    @classmethod
    def restored(cls, state: BankState, settings: ReadSettings, device: torch.device) -> MemoryBank:
        """Return a bank that continues with the same results as the one that `state` was taken from.

        Args:
            state: From `state`. It is copied.
            settings: The settings of that bank.
            device: Device of the new bank.
        """
        bank = cls(settings)
        # The capacity is kept too: the layout of a matrix may select another kernel, with another rounding.
        bank._keys, bank._values, bank._novelty = (
            tensor.to(device, copy=True) for tensor in (state.keys, state.values, state.novelty)
        )
        bank._used, bank._stored, bank._permanent = state.used, state.stored, state.permanent
        return bank

    def drop_object(self, position: int) -> None:
        """Remove an object by its position among the bank's objects."""
        remaining = [i for i in range(self._values.shape[1]) if i != position]
        self._values = self._values[:, remaining].contiguous()

    def _write(self, indices: slice | Tensor, key: Tensor, value: Tensor, novelties: Tensor) -> None:
        self._keys[:, indices] = search_keys(key)
        self._values[indices] = value
        self._novelty[indices] = novelties

    def _reserve(self, needed: int, key: Tensor, value: Tensor) -> None:
        """Grow the buffers if needed: to twice the size, or less if the limit or the free memory is smaller."""
        if needed <= len(self._novelty):
            return
        capacity, size = 2 * needed if self._stored else needed, len(value)
        if self._settings.max_frames is not None:
            limit = self._permanent + (self._settings.max_frames + 1) * size  # one more for a one-step frame
            capacity = max(min(capacity, limit), needed)
        try:
            self._move(capacity, key, value)
        except (MemoryError, RuntimeError) as error:
            if capacity == needed or not is_out_of_memory(error):
                raise
        else:
            return
        self._move(needed, key, value)  # outside the handler, where the error keeps tensors alive

    def _move(self, capacity: int, key: Tensor, value: Tensor) -> None:
        """Copy the elements to new buffers."""
        keys = key.new_empty(key.shape[0] + 1, capacity)  # see search_keys
        values = value.new_empty(capacity, *value.shape[1:])
        novelties = key.new_empty(capacity)
        if self._stored:
            keys[:, : self._stored] = self._keys[:, : self._stored]
            values[: self._stored] = self._values[: self._stored]
            novelties[: self._stored] = self._novelty[: self._stored]
        self._keys, self._values, self._novelty = keys, values, novelties
