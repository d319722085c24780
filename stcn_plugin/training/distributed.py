"""One run over several GPUs, or several processes of a CPU, as ``torchrun`` starts them."""

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

_VALIDATION = timedelta(hours=4)
"""How long the others wait for the one that validates."""


@dataclass(frozen=True)
class Group:
    """The processes that share a run.

    Args:
        rank: Number of this one.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process reports, validates and writes."""
        return self.rank == 0

    def wrapped(self, module: nn.Module, device: torch.device) -> nn.Module:
        """Return the module so that gradients are averaged over all processes."""
        if self.size == 1:
            return module
        return DistributedDataParallel(module, device_ids=[device] if device.type == "cuda" else None)

    def mean(self, values: list[float], device: torch.device) -> list[float]:
        """Return the averages over all processes, alike in each."""
        if self.size == 1:
            return values
        together = torch.tensor(values, device=device, dtype=torch.float64 if device.type == "cpu" else torch.float32)
        distributed.all_reduce(together)
        return (together / self.size).tolist()

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def joined_group(batch: int, *, device: str) -> Iterator[Group]:
    """Join the processes that ``torchrun`` started; alone where there is no ``torchrun``.

    Args:
        batch: Samples a step, which the processes share evenly.
        device: What the configuration asks for; GPUs and CPUs talk in different ways.

    Raises:
        TrainingError: The samples cannot be shared evenly.
    """
    size = int(environment.WORLD_SIZE.value() or 1)
    if size == 1:
        yield Group()
        return
    if batch % size:
        raise TrainingError(f"steps.batch: {batch} samples cannot be shared evenly by {size} processes")
    own = choose_device(own_device(device))
    if own.type == "cuda":
        torch.cuda.set_device(own)  # or all processes would first meet on the first GPU
    distributed.init_process_group("nccl" if own.type == "cuda" else "gloo", timeout=_VALIDATION)
    try:
        yield Group(distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()


def is_leader() -> bool:
    """Tell whether this process reports, before it has joined the others."""
    return (environment.RANK.value() or "0") == "0"


def own_device(name: str) -> str:
    """Return the device of this process: where there are several, each has a GPU of its own.

    Args:
        name: What the configuration asks for.
    """
    local = environment.LOCAL_RANK.value()
    if not local or name not in ("auto", "cuda") or not torch.cuda.is_available():
        return name
    return f"cuda:{local}"
