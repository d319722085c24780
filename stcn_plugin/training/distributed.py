"""Distributed training with ``torchrun``, on several GPUs or in several CPU processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from stcn_plugin import environment
from stcn_plugin.errors import TrainingError
from stcn_plugin.network.devices import choose_device

_TIMEOUT = timedelta(hours=4)
"""The other processes wait this long while the leader validates."""


@dataclass(frozen=True)
class Group:
    """The processes of a run.

    Args:
        rank: Rank of this process.
        size: Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_leader(self) -> bool:
        """Whether this process reports, validates and writes."""
        return self.rank == 0

    def wrap(self, module: nn.Module, device: torch.device) -> nn.Module:
        """Return the module, wrapped so that gradients are averaged over all processes."""
        if self.size == 1:
            return module
        return DistributedDataParallel(module, device_ids=[device] if device.type == "cuda" else None)

    def mean(self, values: list[float], device: torch.device) -> list[float]:
        """Return the averages over all processes."""
        if self.size == 1:
            return values
        sums = torch.tensor(values, device=device, dtype=torch.float64 if device.type == "cpu" else torch.float32)
        distributed.all_reduce(sums)
        return (sums / self.size).tolist()

    def barrier(self) -> None:
        """Wait until all processes have reached this call."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def process_group(batch_size: int, *, device: str) -> Iterator[Group]:
    """Join the process group that ``torchrun`` started; without ``torchrun``, a group of one.

    Args:
        batch_size: Samples per step, divided among the processes.
        device: The setting ``compute.device``; it decides the backend.

    Raises:
        TrainingError: The batch size is not divisible by the number of processes.
    """
    size = int(environment.WORLD_SIZE.value() or 1)
    if size == 1:
        yield Group()
        return
    if batch_size % size:
        raise TrainingError(f"steps.batch_size: {batch_size} samples cannot be divided evenly among {size} processes")
    local = choose_device(local_device(device))
    if local.type == "cuda":
        torch.cuda.set_device(local)  # otherwise every process opens a context on the first GPU
    distributed.init_process_group("nccl" if local.type == "cuda" else "gloo", timeout=_TIMEOUT)
    try:
        yield Group(distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()


def is_leader() -> bool:
    """Whether this process is the leader; valid before `process_group`."""
    return (environment.RANK.value() or "0") == "0"


def local_device(name: str) -> str:
    """Return the device of this process; each process of a distributed run has its own GPU.

    Args:
        name: The setting ``compute.device``.
    """
    local = environment.LOCAL_RANK.value()
    if not local or name not in ("auto", "cuda") or not torch.cuda.is_available():
        return name
    return f"cuda:{local}"
